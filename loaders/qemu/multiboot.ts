/**
 * Multiboot 1 as QEMU understands it: hw/i386/multiboot.c, `load_multiboot`.
 *
 * @module
 */

import type { FileBytes } from "../../core/file/file_model.ts";
import type { MultibootAddresses } from "../../protocols/multiboot/header.ts";

/** The number of bytes of a file that QEMU searches. */
export const QEMU_HEAD = 8192;

/** It wants a header whole with its video fields. */
const HEADER_SIZE = 48;

/** A header starts before this offset. */
export const QEMU_SEARCH: number = QEMU_HEAD - HEADER_SIZE;

const MAGIC = 0x1bad_b002;

/** The flag of a header whose address fields are valid. */
const HAS_ADDRESSES = 0x1_0000;

/** A Multiboot header that QEMU found. */
export interface QemuMultiboot {
  /** Its offset in the file. */
  readonly offset: number;
  /** The fields that say where to put the kernel, if its flag 16 is set: then they count, and not the ELF headers. */
  readonly addresses?: MultibootAddresses;
}

/**
 * Looks for a header: the first at a multiple of 4 whose checksum fits.
 *
 * @param file The file, with its first part read.
 * @returns The header; `undefined` if there is none.
 */
export function findMultiboot(file: FileBytes): QemuMultiboot | undefined {
  const { buffer, byteOffset, length } = file.bytes(0, QEMU_HEAD);
  const view = new DataView(buffer, byteOffset, length);
  const u32 = (offset: number): number => offset + 4 <= length ? view.getUint32(offset, true) : 0;
  for (let offset = 0; offset < QEMU_SEARCH && offset + 12 <= length; offset += 4) {
    if (u32(offset) !== MAGIC || (MAGIC + u32(offset + 4) + u32(offset + 8)) >>> 0 !== 0) continue;
    if ((u32(offset + 4) & HAS_ADDRESSES) === 0) return { offset };
    const [header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr] = [12, 16, 20, 24, 28].map((field) =>
      u32(offset + field)
    );
    return { offset, addresses: { header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr } };
  }
  return undefined;
}

/** The part of the file that the address fields ask for. */
export function loadedPart(
  length: number,
  at: number,
  { header_addr, load_addr, load_end_addr }: MultibootAddresses,
): { readonly start: number; readonly size: number } {
  const start = at - (header_addr - load_addr);
  return { start, size: load_end_addr === 0 ? length - start : load_end_addr - load_addr };
}
