/**
 * Runs a pipeline: image stages one after the other, neighbouring segment stages together for each program header.
 *
 * @module
 */

import { unlessAborted } from "../intake/unless_aborted.ts";
import { forEachProgramHeader, type SegmentResults } from "./for_each_program_header.ts";
import type { AnyImageStage, AnySegmentStage, Base, Stage } from "./stage.ts";

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
 * @param base What every stage can see.
 * @param signal Ends the run; a stage that is under way is not waited for.
 * @returns The grown context and each stage's additions.
 */
export async function runPipeline(stages: readonly Stage[], base: Base, signal?: AbortSignal): Promise<Outcome> {
  let context: Record<string, unknown> = { ...base };
  const additions = new Map<string, Readonly<Record<string, unknown>>>();
  for (const stage of imageStages(stages)) {
    signal?.throwIfAborted();
    const added = await unlessAborted(stage.run(context as never), signal) as Record<string, unknown> | undefined ?? {};
    context = { ...context, ...added };
    const { segmentResults } = added as Partial<SegmentResults>;
    if (segmentResults) segmentResults.forEach((result, name) => additions.set(name, result));
    else additions.set(stage.name, added);
  }
  return { context, additions };
}

function imageStages(stages: readonly Stage[]): readonly AnyImageStage[] {
  const grouped: AnyImageStage[] = [];
  let segments: AnySegmentStage[] = [];
  const flush = () => {
    if (segments.length > 0) grouped.push(forEachProgramHeader(segments));
    segments = [];
  };
  for (const stage of stages) {
    if ("segment" in stage) {
      segments.push(stage);
    } else {
      flush();
      grouped.push(stage);
    }
  }
  flush();
  return grouped;
}
