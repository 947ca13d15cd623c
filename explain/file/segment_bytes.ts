/**
 * The bytes of a file that are loaded at an address.
 *
 * @module
 */

import { PT_LOAD } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";

/** A range of the file. */
export interface FilePart {
  /** File offset of its first byte. */
  readonly offset: number;
  /** Number of bytes. */
  readonly length: number;
}

/**
 * Finds the bytes that are loaded at an address.
 *
 * @param programHeaders The program headers.
 * @param address The virtual address, as linked.
 * @returns What the first segment that contains it has from there to its last file byte; `undefined` if no segment
 * contains the address, or the one that does is zeroed there.
 */
export function fileBytesAt(programHeaders: readonly ProgramHeader[], address: bigint): FilePart | undefined {
  const segment = programHeaders.find(({ p_type, p_vaddr, p_memsz }) => {
    return p_type === PT_LOAD && address >= p_vaddr && address < p_vaddr + p_memsz;
  });
  if (!segment) return undefined;
  const offset = address - segment.p_vaddr;
  const length = segment.p_filesz - offset;
  return length <= 0n ? undefined : { offset: Number(segment.p_offset + offset), length: Number(length) };
}

/**
 * Reads a part of a file.
 *
 * @param file The file.
 * @param part The part.
 * @param most The most bytes to read.
 * @returns A view of the bytes, as many as the file has: for use at once, since the caller may change them later.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded", as the file does.
 */
export async function viewPart(file: KeptFile, { offset, length }: FilePart, most: number): Promise<Uint8Array> {
  const size = Math.min(length, most);
  await file.keep(offset, size);
  return file.bytes(offset, size);
}

/**
 * Reads a part of a file, and copies it: the caller may change its bytes, or a load move them.
 *
 * @param file The file.
 * @param part The part.
 * @param most The most bytes to read.
 * @returns The bytes, as many as the file has.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded", as the file does.
 */
export async function copyPart(file: KeptFile, part: FilePart, most: number): Promise<Uint8Array> {
  return (await viewPart(file, part, most)).slice();
}
