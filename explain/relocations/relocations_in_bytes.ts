/**
 * Finds the relocation entries for one address in the bytes of a file, without an index and without waiting: for a
 * single question, which reading a table once answers.
 *
 * @module
 */

import {
  DT_JMPREL,
  DT_PLTREL,
  DT_PLTRELSZ,
  DT_RELA,
  DT_RELAENT,
  DT_RELASZ,
  DT_RELR,
  DT_RELRSZ,
  DT_STRSZ,
  DT_STRTAB,
  DT_SYMTAB,
  ELFCLASS64,
  EM_X86_64,
  PT_DYNAMIC,
  PT_LOAD,
  RECORD_SIZES,
} from "../../core/elf/constants.ts";
import { dynamicEntries } from "../../core/elf/dynamic_table.ts";
import type { FileHeader } from "../../core/elf/file_header.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { elfReader } from "../../core/elf/reader.ts";
import { readSectionHeader, type SectionHeader } from "../../core/elf/section_header.ts";
import { readString } from "../../core/elf/strings.ts";
import { readSymbol } from "../../core/elf/symbols.ts";
import { type FileBytes, fileHeaderAs, programHeadersAs } from "../../core/file/file_model.ts";
import { R_X86_64_NONE, relocationTypeName } from "../../plugins/relocate/relocation_types.ts";
import { fileBytesAt } from "../file/segment_bytes.ts";
import type { KernelRelocations, RelocationEntry, RelocationSymbol, RelocationTag } from "./kernel_relocations.ts";
import { COVERING_MAX, DYNAMIC_MAX, DYNAMICS_MAX, NAME_MAX } from "./limits.ts";
import { entrySize, RELA_SIZE, RELR_SIZE } from "./relocation_list.ts";
import { relocationSymbol } from "./relocation_symbols.ts";
import { tableParts } from "./table_parts.ts";

/** A relocation table in the file. */
interface Table {
  readonly tag: RelocationTag;
  /** The dynamic table that names it. */
  readonly dynamic: DynamicTable;
  /** File offset of its first entry. */
  readonly offset: number;
  /** Its whole entries. */
  readonly view: DataView;
}

interface DynamicTable {
  readonly header: number;
  readonly values: ReadonlyMap<bigint, bigint>;
}

/** The headers of a file. */
interface Headers {
  readonly programHeaders: readonly ProgramHeader[];
  readonly sections: readonly SectionHeader[];
}

/** The most bytes of a relocation table. */
const TABLE_MAX = 2 ** 25;

const WORD = 8;
const BITS = 63;

/**
 * Prepares to find the relocation entries of a file.
 *
 * @param file The file: what it has is looked at, and nothing is kept.
 * @returns A function that finds the entries for an address, as {@linkcode KernelRelocations} does.
 */
export function relocationsInBytes(file: FileBytes): Pick<KernelRelocations, "at"> {
  const fileHeader = fileHeaderAs(file);
  if (fileHeader?.EI_CLASS !== ELFCLASS64 || fileHeader.EI_DATA !== 1 || fileHeader.e_machine !== EM_X86_64) {
    return { at: () => [] };
  }
  const programHeaders = programHeadersAs(file);
  const tables = findTables(file, programHeaders);
  if (tables.length === 0) return { at: () => [] };
  const headers: Headers = { programHeaders, sections: readSections(file, fileHeader) };
  return {
    at: (address) => {
      const found = tables.flatMap((table) => {
        return table.tag === "DT_RELR" ? inRelr(file, headers, table, address) : inRela(file, headers, table, address);
      });
      // Some linkers count the entries of DT_JMPREL in DT_RELASZ too.
      const isFirst = ({ fileOffset, place }: RelocationEntry, at: number): boolean => {
        return found.findIndex((each) => each.fileOffset === fileOffset && each.place === place) === at;
      };
      return found.filter(isFirst).slice(-COVERING_MAX);
    },
  };
}

/** Finds the tables in the order in which the plugin relocate applies them. */
function findTables(file: FileBytes, programHeaders: readonly ProgramHeader[]): readonly Table[] {
  return programHeaders.filter(({ p_type }) => p_type === PT_DYNAMIC).slice(0, DYNAMICS_MAX).flatMap((header) => {
    const bytes = file.bytes(Number(header.p_offset), Math.min(Number(header.p_filesz), DYNAMIC_MAX));
    const values = new Map<bigint, bigint>();
    for (const { d_tag, d_un } of dynamicEntries(bytes, Number(header.p_offset))) {
      if (!values.has(d_tag)) values.set(d_tag, d_un);
    }
    const dynamic = { header: header.index, values };
    const table = (tag: RelocationTag, address?: bigint, size: bigint = 0n): readonly Table[] => {
      const part = address === undefined ? undefined : fileBytesAt(programHeaders, address);
      if (!part) return [];
      const all = file.bytes(part.offset, Math.min(part.length, Number(size), TABLE_MAX));
      const whole = all.length - all.length % entrySize(tag);
      const view = new DataView(all.buffer, all.byteOffset, whole);
      return whole === 0 ? [] : [{ tag, dynamic, offset: part.offset, view }];
    };
    return [
      ...table("DT_RELR", values.get(DT_RELR), values.get(DT_RELRSZ)),
      ...values.get(DT_RELAENT) === BigInt(RELA_SIZE)
        ? table("DT_RELA", values.get(DT_RELA), values.get(DT_RELASZ))
        : [],
      ...values.get(DT_PLTREL) === DT_RELA ? table("DT_JMPREL", values.get(DT_JMPREL), values.get(DT_PLTRELSZ)) : [],
    ];
  });
}

function readSections(
  file: FileBytes,
  { e_shoff, e_shentsize: stride, e_shnum, e_shstrndx }: FileHeader,
): readonly SectionHeader[] {
  const { sectionHeader: size } = RECORD_SIZES[ELFCLASS64];
  if (stride < size) return [];
  const bytes = file.bytes(Number(e_shoff), stride * e_shnum);
  const reader = elfReader(bytes, { subject: "the section header table" });
  const count = bytes.length < size ? 0 : Math.floor((bytes.length - size) / stride) + 1;
  const headers = Array.from({ length: Math.min(count, e_shnum) }, (_, index) => {
    return readSectionHeader(reader, index * stride, index, ELFCLASS64);
  });
  const names = headers[e_shstrndx];
  const strings = names ? file.bytes(Number(names.sh_offset), Number(names.sh_size)) : new Uint8Array();
  return headers.map((header) => ({ ...header, name: readString(strings, header.sh_name, NAME_MAX).text }));
}

/** Finds `Elf64_Rela` entries (gABI, "Relocation"). */
function inRela(file: FileBytes, headers: Headers, table: Table, address: bigint): readonly RelocationEntry[] {
  const { view } = table;
  const found: RelocationEntry[] = [];
  const low = Number(BigInt.asUintN(32, address));
  for (let at = 0; at < view.byteLength; at += RELA_SIZE) {
    if (((low - view.getUint32(at, true)) >>> 0) >= WORD) continue; // the lower halves decide nearly always
    const place = view.getBigUint64(at, true);
    const type = view.getUint32(at + 8, true);
    if (BigInt.asUintN(64, address - place) >= BigInt(WORD) || type === R_X86_64_NONE) continue;
    const symbol = symbolAt(file, headers, table.dynamic, view.getUint32(at + 12, true));
    found.push({
      ...entryPlace(table, headers, at),
      place,
      type: relocationTypeName(type),
      ...(symbol ? { symbol } : {}),
      addend: view.getBigInt64(at + 16, true),
    });
    if (found.length > COVERING_MAX) found.shift();
  }
  return found;
}

/** Finds words of `DT_RELR` entries (gABI, "Relative Relocation Table"). */
function inRelr(file: FileBytes, headers: Headers, table: Table, address: bigint): readonly RelocationEntry[] {
  const { view } = table;
  const found: RelocationEntry[] = [];
  const add = (at: number, place: bigint): void => {
    const addend = wordAt(file, headers, place);
    const words = { place, type: "RELR", ...(addend === undefined ? {} : { addend }) };
    found.push({ ...entryPlace(table, headers, at), ...words });
    if (found.length > COVERING_MAX) found.shift();
  };
  let next = 0n;
  for (let at = 0; at < view.byteLength; at += RELR_SIZE) {
    const entry = view.getBigUint64(at, true);
    if ((entry & 1n) === 0n) {
      if (BigInt.asUintN(64, address - entry) < BigInt(WORD)) add(at, entry);
      next = BigInt.asUintN(64, entry + BigInt(WORD));
      continue;
    }
    const distance = BigInt.asUintN(64, address - next);
    const bit = distance / BigInt(WORD) + 1n;
    if (bit <= BigInt(BITS) && ((entry >> bit) & 1n) === 1n) add(at, address - distance % BigInt(WORD));
    next = BigInt.asUintN(64, next + BigInt(BITS * WORD));
  }
  return found;
}

function entryPlace(
  { tag, dynamic, offset, view }: Table,
  { sections }: Headers,
  at: number,
): Pick<RelocationEntry, "table" | "tag" | "header" | "entry" | "fileOffset"> {
  const size = entrySize(tag);
  const number = at / size;
  const parts = tableParts(tag, offset, view.byteLength / size, sections);
  const part = parts.find(({ from, count }) => number >= from && number < from + count);
  const entry = part ? part.first + (number - part.from) : number;
  return { table: part?.name ?? tag, tag, header: dynamic.header, entry, fileOffset: offset + at };
}

function symbolAt(
  file: FileBytes,
  { programHeaders }: Headers,
  { values }: DynamicTable,
  index: number,
): RelocationSymbol | undefined {
  const { symbol: size } = RECORD_SIZES[ELFCLASS64];
  const table = values.get(DT_SYMTAB);
  if (index === 0) return undefined;
  const part = table === undefined ? undefined : fileBytesAt(programHeaders, table);
  const bytes = part && (index + 1) * size <= part.length
    ? file.bytes(part.offset + index * size, size)
    : new Uint8Array();
  if (bytes.length < size) return relocationSymbol(index);
  const { st_name, ...symbol } = readSymbol(elfReader(bytes, { subject: "a symbol" }), 0, ELFCLASS64);
  const strings = values.get(DT_STRTAB);
  const length = Number(values.get(DT_STRSZ) ?? 0n);
  const names = strings === undefined || st_name >= length ? undefined : fileBytesAt(programHeaders, strings);
  const name = names
    ? readString(file.bytes(names.offset + st_name, Math.min(length, names.length) - st_name), 0, NAME_MAX).text
    : "";
  return relocationSymbol(index, symbol, name);
}

/** What the file has at a place: zero after the file part of a segment; `undefined` outside every segment. */
function wordAt(file: FileBytes, { programHeaders }: Headers, place: bigint): bigint | undefined {
  const isLoaded = programHeaders.some(({ p_type, p_vaddr, p_memsz }) => {
    return p_type === PT_LOAD && place >= p_vaddr && place < p_vaddr + p_memsz;
  });
  if (!isLoaded) return undefined;
  const part = fileBytesAt(programHeaders, place);
  const word = new Uint8Array(WORD);
  if (part) word.set(file.bytes(part.offset, Math.min(WORD, part.length)));
  return new DataView(word.buffer).getBigUint64(0, true);
}
