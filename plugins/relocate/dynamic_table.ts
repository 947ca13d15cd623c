/**
 * The dynamic table (gABI, "Dynamic Section"): what it says of relocations.
 *
 * @module
 */

import { elfReader } from "../../core/elf/reader.ts";
import { LoadError } from "../../core/errors.ts";
import type { Rules } from "../../core/rules.ts";

const ENTRY_SIZE = 16;

// gABI, "Dynamic Array Tags"
const DT_NULL = 0n;
const DT_NEEDED = 1n;
const DT_PLTRELSZ = 2n;
const DT_STRTAB = 5n;
const DT_SYMTAB = 6n;
const DT_RELA = 7n;
const DT_RELASZ = 8n;
const DT_RELAENT = 9n;
const DT_STRSZ = 10n;
const DT_RELSZ = 18n;
const DT_PLTREL = 20n;
const DT_TEXTREL = 22n;
const DT_JMPREL = 23n;
const DT_FLAGS = 30n;
const DT_RELRSZ = 35n;
const DT_RELR = 36n;
const DF_TEXTREL = 4n;

const RELA_SIZE = 24n;

/** A table in memory: the virtual address that it was linked for, and its number of bytes. */
export interface TableRange {
  /** Virtual address, before anything is added. */
  readonly address: bigint;
  /** Number of bytes. */
  readonly size: bigint;
}

/** What a dynamic table says of relocations. */
export interface DynamicTable {
  /** Tables of `Elf64_Rela` entries: `DT_RELA`, then `DT_JMPREL`. */
  readonly rela: readonly TableRange[];
  /** The table of `DT_RELR`, where there is one. */
  readonly relr?: TableRange;
  /** Address of the symbol table, where there is one. */
  readonly symbols?: bigint;
  /** The string table of symbol names, where there is one. */
  readonly strings?: TableRange;
  /** Offsets of the names of shared libraries in the string table. */
  readonly needed: readonly bigint[];
  /** Whether relocations may change segments that are not writable. */
  readonly textRelocations: boolean;
}

/**
 * Reads a dynamic table.
 *
 * @param bytes Its bytes in the file.
 * @param fileOffset Where in the file they start.
 * @param index Index of the program header, for errors.
 * @param rules The rule set's way to read it.
 * @returns What it says.
 * @throws {LoadError} "dynamic-malformed" where what is needed to relocate is missing or contradicts itself.
 */
export function readDynamicTable(
  bytes: Uint8Array,
  fileOffset: bigint,
  index: number,
  rules: Rules["relocation"],
): DynamicTable {
  const malformed = (field: string, value: bigint): never => {
    throw new LoadError("dynamic-malformed", { index, field, value });
  };
  const original = rules === "bootloader-0.11";
  const tags = readTags(bytes, fileOffset, original, malformed);
  const first = (tag: bigint): bigint | undefined => tags.find(([found]) => found === tag)?.[1];

  for (const tag of [DT_RELA, DT_RELASZ, DT_RELAENT]) {
    if (tags.filter(([found]) => found === tag).length > 1) malformed("a tag that is given twice", tag);
  }
  const rela = readRela(first, malformed);
  if (original) return { rela, needed: [], textRelocations: false };

  if (first(DT_RELSZ)) malformed("DT_RELSZ", first(DT_RELSZ)!);
  const jumps = first(DT_JMPREL);
  if (jumps !== undefined && first(DT_PLTREL) !== DT_RELA) malformed("DT_PLTREL", first(DT_PLTREL) ?? 0n);
  const relr = first(DT_RELR);
  const strings = first(DT_STRTAB);
  return {
    rela: [...rela, ...(jumps === undefined ? [] : [{ address: jumps, size: first(DT_PLTRELSZ) ?? 0n }])],
    ...(relr === undefined ? {} : { relr: { address: relr, size: first(DT_RELRSZ) ?? 0n } }),
    ...(strings === undefined ? {} : { strings: { address: strings, size: first(DT_STRSZ) ?? 0n } }),
    ...(first(DT_SYMTAB) === undefined ? {} : { symbols: first(DT_SYMTAB) }),
    needed: tags.filter(([tag]) => tag === DT_NEEDED).map(([, value]) => value),
    textRelocations: first(DT_TEXTREL) !== undefined || ((first(DT_FLAGS) ?? 0n) & DF_TEXTREL) !== 0n,
  };
}

type Tag = readonly [tag: bigint, value: bigint];

function readTags(
  bytes: Uint8Array,
  fileOffset: bigint,
  original: boolean,
  malformed: (field: string, value: bigint) => never,
): readonly Tag[] {
  if (original && (bytes.length % ENTRY_SIZE !== 0)) malformed("p_filesz", BigInt(bytes.length));
  if (original && bytes.length > 0 && fileOffset % 8n !== 0n) malformed("p_offset", fileOffset);
  const reader = elfReader(bytes, { subject: "the dynamic table", fileOffset: Number(fileOffset) });
  const tags: Tag[] = [];
  for (let at = 0; at + ENTRY_SIZE <= reader.length; at += ENTRY_SIZE) {
    const tag = reader.u64(at);
    if (original && !isKnownToOriginal(tag)) malformed("a tag", tag);
    if (!original && tag === DT_NULL) break;
    tags.push([tag, reader.u64(at + 8)]);
  }
  return tags;
}

/** The tags that v0.11 of the original accepts: it knows neither DT_RELR nor those of 31 and 35 up. */
function isKnownToOriginal(tag: bigint): boolean {
  return tag <= 30n || (tag >= 32n && tag <= 34n) || (tag >= 0x6000_000dn && tag <= 0x7fff_ffffn);
}

function readRela(
  first: (tag: bigint) => bigint | undefined,
  malformed: (field: string, value: bigint) => never,
): readonly TableRange[] {
  const [address, size, entrySize] = [first(DT_RELA), first(DT_RELASZ), first(DT_RELAENT)];
  if (address === undefined) {
    if (size !== undefined) malformed("DT_RELASZ without DT_RELA", size);
    if (entrySize !== undefined) malformed("DT_RELAENT without DT_RELA", entrySize);
    return [];
  }
  if (size === undefined) return malformed("DT_RELA without DT_RELASZ", address);
  if (entrySize !== RELA_SIZE) return malformed("DT_RELAENT", entrySize ?? 0n);
  return [{ address, size }];
}
