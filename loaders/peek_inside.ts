/**
 * What is in a compressed file that no loader unpacks which is asked: its first bytes show it.
 *
 * @module
 */

import { PT_NOTE } from "../core/elf/constants.ts";
import { type FilePart, HEAD_SIZE } from "../core/file/file_model.ts";
import { keepFile, type KeptFile } from "../core/file/kept_file.ts";
import { UNPACKED_FORMATS } from "../formats/decoders.ts";
import type { FormatName } from "../formats/format.ts";
import { PROTOCOL_PARTS, recognizeFile } from "../protocols/recognize.ts";
import { openContents, unpackErrorOf } from "./contents.ts";
import type { Circumstances } from "./loader.ts";
import type { Looked } from "./look.ts";

/** The containers that are looked into; an image of Linux says itself what it holds. */
const PEEKED: readonly FormatName[] = UNPACKED_FORMATS.filter((format) => format !== "bzimage");

/** The most bytes to unpack for this. */
const MOST = 2 ** 24;

/**
 * Looks at what is in a compressed file, without reading more of the file.
 *
 * @param file The file, with its first {@linkcode HEAD_SIZE} bytes kept.
 * @param format Its format.
 * @param circumstances Signal and decoder.
 * @returns What is in it: all of it if the file is that short, and otherwise as much as the first bytes show. Absent if
 * it is not compressed, or damaged.
 */
export async function peekInside(
  file: KeptFile,
  format: FormatName,
  circumstances: Circumstances,
): Promise<Looked | undefined> {
  if (!PEEKED.includes(format)) return undefined;
  const head = file.bytes(0, Math.min(HEAD_SIZE, file.length));
  const most = Math.min(circumstances.maxMemory ?? MOST, MOST);
  try {
    const contents = await openContents(keepFile(head), PEEKED, { ...circumstances, maxMemory: most });
    try {
      const { bytes, isWhole } = await readMost(contents.file, most, circumstances.signal);
      const inner = keepFile(bytes);
      const parts = isWhole ? PROTOCOL_PARTS : await partsIn(inner);
      return { file: inner, parts: new Set(parts), ...await recognizeFile(inner, parts), contents };
    } finally {
      await contents.close();
    }
  } catch (error) {
    circumstances.signal?.throwIfAborted();
    if (unpackErrorOf(error)) return undefined;
    throw error;
  }
}

/** Reads a file up to where its data ends or is cut off. */
async function readMost(
  file: KeptFile,
  most: number,
  signal?: AbortSignal,
): Promise<{ readonly bytes: Uint8Array; readonly isWhole: boolean }> {
  try {
    await file.reach(most);
  } catch (error) {
    signal?.throwIfAborted();
    if (!unpackErrorOf(error)) throw error;
    return { bytes: file.bytes(0, file.length), isWhole: false };
  }
  return { bytes: file.bytes(0, Math.min(file.length, most)), isWhole: file.isWhole };
}

/** The parts that the beginning of a file has whole. */
async function partsIn(file: KeptFile): Promise<readonly FilePart[]> {
  const { model } = await recognizeFile(file, ["head"]);
  const notes = model.elf?.programHeaders.filter(({ p_type }) => p_type === PT_NOTE) ?? [];
  const hasNotes = model.elf?.programHeaders.length === model.elf?.fileHeader.e_phnum &&
    notes.every(({ p_offset, p_filesz }) => p_offset + p_filesz <= BigInt(file.length));
  return hasNotes ? ["head", "notes"] : ["head"];
}
