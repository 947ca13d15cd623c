/**
 * Multiboot headers that are almost ones: the magic number is there, and something else is wrong.
 *
 * @module
 */

import { hexAddr } from "../core/hex.ts";
import type { Breach } from "./rule.ts";

/** The headers: magic number, alignment, and the length of the fields that add up to 0. */
const HEADERS = {
  1: { magic: 0x1bad_b002, align: 4, size: 12 },
  2: { magic: 0xe852_50d6, align: 8, size: 16 },
} as const;

/** A place with the magic number of a header that is none. */
export interface NearMiss {
  /** What is wrong there, and what to do about it. */
  readonly breach: Required<Pick<Breach, "offset" | "message" | "hint">>;
  /** Whether only a header looks like this: the magic number alone may be an operand of an instruction. */
  readonly isCertain: boolean;
}

/**
 * Finds the places with the magic number of a Multiboot header, in bytes that hold no right header.
 *
 * @param version The version of Multiboot.
 * @param bytes The first bytes of the file, as many as loaders search.
 * @returns The places, in the order of the file.
 */
export function* nearMisses(version: 1 | 2, bytes: Uint8Array): Generator<NearMiss> {
  const { magic, align, size } = HEADERS[version];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let offset = bytes.indexOf(magic & 0xff); offset >= 0 && offset + size <= bytes.length;) {
    if (view.getUint32(offset, true) === magic) yield describe(version, align, offset, fieldsAt(view, offset, size));
    offset = bytes.indexOf(magic & 0xff, offset + 1);
  }
}

function fieldsAt(view: DataView, offset: number, size: number): readonly number[] {
  return Array.from({ length: size / 4 }, (_, index) => view.getUint32(offset + 4 * index, true));
}

function describe(version: 1 | 2, align: number, offset: number, fields: readonly number[]): NearMiss {
  const place = `The magic number of a Multiboot ${version} header lies at file offset ${hexAddr(offset)}`;
  const sum = fields.reduce((total, field) => total + field, 0) % 2 ** 32;
  if (offset % align !== 0) {
    const message = `${place}, which is not a multiple of ${align}.`;
    return { breach: { offset, message, hint: `Align the section: ALIGN(${align}).` }, isCertain: sum === 0 };
  }
  if (sum !== 0) {
    const checksum = (fields[fields.length - 1] - sum + 2 ** 32) % 2 ** 32;
    const message = `${place}, but its fields add up to ${hexAddr(sum)} instead of 0.`;
    const hint = `Set the checksum to ${hexAddr(checksum)}, the negative sum of the fields before it.`;
    return { breach: { offset, message, hint }, isCertain: isPlausible(version, fields) };
  }
  const message = `${place}, but its architecture is ${fields[1]}, not 0 (i386).`;
  const hint = "Set the architecture to 0 and adapt the checksum.";
  return { breach: { offset, message, hint }, isCertain: false };
}

/** The flags that a header of Multiboot 1 can have: 0 to 2, and 16. */
const FLAGS = 0x1_0007;

/** The fewest bytes of a header of Multiboot 2, and the most that loaders search. */
const LENGTHS = { least: 16, most: 32_768 };

/** Whether the fields before the checksum are those of a header for x86. */
function isPlausible(version: 1 | 2, [, first, second]: readonly number[]): boolean {
  if (version === 1) return (first & ~FLAGS) === 0;
  return first === 0 && second >= LENGTHS.least && second <= LENGTHS.most && second % 4 === 0;
}
