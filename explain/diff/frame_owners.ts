/**
 * What frames are for.
 *
 * @module
 */

import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import { firstWhere } from "../binary_search.ts";
import type { ExplainedKernel } from "../explained.ts";

/** Looks up frames, best in ascending order. */
export interface FrameOwners {
  /** The owner of the frame that was looked up last, if it has one. */
  readonly owner: FrameOwner | undefined;
  /** Number of frames, from that one on, that have the same owner. */
  readonly frames: number;
  /** Looks up a frame by its physical address. */
  readonly seek: (phys: number) => void;
  /** Goes to a large page: it covers frames of any owners. */
  readonly skip: () => void;
}

/**
 * Prepares to look up frames.
 *
 * @param kernel The kernel that took them; without one, no frame has an owner.
 * @returns The owners.
 */
export function frameOwners(kernel: ExplainedKernel | undefined): FrameOwners {
  const runs = [...kernel?.frameRuns() ?? []].sort((one, other) => one.phys - other.phys);
  const found: { -readonly [K in keyof FrameOwners]: FrameOwners[K] } = {
    owner: undefined,
    frames: Infinity,
    skip: () => {
      found.owner = undefined;
      found.frames = Infinity;
      end = 0;
    },
    seek: (phys) => {
      if (phys >= start && phys < end) {
        found.frames = (end - phys) / PAGE_SIZE;
        return;
      }
      const next = firstWhere(runs.length, (at) => runs[at].phys > phys);
      const run = runs[next - 1];
      const isInside = run !== undefined && phys < run.phys + run.size;
      start = isInside ? run.phys : run === undefined ? 0 : run.phys + run.size;
      end = Math.min(isInside ? run.phys + run.size : Infinity, runs[next]?.phys ?? Infinity);
      found.owner = isInside ? run.owner : undefined;
      found.frames = (end - phys) / PAGE_SIZE;
    },
  };
  let start = 0;
  let end = 0;
  return found;
}
