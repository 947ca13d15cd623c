/**
 * Phrases that several reasons have in common.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";

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
 * Lists words.
 *
 * @param words The words, at least one.
 * @returns Such as "a, b and c".
 */
export function listed(words: readonly string[]): string {
  const last = words[words.length - 1];
  return words.length === 1 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}

/**
 * Begins a sentence.
 *
 * @param text The sentence.
 * @returns The same with a capital letter.
 */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
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

/**
 * The permissions of a program header.
 *
 * @param p_flags Its flags.
 * @returns Such as "R-X".
 */
export function headerPermissions(p_flags: number): string {
  return `${p_flags & 4 ? "R" : "-"}${p_flags & 2 ? "W" : "-"}${p_flags & 1 ? "X" : "-"}`;
}

/**
 * The permissions of a page, which can always be read.
 *
 * @param page What it allows.
 * @returns Such as "R-X".
 */
export function pagePermissions(page: { readonly writable: boolean; readonly executable: boolean }): string {
  return `R${page.writable ? "W" : "-"}${page.executable ? "X" : "-"}`;
}
