/**
 * Two blocks of a kernel that QEMU would have to copy to the same addresses.
 *
 * @module
 */

import { hexRange } from "../../core/hex.ts";
import type { Breach, NamedRange } from "../rule.ts";
import { inQemuOrder, type QemuBlock } from "./blocks.ts";

/**
 * Finds the first two blocks, by address, that share one.
 *
 * @param blocks A kernel's blocks; the firmware is added.
 * @returns Which they are; `undefined` if all have addresses of their own.
 */
export function findOverlap(blocks: readonly QemuBlock[]): Breach | undefined {
  const sorted = inQemuOrder(blocks);
  const at = sorted.findIndex((block, index) => index > 0 && endOf(sorted[index - 1]) > block.start);
  if (at === -1) return undefined;
  const [one, other] = [sorted[at - 1], sorted[at]];
  const [first, second] = [nameOf(one), nameOf(other)];
  const index = Math.max(one.index ?? -1, other.index ?? -1);
  const message =
    `${first.charAt(0).toUpperCase()}${first.slice(1)} (${hexRange(one.start, one.size)}) and ${second} ` +
    `(${hexRange(other.start, other.size)}) overlap in physical memory.`;
  return { index, message, ranges: [rangeOf(one), rangeOf(other)] };
}

function nameOf({ index }: QemuBlock): string {
  return index === undefined ? "the firmware" : `program header ${index}`;
}

function rangeOf(block: QemuBlock): NamedRange {
  return { name: nameOf(block), start: block.start, end: block.start + block.size };
}

function endOf({ start, size }: QemuBlock): bigint {
  return BigInt.asUintN(64, start + size);
}
