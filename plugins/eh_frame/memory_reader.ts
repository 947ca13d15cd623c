/**
 * Reads short pieces of the kernel's memory, for the unwind table.
 *
 * @module
 */

import { type ElfReader, elfReader } from "../../core/elf/reader.ts";
import { LoadError } from "../../core/errors.ts";
import { isCanonical, PAGE_SIZE } from "../../core/memory/addresses.ts";

/**
 * Reads memory at a virtual address, as far as it is mapped.
 *
 * @param address Where the piece starts.
 * @param most Number of bytes, at most a page; fewer are read if the next page is not mapped.
 * @param subject What is read, for error messages.
 * @returns A reader over the bytes. Throws a `LoadError` "page-not-mapped" or "address-not-canonical" if the first byte
 * cannot be read.
 */
export type ReadMemory = (address: bigint, most: number, subject: string) => ElfReader;

/**
 * Creates a function that reads a kernel's memory.
 *
 * @param read Reads bytes at a virtual address; throws a `LoadError` "page-not-mapped".
 * @returns The function.
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
