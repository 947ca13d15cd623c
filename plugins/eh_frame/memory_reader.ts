/**
 * Short pieces of the kernel's memory, as the unwind table is read from it.
 *
 * @module
 */

import { type ElfReader, elfReader } from "../../core/elf/reader.ts";
import { LoadError } from "../../core/errors.ts";
import { isCanonical, PAGE_SIZE } from "../../core/memory/addresses.ts";

/**
 * Reads memory by virtual address, as far as it goes.
 *
 * @param address Where the piece starts.
 * @param most Number of bytes, at most a page; fewer are read if the next page is missing.
 * @param subject What is read, for errors.
 * @returns A reader over the bytes. Throws `LoadError` "page-not-mapped" or "address-not-canonical" if the first byte is
 * not there.
 */
export type ReadMemory = (address: bigint, most: number, subject: string) => ElfReader;

/**
 * A way to read a kernel's memory.
 *
 * @param read Reads bytes by virtual address, and throws `LoadError` "page-not-mapped".
 * @returns The way.
 */
export function memoryReader(read: (virt: bigint, length: number) => Uint8Array): ReadMemory {
  const piece = (address: bigint, length: number): Uint8Array => {
    if (!isCanonical(address)) throw new LoadError("address-not-canonical", { field: "an address", value: address });
    return read(address, length);
  };
  return (address, most, subject) => {
    const inPage = PAGE_SIZE - Number(BigInt.asUintN(12, address));
    if (most <= inPage) return elfReader(piece(address, most), { subject });
    const first = piece(address, inPage);
    try {
      const bytes = new Uint8Array(most);
      bytes.set(first);
      bytes.set(piece(address + BigInt(inPage), most - inPage), inPage);
      return elfReader(bytes, { subject });
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      return elfReader(first, { subject });
    }
  };
}
