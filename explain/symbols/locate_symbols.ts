/**
 * Finds the symbol table of a file: by its sections or, if it has none, by the segment `PT_DYNAMIC`, which says where
 * the table starts but not where it ends: that follows from its hash table.
 *
 * @module
 */

import {
  DT_GNU_HASH,
  DT_HASH,
  DT_STRSZ,
  DT_STRTAB,
  DT_SYMTAB,
  PT_DYNAMIC,
  SHT_DYNSYM,
  SHT_NOBITS,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
} from "../../core/elf/constants.ts";
import { dynamicEntries } from "../../core/elf/dynamic_table.ts";
import { elfReader } from "../../core/elf/reader.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import type { SectionHeader } from "../../core/elf/section_header.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import type { ElfTables } from "../file/elf_tables.ts";
import { fileBytesAt, type FilePart } from "../file/segment_bytes.ts";

/** Where a symbol table is in the file. */
export interface SymbolPlaces {
  /** Its name. */
  readonly table: ".symtab" | ".dynsym";
  /** The symbols. */
  readonly symbols: FilePart;
  /** Their names. */
  readonly strings: FilePart;
  /** Section indices that do not fit in a symbol. */
  readonly sectionIndexes: FilePart;
}

const NOTHING: FilePart = { offset: 0, length: 0 };

/**
 * Finds a symbol table by the section headers.
 *
 * @param tables The headers.
 * @param table Which one.
 * @returns Where it is; `undefined` if there is none.
 */
export function symbolSection(
  { sections, sizes }: ElfTables,
  table: SymbolPlaces["table"],
): SymbolPlaces | undefined {
  const type = table === ".symtab" ? SHT_SYMTAB : SHT_DYNSYM;
  const found = sections.find(({ sh_type }) => sh_type === type);
  // One whose symbols have another size is none that is known.
  if (!found || (found.sh_entsize !== 0n && found.sh_entsize !== BigInt(sizes.symbol))) return undefined;
  const strings = sections[found.sh_link];
  const indexes = sections.find(({ sh_type, sh_link }) => sh_type === SHT_SYMTAB_SHNDX && sh_link === found.index);
  return { table, symbols: partOf(found), strings: partOf(strings), sectionIndexes: partOf(indexes) };
}

function partOf(section: SectionHeader | undefined): FilePart {
  if (!section || section.sh_type === SHT_NOBITS) return NOTHING;
  return { offset: Number(section.sh_offset), length: Number(section.sh_size) };
}

/** The most bytes of a dynamic table to read. */
const DYNAMIC_MAX = 2 ** 16;

/**
 * Finds the dynamic symbol table by the segments.
 *
 * @param file The file.
 * @param tables Its headers.
 * @param programHeaders Its program headers.
 * @returns Where it is; `undefined` if there is none, if it has no hash table, or if the file is not a little-endian one
 * of 64 bits.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded", as the file does.
 */
export async function dynamicSymbols(
  file: KeptFile,
  { wide, bigEndian, sizes }: ElfTables,
  programHeaders: readonly ProgramHeader[],
): Promise<SymbolPlaces | undefined> {
  const dynamic = programHeaders.find(({ p_type }) => p_type === PT_DYNAMIC);
  if (!dynamic || !wide || bigEndian) return undefined;
  const [offset, length] = [Number(dynamic.p_offset), Math.min(Number(dynamic.p_filesz), DYNAMIC_MAX)];
  await file.keep(offset, length);
  const values = new Map(
    [...dynamicEntries(file.bytes(offset, length), offset)].map(({ d_tag, d_un }) => [d_tag, d_un]),
  );
  const partAt = (tag: bigint): FilePart => {
    const address = values.get(tag);
    return (address === undefined ? undefined : fileBytesAt(programHeaders, address)) ?? NOTHING;
  };
  const [symbols, strings] = [partAt(DT_SYMTAB), partAt(DT_STRTAB)];
  const count = await countByHash(file, partAt(DT_HASH)) || await countByGnuHash(file, partAt(DT_GNU_HASH));
  if (symbols.length === 0 || count === 0) return undefined;
  return {
    table: ".dynsym",
    symbols: { offset: symbols.offset, length: Math.min(symbols.length, count * sizes.symbol) },
    strings: { offset: strings.offset, length: Math.min(strings.length, Number(values.get(DT_STRSZ) ?? 0n)) },
    sectionIndexes: NOTHING,
  };
}

/** The hash table of the gABI, "Hash Table": `nchain` is the number of symbols. */
async function countByHash(file: KeptFile, { offset, length }: FilePart): Promise<number> {
  const reader = await numbersAt(file, offset, Math.min(length, 8));
  return reader.length < 8 ? 0 : reader.u32(4);
}

/** How many bytes of a chain to read at first. */
const CHAIN_PIECE = 2 ** 12;

/** The most bytes of a hash table to read. */
const HASH_MAX = 2 ** 24;

/**
 * GNU's hash table: `nbuckets`, `symoffset`, `bloom_size`, `bloom_shift`, the filter's 64-bit words, the buckets, and
 * chains, whose words are those of the symbols from `symoffset` on. The last symbol is the end of the chain that starts
 * last; the lowest bit marks the end of a chain.
 */
async function countByGnuHash(file: KeptFile, { offset, length }: FilePart): Promise<number> {
  const header = await numbersAt(file, offset, Math.min(length, 16));
  if (header.length < 16) return 0;
  const [buckets, first, words] = [header.u32(0), header.u32(4), header.u32(8)];
  const chains = 16 + 8 * words + 4 * buckets;
  if (chains > Math.min(length, HASH_MAX)) return 0;
  const starts = await numbersAt(file, offset + chains - 4 * buckets, 4 * buckets);
  let last = 0;
  for (let at = 0; at + 4 <= starts.length; at += 4) last = Math.max(last, starts.u32(at));
  if (last < first) return first; // every bucket is empty
  const start = chains + 4 * (last - first);
  for (let size = CHAIN_PIECE, from = 0;; size *= 2) {
    const chain = await numbersAt(file, offset + start, Math.min(size, length - start, HASH_MAX));
    for (; from + 4 <= chain.length; from += 4) if ((chain.u32(from) & 1) === 1) return last + from / 4 + 1;
    if (chain.length < size) return 0;
  }
}

async function numbersAt(file: KeptFile, offset: number, length: number): Promise<ReturnType<typeof elfReader>> {
  await file.keep(offset, Math.max(length, 0));
  return elfReader(file.bytes(offset, Math.max(length, 0)), { subject: "a hash table", fileOffset: offset });
}
