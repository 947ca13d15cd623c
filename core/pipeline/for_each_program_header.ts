/**
 * The loop that segment stages run in: it prepares memory, then runs all stages for each program header, in table
 * order. This interleaving allocates frames in the same order as the original.
 *
 * @module
 */

import { atHeader } from "../address_space/segment_of_page.ts";
import type { Segment } from "../elf/program_header.ts";
import { LoadError } from "../errors.ts";
import type { Loading } from "./context.ts";
import { type Prepared, prepareMemory } from "./prepare_memory.ts";
import { checkAdded } from "./run_stage.ts";
import type { SegmentStage } from "./stage.ts";

/** What the loop leaves behind. */
export interface Looped {
  /** The context, grown by every stage. */
  readonly grown: Readonly<Inside>;
  /** What each stage added, by its name. */
  readonly additions: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

/** The context of the stages in the loop. */
export type Inside = Prepared & Loading;

/**
 * Combines segment stages into one step.
 *
 * @param stages The stages, in the order in which they run for each header.
 * @returns The step. A `LoadError` from a stage gets the index of the header and, if a page is already mapped, its
 * owner.
 */
export function forEachProgramHeader(
  stages: readonly SegmentStage[],
): (context: Prepared & Partial<Loading>) => Promise<Looped> {
  return async (context) => {
    const isPrepared = context.addressSpace !== undefined; // by an earlier group of segment stages
    const loading = isPrepared ? (context as Inside) : await prepareMemory(context);
    const additions = new Map(stages.map((stage) => [stage.name, {} as Record<string, unknown>]));
    let grown: Inside = { ...context, ...loading };
    for (const segment of context.segments) {
      for (const stage of stages) {
        const added = await runStage(stage, segment, grown);
        if (added === undefined) continue;
        grown = { ...grown, ...added };
        Object.assign(additions.get(stage.name)!, added);
      }
      const pausing = context.pause();
      if (pausing) await pausing;
    }
    await everythingArrived(context, loading);
    return { grown, additions };
  };
}

async function runStage(
  stage: SegmentStage,
  segment: Segment,
  context: Inside,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    // checkOrder guarantees that the context has what the stage needs.
    const added = stage.segment(segment, context as never);
    return checkAdded(stage, added instanceof Promise ? await added : added);
  } catch (error) {
    throw error instanceof LoadError ? atHeader(error, segment, context) : error;
  }
}

async function everythingArrived({ segments, intake }: Prepared, loading: Loading): Promise<void> {
  for (const segment of segments) if (segment.load && segment.load.fileSize > 0) await loading.fileBytes(segment);
  await intake.require(loading.keptBytes);
}
