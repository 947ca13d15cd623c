/**
 * The loop that segment stages run in: it prepares memory, then runs all stages for each program header, in table
 * order. This interleaving allocates frames in the same order as the original.
 *
 * @module
 */

import { atHeader } from "../address_space/segment_of_page.ts";
import { LoadError } from "../errors.ts";
import type { Loading } from "./context.ts";
import { type Prepared, prepareMemory } from "./prepare_memory.ts";
import { checkAdded } from "./run_stage.ts";
import type { SegmentStage } from "./stage.ts";

/** What the loop leaves behind. */
export interface Looped {
  /** The context that was passed, grown by every stage. */
  readonly grown: Readonly<Inside>;
  /** What each stage added, by its name; without those that added nothing. */
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
    const additions = new Map<string, Record<string, unknown>>();
    const grown: Inside = Object.assign(context, loading);
    let handled = 0;
    for (const segment of context.segments) {
      try {
        for (const stage of stages) {
          // checkOrder guarantees that the context has what the stage needs.
          const returned = stage.segment(segment, grown as never);
          // Only promises are awaited: a turn for each stage and header would cost more than most stages.
          const added = checkAdded(stage, returned instanceof Promise ? await returned : returned);
          if (added === undefined) continue;
          Object.assign(grown, added);
          additions.set(stage.name, { ...additions.get(stage.name), ...added });
        }
      } catch (error) {
        throw error instanceof LoadError ? atHeader(error, segment, grown) : error;
      }
      if (++handled % HEADERS_PER_PAUSE !== 0) continue;
      const pausing = context.pause();
      if (pausing) await pausing;
    }
    const arriving = context.intake.require(loading.keptBytes);
    const arrived = typeof arriving === "number" ? arriving : await arriving;
    if (arrived < loading.keptBytes) await nameCutOff(context, loading);
    return { grown, additions };
  };
}

/** How many headers to handle before asking whether a pause is due. */
const HEADERS_PER_PAUSE = 16;

/** Refuses a file that ended too early, naming the first segment that is cut off, if any is. */
async function nameCutOff({ segments }: Prepared, loading: Loading): Promise<void> {
  for (const segment of segments) if (segment.load) await loading.fileBytes(segment);
}
