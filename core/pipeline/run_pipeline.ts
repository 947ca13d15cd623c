/**
 * Runs a pipeline: image stages one by one, adjacent segment stages together for each program header.
 *
 * @module
 */

import { unlessAborted } from "../intake/unless_aborted.ts";
import { type Base, EMPTY_CONTEXT } from "./context.ts";
import { forEachProgramHeader } from "./for_each_program_header.ts";
import { checkAdded } from "./run_stage.ts";
import type { SegmentStage, Stage } from "./stage.ts";

/** What a pipeline leaves behind. */
export interface Outcome {
  /** The context, grown by every stage. */
  readonly context: Readonly<Record<string, unknown>>;
  /** What each stage added, by its name; without those that added nothing. */
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
  const context: Record<string, unknown> = { ...EMPTY_CONTEXT, ...base };
  const additions = new Map<string, Readonly<Record<string, unknown>>>();
  for (let at = 0; at < stages.length;) {
    signal?.throwIfAborted();
    const stage = stages[at];
    if ("segment" in stage) {
      const group = segmentStagesFrom(stages, at);
      const looped = await unlessAborted(forEachProgramHeader(group)(context as never), signal);
      looped.additions.forEach((added, name) => additions.set(name, added));
      at += group.length;
    } else {
      const returned = stage.run(context as never);
      const awaited = returned instanceof Promise ? await unlessAborted(returned, signal) : returned;
      const added = checkAdded(stage, awaited);
      if (added) additions.set(stage.name, added);
      Object.assign(context, added);
      at++;
    }
  }
  return { context, additions };
}

/** The adjacent segment stages that start at an index. */
function segmentStagesFrom(stages: readonly Stage[], start: number): readonly SegmentStage[] {
  const group: SegmentStage[] = [];
  for (let at = start; at < stages.length; at++) {
    const stage = stages[at];
    if (!("segment" in stage)) break;
    group.push(stage);
  }
  return group;
}
