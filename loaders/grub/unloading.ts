/**
 * When GRUB hangs as it gives back what it had loaded of a kernel that it refuses.
 *
 * @module
 */

import type { Loading } from "./loading.ts";
import type { Chunk } from "./relocator.ts";

/** GRUB's heap counts in units of so many bytes. */
const UNIT = 16;

/**
 * Tells whether GRUB hangs on giving back memory. Where a chunk starts in the middle of a unit in which another ended,
 * and none of those that start there goes on past the next unit, GRUB takes it for a piece that it is not.
 *
 * @param loading What GRUB had loaded.
 * @returns Whether it hangs, as seen in GRUB 2.06.
 */
export function hangsOnUnloading({ image, segments, sections }: Loading): boolean {
  const steps = [...segments, ...sections].map(({ allocation }) => allocation);
  const chunks = [...(image ? [image] : []), ...steps].flatMap((allocation): readonly Chunk[] =>
    allocation.kind === "placed" && allocation.chunk.size > 0 ? [allocation.chunk] : []
  );
  const ends = new Set<number>();
  const furthest = new Map<number, number>();
  for (const { source, size } of chunks) {
    const unit = source - source % UNIT;
    const isShared = Array.from({ length: source - unit }, (_, index) => unit + 1 + index).some((end) => ends.has(end));
    if (isShared) furthest.set(unit, Math.max(furthest.get(unit) ?? 0, source + size));
    ends.add(source + size);
  }
  return furthest.entries().some(([unit, end]) => end <= unit + 2 * UNIT);
}
