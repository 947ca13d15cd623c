/** Frame allocators: in every order, with and without what is optional, running out, and handing out rubbish. */

import type { FrameAllocator } from "../../mod.ts";
import type { Random } from "./random.ts";

/** The order and the manners of an allocator. */
export const ALLOCATORS = ["ascending", "descending", "sparse", "shuffled", "hostile"] as const;

/** An allocator, by what it will hand out. */
export interface AllocatorPlan {
  readonly kind: (typeof ALLOCATORS)[number];
  /** The frames in order; a hostile allocator has some among them that cannot be used. */
  readonly frames: readonly number[];
  readonly hasRuns: boolean;
  readonly countsLeft: boolean;
}

/** Plans an allocator over frames that are free, given ascending; a hostile one may hand out one that is taken. */
export function planAllocator(
  random: Random,
  free: readonly number[],
  taken: readonly number[],
  most: number,
): AllocatorPlan {
  const kind = random.weighted([[3, "ascending"], [2, "descending"], [2, "sparse"], [2, "shuffled"], [1, "hostile"]]);
  const manners = { hasRuns: random.chance(0.5), countsLeft: random.chance(0.5) };
  const frames = orderOf(kind, free, taken, random).slice(0, most);
  return { kind, frames, ...manners };
}

function orderOf(
  kind: AllocatorPlan["kind"],
  free: readonly number[],
  taken: readonly number[],
  random: Random,
): number[] {
  if (kind === "descending") return free.toReversed();
  if (kind === "sparse") return free.filter((_, index) => index % 2 === 0);
  const frames = [...free];
  if (kind === "shuffled") {
    for (let at = frames.length - 1; at > 0; at--) {
      const other = random.below(at + 1);
      [frames[at], frames[other]] = [frames[other], frames[at]];
    }
  }
  if (kind === "hostile" && frames.length > 0) {
    const at = random.below(Math.min(frames.length, 12));
    const wrong = [
      ...taken,
      ...taken,
      frames[0],
      frames[random.below(at + 1)],
      frames[at] + 8,
      frames[frames.length - 1] + 4096,
      0,
      -4096,
      NaN,
      2 ** 53,
      0.5,
    ];
    frames.splice(at, 0, random.pick(wrong));
  }
  return frames;
}

/** An allocator at work, and what it has handed out. */
export interface Handing {
  readonly allocator: FrameAllocator;
  readonly handed: ReadonlySet<number>;
}

/** Opens an allocator. */
export function openAllocator({ frames, hasRuns, countsLeft }: AllocatorPlan): Handing {
  let next = 0;
  const handed = new Set<number>();
  const take = (count: number): number | undefined => {
    const run = frames.slice(next, next + count);
    if (run.length < count || run.some((frame, index) => frame !== run[0] + index * 4096)) return undefined;
    next += count;
    for (const frame of run) handed.add(frame);
    return run[0];
  };
  const allocator: FrameAllocator = {
    allocateFrame: () => take(1),
    ...(hasRuns ? { allocateFrames: (count: number) => take(count) } : {}),
    get nextFrame() {
      // Even one that hands out rubbish knows a frame that could be next.
      return frames.slice(next).find((frame) => frame >= 0 && frame % 4096 === 0) ?? 0;
    },
    get framesAllocated() {
      return next;
    },
  };
  if (countsLeft) Object.defineProperty(allocator, "framesLeft", { get: () => frames.length - next, enumerable: true });
  return { allocator, handed };
}
