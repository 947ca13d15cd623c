/**
 * Phrases that several reasons have in common.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { listed } from "../wording.ts";

/**
 * Names program headers.
 *
 * @param indices Their indices, at least one.
 * @returns Such as "program header 2" or "program headers 0, 1 and 2".
 */
export function headers(indices: readonly number[]): string {
  return `program header${indices.length === 1 ? "" : "s"} ${listed(indices.map(String))}`;
}

/**
 * Counts bytes.
 *
 * @param count Their number.
 * @returns Such as "1 byte" or "0x20 bytes".
 */
export function bytes(count: number | bigint): string {
  if (BigInt(count) === 1n) return "1 byte";
  return BigInt(count) < 10n ? `${count} bytes` : `${hexAddr(count)} bytes`;
}

/**
 * Names a file offset.
 *
 * @param offset The offset in the ELF file.
 * @param unpacked Whether that was unpacked from another file, which has something else at this offset.
 * @returns Such as "file offset 0x1000" or "offset 0x1000 of the unpacked kernel".
 */
export function fileOffsetText(offset: number, unpacked: boolean): string {
  return unpacked ? `offset ${hexAddr(offset)} of the unpacked kernel` : `file offset ${hexAddr(offset)}`;
}
