/** Sources for tests of what is read of a file, and damaged files. */

import type { RandomSource } from "../../core/file/kept_file.ts";

/** A range of a file. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A source with `readAt`, and the ranges that were read of it. */
export function recorded(file: Uint8Array): { readonly source: RandomSource; readonly ranges: Range[] } {
  const ranges: Range[] = [];
  const source: RandomSource = {
    size: file.length,
    readAt: (offset, buffer) => {
      const piece = file.subarray(offset, offset + buffer.length);
      buffer.set(piece);
      ranges.push({ start: offset, end: offset + piece.length });
      return Promise.resolve(piece.length);
    },
  };
  return { source, ranges };
}

/** Pseudorandom numbers from 0 to below 1, the same for a seed (xorshift32). */
export function randomNumbers(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Copies of a file in which some bytes of the given ranges are others, or that end early. */
export function* damaged(
  file: Uint8Array,
  ranges: readonly Range[],
  count: number,
): Generator<Uint8Array<ArrayBuffer>> {
  const random = randomNumbers(file.length);
  const upTo = (end: number) => Math.floor(random() * end);
  for (let each = 0; each < count; each++) {
    const copy = new Uint8Array(file);
    for (let changes = 1 + upTo(4); changes > 0; changes--) {
      const { start, end } = ranges[upTo(ranges.length)];
      const at = start + upTo(end - start);
      const value = [0, 0xff, 0x7f, 1, upTo(256)][upTo(5)];
      copy.fill(value, at, at + [1, 2, 4, 8][upTo(4)]);
    }
    yield each % 4 === 3 ? copy.slice(0, upTo(file.length)) : copy;
  }
}
