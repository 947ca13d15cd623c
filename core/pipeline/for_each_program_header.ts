/**
 * The one image stage that segment stages run under: it makes memory ready, then runs them all for each program
 * header, in table order. That interleaving makes the frames come out in the original's order.
 *
 * @module
 */

import type { Segment } from "../elf/program_header.ts";
import { LoadError } from "../errors.ts";
import { atHeader } from "./at_header.ts";
import { prepareMemory } from "./prepare_memory.ts";
import type { AnySegmentStage, Base, Checked, ImageStage, Kept, Loading } from "./stage.ts";

/** What the loop hands on beside what the stages in it add: each stage's additions, by its name. */
export interface SegmentResults {
  /** What each stage added. */
  readonly segmentResults: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

/**
 * Combines segment stages into one image stage.
 *
 * @param stages The stages, in the order in which they run for each header.
 * @returns The image stage. A `LoadError` of a stage is given the header's index, and the header that owns the page.
 */
export function forEachProgramHeader(
  stages: readonly AnySegmentStage[],
): ImageStage<Base & Checked & Partial<Kept> & Partial<Loading>, Loading & SegmentResults, "for-each-program-header"> {
  return {
    name: "for-each-program-header",
    needs: ["segments"],
    adds: ["memory", "frames", "pageTable", "keptBytes", "fileBytes", "segmentResults"],
    run: async (context) => {
      const loading = context.memory ? (context as Base & Checked & Loading) : await prepareMemory(context);
      const results = new Map(stages.map((stage) => [stage.name, {} as Record<string, unknown>]));
      let grown: Base & Checked & Loading = { ...context, ...loading };
      for (const phdr of context.segments) {
        for (const stage of stages) {
          const added = await runStage(stage, phdr, grown);
          const names = Object.keys(added);
          if (names.length === 0) continue;
          grown = { ...grown, ...added };
          Object.assign(results.get(stage.name)!, added);
        }
      }
      await everythingArrived(context, loading);
      return { ...grown, segmentResults: results };
    },
  };
}

async function runStage(
  stage: AnySegmentStage,
  phdr: Segment,
  context: Base & Checked & Loading,
): Promise<Record<string, unknown>> {
  try {
    // checkOrder has seen to it that the context has what the stage needs.
    const added = stage.segment(phdr, context as never);
    return ((added instanceof Promise ? await added : added) ?? {}) as Record<string, unknown>;
  } catch (error) {
    throw error instanceof LoadError ? atHeader(error, phdr, context.segments) : error;
  }
}

async function everythingArrived({ segments, intake }: Base & Checked, loading: Loading): Promise<void> {
  for (const phdr of segments) if (phdr.load && phdr.load.fileSize > 0) await loading.fileBytes(phdr);
  await intake.require(loading.keptBytes);
}
