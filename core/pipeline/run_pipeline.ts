/**
 * Runs a pipeline: image stages one by one, adjacent segment stages together for each program header.
 *
 * @module
 */

import { unlessAborted } from "../intake/unless_aborted.ts";
import type { Base } from "./context.ts";
import { forEachProgramHeader } from "./for_each_program_header.ts";
import { checkAdded } from "./run_stage.ts";
import type { ImageStage, SegmentStage, Stage } from "./stage.ts";

/** What a pipeline leaves behind. */
export interface Outcome {
  /** The context, grown by every stage. */
  readonly context: Readonly<Record<string, unknown>>;
  /** What each stage added, by its name. */
  readonly additions: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

/**
 * Runs stages whose order has been checked.
 *
 * @param stages The stages.
 * @param base What every stage can read.
 * @param signal Aborts the run, without waiting for the current stage.
 * @returns The grown context and each stage's additions.
 */
export async function runPipeline(stages: readonly Stage[], base: Base, signal?: AbortSignal): Promise<Outcome> {
  let context: Record<string, unknown> = { ...base };
  const additions = new Map<string, Readonly<Record<string, unknown>>>();
  for (const group of grouped(stages)) {
    signal?.throwIfAborted();
    if (Array.isArray(group)) {
      const looped = await unlessAborted(forEachProgramHeader(group)(context as never), signal);
      context = { ...context, ...looped.grown };
      looped.additions.forEach((added, name) => additions.set(name, added));
    } else {
      const added = checkAdded(group, await unlessAborted(group.run(context as never), signal)) ?? {};
      context = { ...context, ...added };
      additions.set(group.name, added);
    }
  }
  return { context, additions };
}

/** Groups stages: each image stage alone, adjacent segment stages as one list. */
function grouped(stages: readonly Stage[]): readonly (ImageStage | SegmentStage[])[] {
  const groups: (ImageStage | SegmentStage[])[] = [];
  for (const stage of stages) {
    const last = groups.at(-1);
    if (!("segment" in stage)) groups.push(stage);
    else if (Array.isArray(last)) last.push(stage);
    else groups.push([stage]);
  }
  return groups;
}
