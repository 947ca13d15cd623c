/**
 * Reads the names in a kernel's file.
 *
 * @module
 */

import { lowerHalf, rangeIndex, upperHalf } from "../../core/address_space/range_index.ts";
import { ET_REL, PT_LOAD, SHF_ALLOC, SHF_TLS, SHT_NOBITS } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import type { SectionHeader } from "../../core/elf/section_header.ts";
import type { KeepOptions, KeptFile } from "../../core/file/kept_file.ts";
import { type Pause, pauses } from "../../core/intake/pause.ts";
import { type ElfTables, readElfTables, readProgramHeaders } from "../file/elf_tables.ts";
import { type ExplainedSource, withFile } from "../file/explained_file.ts";
import { copyPart } from "../file/segment_bytes.ts";
import { addressIndex, type Region } from "./address_index.ts";
import type { KernelSection, KernelSymbols } from "./kernel_symbols.ts";
import { dynamicSymbols, type SymbolPlaces, symbolSection } from "./locate_symbols.ts";
import { nameIndex } from "./name_index.ts";
import { similarNames } from "./similar_names.ts";
import { NOWHERE, type RawSymbols, readSymbolTable, symbolOf, type SymbolTable } from "./symbol_table.ts";

/** The most symbols to read: ten times as many as the largest kernels have, and few enough to take little memory. */
const SYMBOLS_MAX = 2 ** 22;

/** The most bytes of names to read. */
const STRINGS_MAX = 2 ** 28;

/**
 * Reads the sections and symbols of an ELF file. Of a file that is read at offsets (`readAt`, `Blob`), only the headers
 * and the symbol table are read, with its names; of others, all bytes up to these.
 *
 * Symbols are from `.symtab` or, in a stripped file, from `.dynsym`. A file that is damaged, or no ELF file, has what
 * can be read of it.
 *
 * @example
 * ```ts
 * import { readSymbols } from "@kload/kload/explain";
 * import { assertEquals } from "@std/assert";
 *
 * const symbols = await readSymbols(await Deno.readFile("examples/hello/hello.elf"));
 * const [start] = symbols.find("_start");
 * assertEquals(symbols.sectionAt(start.address)?.name, ".text");
 * const place = symbols.symbolAt(start.address + 4n);
 * assertEquals([place?.symbol.name, place?.offset], ["_start", 4]);
 * ```
 *
 * @param source Bytes, a stream of them, an open file or anything with `read(buffer)`, a `Blob`, a `Response`, a source
 * with `readAt(offset, buffer)`, or a file that is kept already.
 * @param options The most bytes to keep, and a signal.
 * @returns The sections and symbols. They are independent of the source, whose bytes may change.
 * @throws {LoadError} "source-failed" if the source fails, or "memory-limit-exceeded".
 * @throws {TypeError} If the source is not one.
 */
export async function readSymbols(source: ExplainedSource, options: KeepOptions = {}): Promise<KernelSymbols> {
  return await withFile(source, options, async (file) => {
    const pause = pauses(options.signal);
    const tables = await readElfTables(file, pause);
    // The addresses of an object file are not decided yet.
    if (!tables || tables.fileHeader.e_type === ET_REL) return kernelSymbols([], [], { hasLineNumbers: false });
    const sections = tables.sections.filter(takesMemory).map(sectionOf);
    const hasLineNumbers = tables.sections.some(({ name, sh_type, sh_size }) => {
      return (name === ".debug_line" || name === ".zdebug_line") && sh_type !== SHT_NOBITS && sh_size > 0n;
    });
    for (const table of [".symtab", ".dynsym"] as const) {
      const places = symbolSection(tables, table);
      if (!places) continue;
      const regionOf = regionsBySection(sections, tables.sections.length);
      const read = await readTable(file, tables, places, regionOf, pause);
      if (read.symbols.count > 0) return kernelSymbols(sections, sections, { ...read, table, hasLineNumbers });
    }
    const programHeaders = await readProgramHeaders(file, tables);
    const places = await dynamicSymbols(file, tables, programHeaders);
    if (!places) return kernelSymbols(sections, [], { hasLineNumbers });
    const loads = programHeaders.filter(({ p_type }) => p_type === PT_LOAD).map(regionOfSegment);
    const read = await readTable(file, tables, places, regionsByAddress(loads), pause);
    if (read.symbols.count === 0) return kernelSymbols(sections, [], { hasLineNumbers });
    return kernelSymbols(sections, loads, { ...read, table: places.table, hasLineNumbers });
  });
}

/** Whether a section has addresses of its own: zeroed thread-local data only has some in each thread. */
function takesMemory({ sh_type, sh_flags }: SectionHeader): boolean {
  return (sh_flags & SHF_ALLOC) !== 0n && !((sh_flags & SHF_TLS) !== 0n && sh_type === SHT_NOBITS);
}

function sectionOf({ index, name, sh_addr, sh_size, sh_type, sh_flags }: SectionHeader): KernelSection {
  return { index, name, address: sh_addr, size: sh_size, type: sh_type, flags: sh_flags };
}

function regionOfSegment({ p_vaddr, p_memsz }: ProgramHeader): Region {
  return { address: p_vaddr, size: p_memsz };
}

/** What was read of a symbol table. */
interface ReadTable {
  readonly symbols: SymbolTable;
  readonly unread: number;
}

async function readTable(
  file: KeptFile,
  { wide, bigEndian, sizes, fileHeader }: ElfTables,
  { symbols, strings, sectionIndexes }: SymbolPlaces,
  regionOf: RawSymbols["regionOf"],
  pause: Pause,
): Promise<ReadTable> {
  const most = SYMBOLS_MAX * sizes.symbol;
  const raw = {
    bytes: await copyPart(file, symbols, most),
    strings: await copyPart(file, strings, STRINGS_MAX),
    sectionIndexes: await copyPart(file, sectionIndexes, 4 * SYMBOLS_MAX),
    wide,
    bigEndian,
    machine: fileHeader.e_machine,
    regionOf,
  };
  const available = Math.max(0, Math.min(symbols.length, file.length - symbols.offset));
  const unread = Math.max(0, Math.floor(available / sizes.symbol) - SYMBOLS_MAX);
  return { symbols: await readSymbolTable(raw, pause), unread };
}

/** Symbols are in the region of their section, if their value is. */
function regionsBySection(sections: readonly KernelSection[], count: number): RawSymbols["regionOf"] {
  const numbers = new Int32Array(count).fill(NOWHERE);
  const bounds = new Float64Array(4 * sections.length);
  sections.forEach(({ index, address, size }, number) => {
    const end = address + size;
    numbers[index] = number;
    bounds.set([upperHalf(address), lowerHalf(address), upperHalf(end), lowerHalf(end)], 4 * number);
  });
  return (section, high, low) => {
    const number = section < count ? numbers[section] : NOWHERE;
    if (number === NOWHERE) return NOWHERE;
    const at = 4 * number;
    if (high < bounds[at] || (high === bounds[at] && low < bounds[at + 1])) return NOWHERE;
    return high < bounds[at + 2] || (high === bounds[at + 2] && low < bounds[at + 3]) ? number : NOWHERE;
  };
}

/** Symbols are in the region that contains their value. */
function regionsByAddress(regions: readonly Region[]): RawSymbols["regionOf"] {
  const ranges = regions.map(({ address, size }, number) => ({ start: address, end: address + size, number }));
  const index = rangeIndex(ranges);
  return (_, high, low) => {
    const range = index.reaching(high, low);
    if (!range) return NOWHERE;
    const [endHigh, endLow] = [upperHalf(range.end), lowerHalf(range.end)];
    return high < endHigh || (high === endHigh && low < endLow) ? range.number : NOWHERE;
  };
}

function kernelSymbols(
  sections: readonly KernelSection[],
  regions: readonly Region[],
  found: Partial<ReadTable> & Pick<KernelSymbols, "table" | "hasLineNumbers">,
): KernelSymbols {
  const { symbols = NO_SYMBOLS, unread = 0, table, hasLineNumbers } = found;
  const sorted = sections.toSorted((a, b) =>
    a.address < b.address ? -1 : a.address > b.address ? 1 : a.index - b.index
  );
  const bySection = rangeIndex(sorted.map((section) => {
    return { start: section.address, end: section.address + section.size, section };
  }));
  const addresses = lazy(() => addressIndex(symbols, regions));
  const names = lazy(() => nameIndex(symbols));
  return {
    sections: sorted,
    count: symbols.count,
    unread,
    ...(table === undefined ? {} : { table }),
    hasLineNumbers,
    sectionAt: (address) => {
      const range = bySection.reaching(upperHalf(address), lowerHalf(address));
      return range && range.end > address ? range.section : undefined;
    },
    symbolAt: (address) => {
      const place = addresses().find(address);
      return place && { symbol: symbolOf(symbols, place.symbol), offset: place.offset };
    },
    find: (name) => names().find(name).map((symbol) => symbolOf(symbols, symbol)),
    inRange: function* (start, end) {
      for (const symbol of addresses().inRange(start, end)) yield symbolOf(symbols, symbol);
    },
    similar: (name) => similarNames(symbols, name),
  };
}

const NO_SYMBOLS: SymbolTable = {
  count: 0,
  high: new Uint32Array(),
  low: new Uint32Array(),
  sizeHigh: new Uint32Array(),
  sizeLow: new Uint32Array(),
  names: new Uint32Array(),
  info: new Uint8Array(),
  regions: new Int32Array(),
  indexes: new Uint32Array(),
  strings: new Uint8Array(),
};

/** Creates a value when it is first asked for. */
function lazy<T>(create: () => T): () => T {
  let value: { readonly created: T } | undefined;
  return () => (value ??= { created: create() }).created;
}
