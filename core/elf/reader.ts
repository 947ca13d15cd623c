/**
 * The one way to file bytes: little-endian fields with a bounds check that knows where in the file it stands.
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

/**
 * Makes a reader over a piece of the file.
 *
 * @param bytes The piece.
 * @param fileOffset Where in the file it starts, for error messages.
 * @returns A reader whose functions throw {@linkcode LoadError} "file-too-short" outside the piece.
 */
export function elfReader(bytes: Uint8Array, fileOffset: number): ElfReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = (offset: number, size: number): number => {
    if (offset < 0 || offset + size > bytes.length) {
      throw new LoadError("file-too-short", {
        field: `the field at file offset 0x${(fileOffset + offset).toString(16)}`,
        value: bytes.length - offset,
        limit: size,
      });
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
