/**
 * Reads the names in a kernel's file.
 *
 * @module
 */

import { ET_REL, PT_LOAD, SHF_ALLOC, SHF_TLS, SHT_NOBITS, SHT_NULL } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import type { SectionHeader } from "../../core/elf/section_header.ts";
import type { KeepOptions, KeptFile } from "../../core/file/kept_file.ts";
import { type Pause, pauses } from "../../core/intake/pause.ts";
import { type ElfTables, readElfTables, readProgramHeaders } from "../file/elf_tables.ts";
import { type ExplainedSource, withFile } from "../file/explained_file.ts";
import { copyPart, viewPart } from "../file/segment_bytes.ts";
import type { KernelSection, KernelSymbols } from "./kernel_symbols.ts";
import { dynamicSymbols, type SymbolPlaces, symbolSection } from "./locate_symbols.ts";
import { kernelSymbols } from "./look_up.ts";
import { type Region, regionFinder, regionsBySection } from "./regions.ts";
import { NO_SYMBOLS, type RawSymbols, readSymbolTable, type SymbolTable } from "./symbol_table.ts";

/** The most symbols to read: ten times as many as the largest kernels have, and few enough to take little memory. */
const SYMBOLS_MAX = 2 ** 22;

/** The most bytes of names to read. */
const STRINGS_MAX = 2 ** 27;

/**
 * Reads the sections and symbols of an ELF file. From a file that is read at offsets (`readAt`, `Blob`), only the headers
 * and the symbol table are read, with its names; from others, all bytes up to these.
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
    if (!tables || tables.fileHeader.e_type === ET_REL) return kernelSymbols({ ...NOTHING, hasLineNumbers: false });
    const sections = tables.sections.filter(takesMemory).map(sectionOf).sort(byAddress);
    const hasLineNumbers = tables.sections.some(({ name, sh_type, sh_size }) => {
      return (name === ".debug_line" || name === ".zdebug_line") && sh_type !== SHT_NOBITS && sh_size > 0n;
    });
    for (const table of [".symtab", ".dynsym"] as const) {
      const places = symbolSection(tables, table);
      if (!places) continue;
      const regionOf = regionsBySection(sections, tables.sections.length);
      const read = await readTable(file, tables, places, regionOf, pause);
      if (read.symbols.count > 0) return kernelSymbols({ sections, regions: sections, ...read, table, hasLineNumbers });
    }
    const programHeaders = await readProgramHeaders(file, tables);
    const places = await dynamicSymbols(file, tables, programHeaders);
    if (!places) return kernelSymbols({ ...NOTHING, sections, hasLineNumbers });
    const regions = programHeaders.filter(({ p_type }) => p_type === PT_LOAD).map(regionOfSegment);
    const find = regionFinder(regions);
    const read = await readTable(file, tables, places, (_, high, low) => find(high, low), pause);
    const table = read.symbols.count === 0 ? {} : { table: places.table };
    return kernelSymbols({ sections, regions, ...read, ...table, hasLineNumbers });
  });
}

/** What is read of a file without names. */
const NOTHING = { sections: [], regions: [], symbols: NO_SYMBOLS, unread: 0 };

/** Sections ascend by address; those at one address by size, so that empty ones come first. */
function byAddress(a: KernelSection, b: KernelSection): number {
  const difference = a.address - b.address || a.size - b.size;
  return difference < 0n ? -1 : difference > 0n ? 1 : a.index - b.index;
}

/** Whether a section has addresses of its own: zeroed thread-local data only has some in each thread. */
function takesMemory({ sh_type, sh_flags }: SectionHeader): boolean {
  return sh_type !== SHT_NULL && (sh_flags & SHF_ALLOC) !== 0n &&
    !((sh_flags & SHF_TLS) !== 0n && sh_type === SHT_NOBITS);
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
    bytes: await viewPart(file, symbols, most),
    strings: await copyPart(file, strings, STRINGS_MAX),
    sectionIndexes: await viewPart(file, sectionIndexes, 4 * SYMBOLS_MAX),
    wide,
    bigEndian,
    machine: fileHeader.e_machine,
    regionOf,
  };
  const available = Math.max(0, Math.min(symbols.length, file.length - symbols.offset));
  const unread = Math.max(0, Math.floor(available / sizes.symbol) - SYMBOLS_MAX);
  return { symbols: await readSymbolTable(raw, pause), unread };
}
