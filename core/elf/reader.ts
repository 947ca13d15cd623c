/**
 * The one way to read file bytes: fields of integers, with a bounds check that knows its position in the file.
 *
 * @module
 */

import { LoadError } from "../errors.ts";

/** Reads fields at offsets within a piece of the file. Its functions are methods: call them on it. */
export interface ElfReader {
  /** Number of bytes that can be read. */
  readonly length: number;
  /** One byte. */
  u8(offset: number): number;
  /** Two bytes (`Elf64_Half`). */
  u16(offset: number): number;
  /** Four bytes (`Elf64_Word`). */
  u32(offset: number): number;
  /** Eight bytes (`Elf64_Xword`, `Elf64_Addr`, `Elf64_Off`). */
  u64(offset: number): bigint;
  /** Eight bytes in the layout of ELF64 (`wide`), otherwise four. */
  word(offset: number, wide: boolean): bigint;
}

/** What a reader reads, for its errors. */
export interface ReadPlace {
  /** Its name, such as "the dynamic table". */
  readonly subject: string;
  /** Its offset in the file, if it was read from the file and not from memory. */
  readonly fileOffset?: number;
  /** Whether its fields are big-endian. */
  readonly bigEndian?: boolean;
}

/**
 * Creates a reader over a piece of the file.
 *
 * @param bytes The piece.
 * @param place Its name, and its offset in the file.
 * @returns A reader whose functions throw {@linkcode LoadError} "file-too-short" outside the piece.
 */
export function elfReader(bytes: Uint8Array, place: ReadPlace): ElfReader {
  return new BytesReader(bytes, place);
}

/** A class, so that readers share their functions: each note and each symbol gets a reader. */
class BytesReader implements ElfReader {
  readonly length: number;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #place: ReadPlace;

  constructor({ buffer, byteOffset, length }: Uint8Array, place: ReadPlace) {
    this.length = length;
    this.#view = new DataView(buffer, byteOffset, length);
    this.#little = place.bigEndian !== true;
    this.#place = place;
  }

  u8(offset: number): number {
    return this.#view.getUint8(this.#at(offset, 1));
  }

  u16(offset: number): number {
    return this.#view.getUint16(this.#at(offset, 2), this.#little);
  }

  u32(offset: number): number {
    return this.#view.getUint32(this.#at(offset, 4), this.#little);
  }

  u64(offset: number): bigint {
    return this.#view.getBigUint64(this.#at(offset, 8), this.#little);
  }

  word(offset: number, wide: boolean): bigint {
    return wide ? this.u64(offset) : BigInt(this.u32(offset));
  }

  #at(offset: number, size: number): number {
    if (offset >= 0 && offset + size <= this.length) return offset;
    const { subject, fileOffset } = this.#place;
    const where = fileOffset === undefined ? `byte ${offset}` : `file offset 0x${(fileOffset + offset).toString(16)}`;
    const value = Math.max(0, this.length - offset);
    throw new LoadError("file-too-short", { subject, field: `the length left at ${where}`, value, limit: size });
  }
}
