/**
 * The segments of an image: runs of content, each with the zeroed memory after it.
 *
 * @module
 */

import type { Region } from "../regions.ts";

/** One `PT_LOAD` of an image. */
export interface ImageSegment {
  /** Physical address of its first byte. */
  readonly phys: number;
  /** Number of bytes in the file, a multiple of 4096. */
  readonly fileSize: number;
  /** Number of bytes in memory; those after the file's are zero. */
  readonly memSize: number;
}

/** The most segments for GRUB, which needs the program header table in the first 8192 bytes of the file. */
export const GRUB_SEGMENTS = 250;

/** The most segments of an image; the page tables of 4 GiB of .bss are about that scattered. */
export const MOST_SEGMENTS = 2100;

/** The widest gap worth filling with zeros to satisfy GRUB, in bytes. */
const SMALL_GAP = 64 * 2 ** 10;

/**
 * Turns regions into segments. If there are too many, the smallest gaps between them are filled.
 *
 * @param regions The regions, ascending.
 * @returns The segments, ascending: at most {@linkcode GRUB_SEGMENTS} if filling small gaps suffices, and never more
 * than {@linkcode MOST_SEGMENTS}.
 */
export function segmentsOf(regions: readonly Region[]): readonly ImageSegment[] {
  const segments: ImageSegment[] = [];
  for (const { phys, size, content } of regions) {
    const last = segments.at(-1);
    if (last && !content && last.phys + last.memSize === phys) {
      segments[segments.length - 1] = { ...last, memSize: last.memSize + size };
    } else {
      segments.push({ phys, fileSize: content ? size : 0, memSize: size });
    }
  }
  return segments.length <= GRUB_SEGMENTS ? segments : joinClose(segments);
}

function joinClose(segments: readonly ImageSegment[]): readonly ImageSegment[] {
  const gaps = segments.slice(1).map((segment, at) => ({ index: at + 1, size: zerosBetween(segments[at], segment) }));
  gaps.sort((a, b) => a.size - b.size);
  const filled = new Set<number>();
  for (const { index, size } of gaps) {
    const left = segments.length - filled.size;
    if (left <= GRUB_SEGMENTS || (left <= MOST_SEGMENTS && size > SMALL_GAP)) break;
    filled.add(index);
  }
  const result: ImageSegment[] = [];
  segments.forEach((segment, index) => {
    const last = result.at(-1);
    if (last && filled.has(index)) result[result.length - 1] = join(last, segment);
    else result.push(segment);
  });
  return result;
}

/** The number of zero bytes that merging two segments adds to the file. */
function zerosBetween(one: ImageSegment, next: ImageSegment): number {
  return next.fileSize === 0 ? 0 : next.phys - one.phys - one.fileSize;
}

function join({ phys, fileSize }: ImageSegment, next: ImageSegment): ImageSegment {
  const offset = next.phys - phys;
  return {
    phys,
    fileSize: next.fileSize === 0 ? fileSize : offset + next.fileSize,
    memSize: offset + next.memSize,
  };
}
