/**
 * Hermit: the unikernel's loader looks for a note that says which version of its entry the kernel has.
 *
 * @module
 */

import { PT_NOTE } from "../core/elf/constants.ts";
import { readNotes } from "../core/elf/notes.ts";
import { hexAddr } from "../core/hex.ts";
import type { FileModel } from "../core/file/file_model.ts";
import type { Protocol, Recognizer } from "./protocol.ts";

/** A kernel for Hermit's loader. */
export interface HermitProtocol extends Protocol<"hermit"> {
  /** File offset of the note. */
  readonly offset: number;
  /** The version of the entry, if the note has it. */
  readonly entryVersion?: number;
}

/** `type` of the note with owner "HERMIT" (hermit-entry, `NT_HERMIT_ENTRY_VERSION`). */
const NT_HERMIT_ENTRY_VERSION = 0x5a00;

/** The most bytes of notes, and `PT_NOTE` headers, to look at. */
const NOTES_MAX = 2 ** 16;
const HEADERS_MAX = 64;

/** Recognizes kernels for Hermit's loader. */
export const hermit: Recognizer<HermitProtocol> = {
  parts: ["notes"],
  recognize: (model) => {
    const { elf } = model;
    if (!elf || elf.bigEndian) return undefined;
    const headers = elf.programHeaders.filter(({ p_type }) => p_type === PT_NOTE).slice(0, HEADERS_MAX);
    for (const { p_offset, p_filesz, p_align } of headers) {
      const found = findNote(model, Number(p_offset), Number(p_filesz), p_align);
      if (found) return found;
    }
    return undefined;
  },
};

function findNote(model: FileModel, start: number, size: number, p_align: bigint): HermitProtocol | undefined {
  const { notes } = readNotes(model.bytes(start, Math.min(size, NOTES_MAX)), start, p_align);
  const note = notes.find(({ owner, type }) => owner === "HERMIT" && type === NT_HERMIT_ENTRY_VERSION);
  if (!note) return undefined;
  const { fileOffset: offset, descriptor } = note;
  const entryVersion = descriptor.at(0);
  const version = entryVersion === undefined ? "without an entry version" : `entry version ${entryVersion}`;
  const summary = `Hermit: note at file offset ${hexAddr(offset)}, ${version}`;
  return { name: "hermit", offset, ...(entryVersion === undefined ? {} : { entryVersion }), summary };
}
