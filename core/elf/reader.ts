/**
 * The one way to read file bytes: little-endian fields, with a bounds check that knows its position in the file.
 *
 * @module
 */

import { LoadError } from "../errors.ts";

/** Reads little-endian fields at offsets within a piece of the file. */
export interface ElfReader {
  /** Number of bytes that can be read. */
  readonly length: number;
  /** One byte. */
  readonly u8: (offset: number) => number;
  /** Two bytes (`Elf64_Half`). */
  readonly u16: (offset: number) => number;
  /** Four bytes (`Elf64_Word`). */
  readonly u32: (offset: number) => number;
  /** Eight bytes (`Elf64_Xword`, `Elf64_Addr`, `Elf64_Off`). */
  readonly u64: (offset: number) => bigint;
}

/** What a reader reads, for its errors. */
export interface ReadPlace {
  /** Its name, such as "the dynamic table". */
  readonly subject: string;
  /** Its offset in the file, if it was read from the file and not from memory. */
  readonly fileOffset?: number;
}

/**
 * Creates a reader over a piece of the file.
 *
 * @param bytes The piece.
 * @param place Its name, and its offset in the file.
 * @returns A reader whose functions throw {@linkcode LoadError} "file-too-short" outside the piece.
 */
export function elfReader(bytes: Uint8Array, { subject, fileOffset }: ReadPlace): ElfReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = (offset: number, size: number): number => {
    if (offset < 0 || offset + size > bytes.length) {
      const where = fileOffset === undefined ? `byte ${offset}` : `file offset 0x${(fileOffset + offset).toString(16)}`;
      const value = Math.max(0, bytes.length - offset);
      throw new LoadError("file-too-short", { subject, field: `the length left at ${where}`, value, limit: size });
    }
    return offset;
  };
  return {
    length: bytes.length,
    u8: (offset) => view.getUint8(at(offset, 1)),
    u16: (offset) => view.getUint16(at(offset, 2), true),
    u32: (offset) => view.getUint32(at(offset, 4), true),
    u64: (offset) => view.getBigUint64(at(offset, 8), true),
  };
}
