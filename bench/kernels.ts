/** Builds the kernels that the workloads load, so that none of them has to be kept as a file. */

import {
  DT_NULL,
  DT_RELA,
  DT_RELAENT,
  DT_RELASZ,
  DT_RELR,
  DT_RELRSZ,
  ET_DYN,
  PT_DYNAMIC,
} from "../core/elf/constants.ts";
import { buildElf } from "../tests/elf_builder.ts";

/** Bytes in a kibibyte. */
export const KIB = 2 ** 10;

/** Bytes in a mebibyte. */
export const MIB = 2 ** 20;

/** Bytes in a gibibyte. */
export const GIB = 2 ** 30;

/** Bytes in a page, and in a page table. */
export const PAGE = 4 * KIB;

/** Address that the kernels with fixed addresses are linked at. */
export const KERNEL_START = 0xffff_ffff_8000_0000n;

/** The lowest address of the higher half, from which there is room for any size. */
export const HIGHER_HALF = 0xffff_8000_0000_0000n;

/** Flags of text, read-only data and data, in this order. */
const TEXT_RODATA_DATA = [5, 4, 6] as const;

/** Bytes after the last segment: v0.11 of the original refuses a segment that ends with its file. */
const TAIL = 16;

/** Bytes of the ELF file header, after which the program headers follow. */
export const FILE_HEADER = 64;
const PROGRAM_HEADER = 56;
const RELA = 24;
const DYNAMIC = 64;
const DT_RELRENT = 37n;
const R_X86_64_RELATIVE = 8;
const RELR_BITS = 63;

/** A kernel of three segments (text, read-only data, data) of the same size. */
export function threeSegments(bytesEach: number): Uint8Array<ArrayBuffer> {
  const segments = TEXT_RODATA_DATA.map((p_flags, index) => {
    const offset = PAGE + index * bytesEach;
    return { offset, filesz: bytesEach, p_vaddr: KERNEL_START + BigInt(offset), p_flags };
  });
  return buildElf({ header: { e_entry: KERNEL_START + BigInt(PAGE) }, segments });
}

/**
 * A kernel as large as a distribution's, about 53 MB. Its content is words from a vocabulary in which some are far more
 * frequent than others, so that it compresses about as well as code.
 */
export function distributionKernel(): Uint8Array<ArrayBuffer> {
  const file = threeSegments(17 * MIB);
  const words = new Uint32Array(file.buffer);
  let state = 1;
  for (let at = PAGE / 4; at < words.length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    words[at] = Math.imul((state >>> 18) & (state >>> 4), 0x9e37_79b1);
  }
  return file;
}

/** A kernel of one page of bytes, followed by a bss. */
export function bssKernel(bss: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(PAGE).fill(0x90);
  const header = { e_entry: HIGHER_HALF };
  return buildElf({ header, segments: [{ data, p_memsz: BigInt(PAGE + bss), p_vaddr: HIGHER_HALF, p_flags: 7 }] });
}

/**
 * A kernel of many `PT_LOAD` headers, each of a few bytes in a page of memory of its own; the bytes are those of the
 * header table.
 */
export function manyHeaders(count: number): Uint8Array<ArrayBuffer> {
  const length = FILE_HEADER + PROGRAM_HEADER * count + TAIL;
  const pages = Math.floor(length / PAGE);
  const segments = Array.from({ length: count }, (_, index) => {
    return { offset: (index % pages) * PAGE, filesz: 16, p_vaddr: KERNEL_START + BigInt(index * PAGE), p_flags: 4 };
  });
  return buildElf({ header: { e_entry: KERNEL_START }, segments, length });
}

/** A static-PIE whose relocations all add its base, and where they are in its file. */
export interface StaticPie {
  readonly file: Uint8Array<ArrayBuffer>;
  /** Offset of the relocation table in the file, which is also its linked address. */
  readonly table: number;
  /** Offset of the first of the words to relocate, which are consecutive; also its linked address. */
  readonly words: number;
}

/**
 * A static-PIE with that many consecutive words, each relocated by an `Elf64_Rela` or by a bit of a `DT_RELR` table.
 */
export function staticPie(count: number, kind: "rela" | "relr"): StaticPie {
  const table = 2 * PAGE;
  const tableBytes = kind === "rela" ? count * RELA : 8 * (1 + Math.ceil((count - 1) / RELR_BITS));
  const words = alignToPage(table + tableBytes);
  const readOnly = new Uint8Array(words - PAGE);
  const data = new Uint32Array(count * 2);
  const entries = readOnly.subarray(table - PAGE, table - PAGE + tableBytes);
  if (kind === "rela") writeRela(entries, words);
  else writeRelr(entries, words, count, data);
  readOnly.set(new Uint8Array(dynamicTable(kind, table, tableBytes).buffer));
  const file = buildElf({
    header: { e_type: ET_DYN, e_entry: BigInt(PAGE) },
    segments: [
      { offset: PAGE, data: readOnly, p_vaddr: BigInt(PAGE), p_flags: 5 },
      { offset: words, data: new Uint8Array(data.buffer), p_vaddr: BigInt(words), p_flags: 6 },
      { p_type: PT_DYNAMIC, offset: PAGE, filesz: DYNAMIC, p_vaddr: BigInt(PAGE), p_flags: 4 },
    ],
    length: words + data.byteLength + TAIL,
  });
  return { file, table, words };
}

function dynamicTable(kind: "rela" | "relr", table: number, size: number): BigUint64Array {
  const [address, bytes, entry, width] = kind === "rela"
    ? [DT_RELA, DT_RELASZ, DT_RELAENT, RELA]
    : [DT_RELR, DT_RELRSZ, DT_RELRENT, 8];
  return BigUint64Array.of(address, BigInt(table), bytes, BigInt(size), entry, BigInt(width), DT_NULL, 0n);
}

/** `R_X86_64_RELATIVE` (8) for each word, with an addend that tells it from all others. */
function writeRela(entries: Uint8Array, words: number): void {
  const halves = new Uint32Array(entries.buffer, entries.byteOffset, entries.length / 4);
  for (let at = 0, index = 0; at < halves.length; at += RELA / 4, index++) {
    halves[at] = words + index * 8;
    halves[at + 2] = R_X86_64_RELATIVE;
    halves[at + 4] = PAGE + index;
  }
}

/** The address of the first word, then bitmaps: bit 0 marks one, the others are for the next 63 words. */
function writeRelr(entries: Uint8Array, words: number, count: number, data: Uint32Array): void {
  const masks = new BigUint64Array(entries.buffer, entries.byteOffset, entries.length / 8);
  masks[0] = BigInt(words);
  for (let at = 1, left = count - 1; at < masks.length; at++, left -= RELR_BITS) {
    const bits = BigInt(Math.min(left, RELR_BITS));
    masks[at] = (((1n << bits) - 1n) << 1n) | 1n;
  }
  for (let index = 0; index < count; index++) data[index * 2] = PAGE + index;
}

function alignToPage(bytes: number): number {
  return Math.ceil(bytes / PAGE) * PAGE;
}
