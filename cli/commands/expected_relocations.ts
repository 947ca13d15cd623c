/**
 * What relocation has to write into a position-independent kernel, worked out from the file alone (gABI, "Dynamic Section"
 * and "Relocation"; System V ABI, AMD64 supplement, "Relocation Types").
 *
 * @module
 */

import type { ProgramHeader } from "../../mod.ts";
import { ET_DYN, PT_DYNAMIC, PT_LOAD } from "../../core/elf/constants.ts";
import { low48 } from "../../core/memory/addresses.ts";
import type { Kernel } from "../report/kernel.ts";

/** A relocated word. */
export interface Word {
  /** Low 48 bits of its virtual address. */
  readonly at: number;
  /** Its 64 bits. */
  readonly value: bigint;
}

/** The most words that are worked out, and the most segments that they may lie in. */
const WORDS_MAX = 2 ** 18;
const LOADS_MAX = 64;

// gABI, "Dynamic Array Tags"
const DT_NULL = 0n;
const DT_PLTRELSZ = 2n;
const DT_SYMTAB = 6n;
const DT_RELA = 7n;
const DT_RELASZ = 8n;
const DT_RELSZ = 18n;
const DT_JMPREL = 23n;
const DT_RELRSZ = 35n;
const DT_RELR = 36n;

const DYN_SIZE = 16;
const RELA_SIZE = 24;
const SYM_SIZE = 24;

const R_X86_64_NONE = 0;
const R_X86_64_64 = 1;
const R_X86_64_GLOB_DAT = 6;
const R_X86_64_JUMP_SLOT = 7;
const R_X86_64_RELATIVE = 8;

const SHN_UNDEF = 0;
const SHN_ABS = 0xfff1;
const STT_TLS = 6;
const STT_GNU_IFUNC = 10;

type Read = (address: bigint, length: number) => DataView;

/** The file asks for something that is not worked out here. */
class Unknown extends Error {}

/**
 * Works out the words that relocation writes.
 *
 * @param kernel The kernel, for its headers and offset.
 * @param file The file from its first byte on, as far as it was kept.
 * @returns The words, ascending by address, none for a kernel at a fixed address; `undefined` if the tables are damaged,
 * reach beyond the kept bytes, or hold what is not worked out here.
 */
export function expectedRelocations(
  { fileHeader, programHeaders, virtualAddressOffset }: Kernel,
  file: Uint8Array,
): readonly Word[] | undefined {
  const dynamic = programHeaders.filter(({ p_type, p_filesz }) => p_type === PT_DYNAMIC && p_filesz > 0n);
  if (fileHeader.e_type !== ET_DYN || dynamic.length === 0) return [];
  if (dynamic.length > 1) return undefined;
  try {
    const tags = readTags(dynamic[0], file);
    return sorted(allWords(tags, virtualAddressOffset, fileReader(programHeaders, file)));
  } catch (error) {
    if (error instanceof Unknown) return undefined;
    throw error;
  }
}

/** Reads the file's bytes by the address that they are linked for. */
function fileReader(programHeaders: readonly ProgramHeader[], file: Uint8Array): Read {
  const loads = programHeaders.filter(({ p_type }) => p_type === PT_LOAD);
  if (loads.length > LOADS_MAX) throw new Unknown();
  return (address, length) => {
    const load = loads.find(({ p_vaddr, p_filesz }) => {
      return address >= p_vaddr && address + BigInt(length) <= p_vaddr + p_filesz;
    });
    if (!load) throw new Unknown();
    return viewAt(file, load.p_offset + address - load.p_vaddr, length);
  };
}

function viewAt(file: Uint8Array, offset: bigint, length: number): DataView {
  if (offset + BigInt(length) > BigInt(file.length)) throw new Unknown();
  return new DataView(file.buffer, file.byteOffset + Number(offset), length);
}

type Tags = ReadonlyMap<bigint, bigint>;

function readTags({ p_offset, p_filesz }: ProgramHeader, file: Uint8Array): Tags {
  const tags = new Map<bigint, bigint>();
  for (let at = 0n; at + BigInt(DYN_SIZE) <= p_filesz; at += BigInt(DYN_SIZE)) {
    const entry = viewAt(file, p_offset + at, DYN_SIZE);
    const tag = entry.getBigUint64(0, true);
    if (tag === DT_NULL) break;
    if (!tags.has(tag)) tags.set(tag, entry.getBigUint64(8, true));
  }
  return tags;
}

function* allWords(tags: Tags, offset: bigint, read: Read): Generator<Word> {
  if ((tags.get(DT_RELSZ) ?? 0n) > 0n) throw new Unknown(); // Elf64_Rel, which no x86-64 linker writes
  const symbols = tags.get(DT_SYMTAB);
  yield* relaWords(tags.get(DT_RELA), tags.get(DT_RELASZ), symbols, offset, read);
  yield* relaWords(tags.get(DT_JMPREL), tags.get(DT_PLTRELSZ), symbols, offset, read);
  yield* relrWords(tags.get(DT_RELR), tags.get(DT_RELRSZ), offset, read);
}

function* relaWords(
  address: bigint | undefined,
  size: bigint = 0n,
  symbols: bigint | undefined,
  offset: bigint,
  read: Read,
): Generator<Word> {
  if (address === undefined) return;
  for (let at = 0n; at + BigInt(RELA_SIZE) <= size; at += BigInt(RELA_SIZE)) {
    const entry = read(address + at, RELA_SIZE);
    const type = entry.getUint32(8, true);
    const symbol = entry.getUint32(12, true);
    const addend = entry.getBigInt64(16, true);
    if (type === R_X86_64_NONE) continue;
    const value = type === R_X86_64_RELATIVE && symbol === 0
      ? offset + addend
      : symbolic(type, symbolValue(symbol, symbols, offset, read), addend);
    yield { at: low48(entry.getBigUint64(0, true) + offset), value: BigInt.asUintN(64, value) };
  }
}

function symbolic(type: number, symbol: bigint, addend: bigint): bigint {
  if (type === R_X86_64_64) return symbol + addend;
  if (type === R_X86_64_GLOB_DAT || type === R_X86_64_JUMP_SLOT) return symbol;
  throw new Unknown();
}

function symbolValue(index: number, symbols: bigint | undefined, offset: bigint, read: Read): bigint {
  if (index === 0) return 0n;
  if (symbols === undefined) throw new Unknown();
  const symbol = read(symbols + BigInt(index * SYM_SIZE), SYM_SIZE);
  if ([STT_TLS, STT_GNU_IFUNC].includes(symbol.getUint8(4) & 0xf)) throw new Unknown();
  const section = symbol.getUint16(6, true);
  const value = symbol.getBigUint64(8, true);
  return section === SHN_UNDEF ? 0n : section === SHN_ABS ? value : value + offset;
}

/** gABI, "Relative Relocation Table": an even entry is an address, an odd one a bitmap of the 63 words after it. */
function* relrWords(address: bigint | undefined, size: bigint = 0n, offset: bigint, read: Read): Generator<Word> {
  if (address === undefined) return;
  const word = (at: bigint): Word => {
    return { at: low48(at + offset), value: BigInt.asUintN(64, read(at, 8).getBigUint64(0, true) + offset) };
  };
  let next = 0n;
  for (let at = 0n; at + 8n <= size; at += 8n) {
    const entry = read(address + at, 8).getBigUint64(0, true);
    if ((entry & 1n) === 0n) {
      yield word(entry);
      next = entry + 8n;
      continue;
    }
    for (let bit = 0n; bit < 63n; bit++) if ((entry >> (bit + 1n)) & 1n) yield word(next + bit * 8n);
    next += 63n * 8n;
  }
}

/** The words in order; unknown if there are too many, or two overlap, as then their order of writing matters. */
function sorted(words: Iterable<Word>): readonly Word[] {
  const list: Word[] = [];
  for (const word of words) {
    if (list.push(word) > WORDS_MAX) throw new Unknown();
  }
  list.sort((one, other) => one.at - other.at);
  if (list.some(({ at }, index) => index > 0 && at < list[index - 1].at + 8)) throw new Unknown();
  return list;
}
