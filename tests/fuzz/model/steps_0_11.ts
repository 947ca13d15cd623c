/** What every step of v0.11 builds on: checked sums, walks over pages, and pages with frames of their own. */

import { END, HALF, isCanonical, PAGE } from "./reading.ts";
import { frameOf, type Space } from "./space.ts";
import { refuse } from "./verdict.ts";

/** The mark of pages with a frame of their own. */
export const MARK: bigint = 1n << 9n;

/** A sum, which must fit in 64 bits. */
export function sum(value: bigint): bigint {
  return value < 0n || value >= END ? refuse() : value;
}

/** A sum that must be a canonical address. */
export function canonicalSum(value: bigint): bigint {
  return isCanonical(sum(value)) ? value : refuse();
}

/** The pages from `first` to `last`: the next one is taken before each is handled. */
export function* walk(first: bigint, last: bigint): Generator<bigint> {
  for (let page = first; page <= last; page += PAGE) {
    if (page === HALF - PAGE) refuse();
    yield page;
  }
}

/** Gives a page a frame of its own, unless it has one. */
export function own(space: Space, page: bigint): Uint8Array {
  const leaf = space.leaves.get(page) ?? 0n;
  if (leaf === 0n) return refuse();
  const old = frameOf(leaf);
  if (leaf & MARK) return space.contents.get(old)!;
  const copied = space.bytes(old);
  const frame = space.take();
  const bytes = space.contents.get(frame)!;
  bytes.set(copied);
  space.leaves.set(page, frame | (leaf - old) | MARK);
  return bytes;
}
