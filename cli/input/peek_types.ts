/**
 * Looks ahead at the types of a file's program headers, so that only the plugins for these are imported.
 *
 * @module
 */

import { EI_CLASS, EI_DATA, ELFCLASS64, ELFDATA2LSB, RECORD_SIZES } from "../../core/elf/constants.ts";
import { hasElfMagic } from "../../core/elf/elf_magic.ts";
import { readFileHeader } from "../../core/elf/file_header.ts";
import { elfReader } from "../../core/elf/reader.ts";
import { unlessAborted } from "../../core/intake/unless_aborted.ts";
import type { ByteReader } from "../../mod.ts";

/** The most bytes to keep; a table of program headers that ends after them is left unread. */
const KEPT = 2 ** 16;

const { fileHeader: FILE_HEADER, programHeader: PROGRAM_HEADER } = RECORD_SIZES[ELFCLASS64];

/** The types in the headers of a file. */
export interface PeekedTypes {
  /** The type of the file. */
  readonly e_type: number;
  /** The types of its program headers. */
  readonly p_types: ReadonlySet<number>;
}

/** A file, and what was seen of it. */
export interface Peeked {
  /** Reads the file from its first byte. */
  readonly reader: ByteReader;
  /** The types; `undefined` if the headers are not those of a 64-bit little-endian ELF file, or lie too far ahead. */
  readonly types?: PeekedTypes;
}

/**
 * Reads up to the end of the program headers, and no byte after that.
 *
 * @param source Reads the file from its first byte. From now on, only the returned reader may read it.
 * @param signal Ends the reading with its reason.
 * @returns The types, and a reader that starts over. Whatever is wrong with the file is left to the loader to report.
 */
export async function peekTypes(source: ByteReader, signal?: AbortSignal): Promise<Peeked> {
  const ahead = lookahead(source, signal);
  const header = await ahead.upTo(FILE_HEADER);
  const isReadable = header.length === FILE_HEADER && hasElfMagic(header) &&
    header[EI_CLASS] === ELFCLASS64 && header[EI_DATA] === ELFDATA2LSB;
  if (!isReadable) return { reader: ahead.reader };
  const place = { subject: "the headers", fileOffset: 0 };
  const { e_type, e_phoff, e_phnum, e_phentsize } = readFileHeader(elfReader(header, place));
  const end = e_phoff + BigInt(e_phnum * PROGRAM_HEADER);
  if (e_phentsize !== PROGRAM_HEADER || end > KEPT) return { reader: ahead.reader };
  const table = elfReader((await ahead.upTo(Number(end))).subarray(Number(e_phoff)), place);
  if (table.length < e_phnum * PROGRAM_HEADER) return { reader: ahead.reader };
  const p_types = new Set(Array.from({ length: e_phnum }, (_, index) => table.u32(index * PROGRAM_HEADER)));
  return { reader: ahead.reader, types: { e_type, p_types } };
}

/** A reader that starts over after looking ahead. */
function lookahead(
  source: ByteReader,
  signal: AbortSignal | undefined,
): { readonly upTo: (end: number) => Promise<Uint8Array>; readonly reader: ByteReader } {
  let kept = new Uint8Array(FILE_HEADER);
  let length = 0;
  let taken = 0;
  let failure: { readonly error: unknown } | undefined;
  const upTo = async (end: number): Promise<Uint8Array> => {
    if (end > kept.length) {
      const grown = new Uint8Array(end);
      grown.set(kept);
      kept = grown;
    }
    while (length < end && !failure) {
      try {
        const count = await unlessAborted(source.read(kept.subarray(length, end)), signal);
        if (!count) break;
        length += count;
      } catch (error) {
        signal?.throwIfAborted();
        failure = { error }; // for the loader, which says after how many bytes the source failed
      }
    }
    return kept.subarray(0, Math.min(length, end));
  };
  const read = (buffer: Uint8Array): ReturnType<ByteReader["read"]> => {
    if (taken < length) {
      const piece = kept.subarray(taken, Math.min(length, taken + buffer.length));
      buffer.set(piece);
      taken += piece.length;
      return piece.length;
    }
    return failure ? Promise.reject(failure.error) : source.read(buffer);
  };
  return { upTo, reader: { read } };
}
