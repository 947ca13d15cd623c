/**
 * The bytes that every ELF file starts with.
 *
 * @module
 */

import { ELF_MAGIC } from "./constants.ts";

/**
 * Whether a file starts as an ELF file does.
 *
 * @param head Its first bytes.
 * @returns True if it has the ELF magic number.
 */
export function hasElfMagic(head: Uint8Array): boolean {
  return ELF_MAGIC.every((byte, index) => head[index] === byte);
}
