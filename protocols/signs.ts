/**
 * Cheap signs that a file may be made for a boot protocol. Most files show none, and for them no recognizer is even
 * imported. A file that a recognizer recognizes shows the sign of its protocol; the converse does not hold.
 *
 * @module
 */

import { ET_DYN, PT_LOAD, PT_NOTE } from "../core/elf/constants.ts";
import { type FileModel, type FilePart, HEAD_SIZE } from "../core/file/file_model.ts";
import type { ProtocolName } from "./protocol.ts";

/** The parts of a file that signs are looked for in. Where one was not read, it counts as showing none. */
export const SIGN_PARTS: readonly FilePart[] = ["head", "notes", "sections", "image"];

/** More bytes than these are not searched: then every sign in them counts as shown. */
const SEARCHED = 2 ** 22;

/** BOOTBOOT maps what it passes on into the top 1 GiB of the address space, where its kernels lie too. */
const TOP_GIB = 0xffff_ffff_c000_0000n;

/** What a file shows. */
interface Shown {
  readonly file: FileModel;
  /** The section names. */
  readonly sections: ReadonlySet<string | undefined>;
  /** Whether a text is among the file's first bytes. */
  readonly starts: (text: string, offset: number) => boolean;
  /** Whether a 32-bit word is among its first bytes, at a multiple of 4. */
  readonly headWord: (word: number) => boolean;
  /** Whether a text is in the bytes of its notes. */
  readonly note: (text: string) => boolean;
  /** Whether one of a few 32-bit words is in the bytes of its segments, at a multiple of 4. */
  readonly loadedWord: (words: readonly number[]) => boolean;
}

/** The sign of each protocol: magic numbers, names of sections, owners of notes. */
const SIGNS: Readonly<Record<ProtocolName, (shown: Shown) => boolean>> = {
  bootloader: ({ sections }) => sections.has(".bootloader-config"),
  multiboot: ({ headWord }) => headWord(0x1bad_b002),
  multiboot2: ({ headWord }) => headWord(0xe852_50d6),
  pvh: ({ note }) => note("Xen"),
  linux: ({ starts, note, sections }) => starts("HdrS", 0x202) || note("Xen") || sections.has("__ksymtab_strings"),
  // the low halves of the first words of requests, base revision, and markers
  limine: ({ loadedWord }) => loadedWord([0xdf4c_8b88, 0x5c95_a6c8, 0x9de7_d1ae, 0x1bb1_0d03]),
  stivale: ({ sections }) => sections.has(".stivalehdr"),
  stivale2: ({ sections }) => sections.has(".stivale2hdr"),
  bootboot: ({ file: { elf } }) => {
    return elf !== undefined && elf.programHeaders.some(({ p_vaddr, p_memsz }) => p_vaddr + p_memsz > TOP_GIB);
  },
  hermit: ({ note }) => note("HERMIT"),
  uefi: ({ starts }) => starts("MZ", 0),
};

/**
 * Finds the protocols whose signs a file shows.
 *
 * @param file The file.
 * @param parts The parts that were read of it, of {@linkcode SIGN_PARTS}.
 * @returns Their names; a file is made for none but these.
 */
export function shownProtocols(file: FileModel, parts: readonly FilePart[]): readonly ProtocolName[] {
  const shown = shownBy(file, new Set(parts));
  return (Object.keys(SIGNS) as ProtocolName[]).filter((name) => SIGNS[name](shown));
}

function shownBy(file: FileModel, parts: ReadonlySet<FilePart>): Shown {
  const head = parts.has("head") ? file.bytes(0, HEAD_SIZE) : new Uint8Array();
  const notes = piecesOf(file, parts.has("notes") ? PT_NOTE : undefined);
  const image = piecesOf(file, parts.has("image") ? PT_LOAD : undefined);
  return {
    file,
    sections: new Set(file.elf?.sections.map(({ name }) => name)),
    starts: (text, offset) => hasText(head.subarray(offset, offset + text.length), text),
    headWord: (word) => hasWord(head, [word]),
    note: (text) => notes === undefined || notes.some((piece) => hasText(piece, text)),
    loadedWord: (words) => image === undefined || image.some((piece) => hasWord(piece, words)),
  };
}

/** The file bytes of all headers of a type; `undefined` if they are not worth searching. */
function piecesOf({ elf, bytes }: FileModel, type: number | undefined): readonly Uint8Array[] | undefined {
  const headers = elf?.programHeaders.filter(({ p_type, p_filesz }) => p_type === type && p_filesz > 0n) ?? [];
  const size = headers.reduce((sum, { p_filesz }) => sum + Number(p_filesz), 0);
  if (size > SEARCHED) return undefined;
  if (type !== PT_LOAD) return headers.map(({ p_offset, p_filesz }) => bytes(Number(p_offset), Number(p_filesz)));
  // Words that are aligned in memory are so in the file too, or are not looked for here.
  const isMovable = elf?.fileHeader.e_type === ET_DYN;
  const isApart = headers.some(({ p_offset, p_vaddr }) =>
    (p_offset - p_vaddr) % 4n !== 0n || (isMovable && p_vaddr % 4n !== 0n)
  );
  if (isApart) return undefined;
  return headers.map(({ p_offset, p_filesz }) => {
    const start = Number(p_offset);
    return bytes(start, Number(p_filesz)).subarray(-start & 3);
  });
}

function hasText(bytes: Uint8Array, text: string): boolean {
  const codes = Array.from(text, (char) => char.charCodeAt(0));
  for (let at = bytes.indexOf(codes[0]); at >= 0; at = bytes.indexOf(codes[0], at + 1)) {
    if (codes.every((code, index) => bytes[at + index] === code)) return true;
  }
  return false;
}

function hasWord(bytes: Uint8Array, words: readonly number[]): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [one, two = one, three = one, four = one] = words;
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const word = view.getUint32(at, true);
    if (word === one || word === two || word === three || word === four) return true;
  }
  return false;
}
