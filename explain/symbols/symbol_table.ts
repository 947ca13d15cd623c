/**
 * The symbols of a file that name addresses, in arrays of numbers: a kernel has a hundred thousand, of which few are
 * ever looked at.
 *
 * @module
 */

import {
  SHN_ABS,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHN_XINDEX,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_COMMON,
  STT_FILE,
  STT_FUNC,
  STT_GNU_IFUNC,
  STT_NOTYPE,
  STT_OBJECT,
  STT_SECTION,
  STT_TLS,
} from "../../core/elf/constants.ts";
import type { Pause } from "../../core/intake/pause.ts";
import type { KernelSymbol } from "./kernel_symbols.ts";

/** The bytes of a symbol table, and what is needed to read them. */
export interface RawSymbols {
  /** The symbols. */
  readonly bytes: Uint8Array;
  /** The string table of their names. */
  readonly strings: Uint8Array;
  /** For each symbol whose section index does not fit, the index; empty if there are none. */
  readonly sectionIndexes: Uint8Array;
  /** Whether symbols are laid out as in ELF64. */
  readonly wide: boolean;
  /** Whether they are big-endian. */
  readonly bigEndian: boolean;
  /** `e_machine`. */
  readonly machine: number;
  /**
   * Finds the region of memory that a symbol is in by the index of its section and the halves of its value: a number
   * of a region, or {@linkcode NOWHERE}.
   */
  readonly regionOf: (section: number, high: number, low: number) => number;
}

/** Symbols that name addresses, in the order of their table. Arrays have an element for each symbol. */
export interface SymbolTable {
  /** Number of symbols. */
  readonly count: number;
  /** Values, as halves. */
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  /** Sizes, as halves. */
  readonly sizeHigh: Uint32Array;
  readonly sizeLow: Uint32Array;
  /** Offsets of names in `strings`. */
  readonly names: Uint32Array;
  /** `st_info`: binding in the upper four bits, type in the lower four. */
  readonly info: Uint8Array;
  /** The number of the region that contains the value, {@linkcode NOWHERE} or {@linkcode ABSOLUTE}. */
  readonly regions: Int32Array;
  /** Indices in the symbol table. */
  readonly indexes: Uint32Array;
  /** The string table. */
  readonly strings: Uint8Array;
}

/** No symbols. */
export const NO_SYMBOLS: SymbolTable = {
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

/** The region of a symbol whose value does not lie in its section. */
export const NOWHERE = -1;

/** The region of a symbol with `SHN_ABS`. */
const ABSOLUTE = -2;

/** How many symbols to read between pauses. */
const BATCH = 2 ** 15;

/** The types whose values are no addresses of their own, as bits: sections, files, and thread-local offsets. */
const NO_ADDRESS = (1 << STT_SECTION) | (1 << STT_FILE) | (1 << STT_TLS);

/** EM_ARM, EM_AARCH64 and EM_RISCV: the machines for which symbols mark where code or data starts. */
const WITH_MAPPING_SYMBOLS: readonly number[] = [40, 183, 243];

// Offsets in bytes: gABI, "Symbol Table", figures of Elf32_Sym and Elf64_Sym, as in core/elf/symbols.ts. What is wide is
// stored in the byte order of the file.
const ELF64 = { size: 24, info: 4, section: 6, value: 8, extent: 16 };
const ELF32 = { size: 16, info: 12, section: 14, value: 4, extent: 8 };

/**
 * Reads the symbols that name addresses: functions, objects and labels that the file defines.
 *
 * @param raw The table.
 * @param pause The pause of the work.
 * @returns The symbols.
 */
export async function readSymbolTable(raw: RawSymbols, pause: Pause): Promise<SymbolTable> {
  const total = Math.floor(raw.bytes.length / (raw.wide ? ELF64 : ELF32).size);
  const table = {
    count: 0,
    high: new Uint32Array(total),
    low: new Uint32Array(total),
    sizeHigh: new Uint32Array(total),
    sizeLow: new Uint32Array(total),
    names: new Uint32Array(total),
    info: new Uint8Array(total),
    regions: new Int32Array(total),
    indexes: new Uint32Array(total),
    strings: raw.strings,
  };
  for (let from = 1; from < total; from += BATCH) { // symbol 0 is no symbol
    table.count = readBatch(raw, from, Math.min(total, from + BATCH), table, table.count);
    const pausing = pause();
    if (pausing) await pausing;
  }
  return table;
}

/** Reads consecutive symbols, and returns the number of those that name addresses, with the ones before. */
function readBatch(
  raw: RawSymbols,
  from: number,
  end: number,
  table: Omit<SymbolTable, "count">,
  before: number,
): number {
  const { bytes, strings, sectionIndexes, wide, bigEndian, machine, regionOf } = raw;
  const { high, low, sizeHigh, sizeLow, names, info, regions, indexes } = table;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const extended = new DataView(sectionIndexes.buffer, sectionIndexes.byteOffset, sectionIndexes.length);
  const at = wide ? ELF64 : ELF32;
  const little = !bigEndian;
  const upper = little ? 4 : 0;
  const lower = wide && bigEndian ? 4 : 0;
  const hasMarks = WITH_MAPPING_SYMBOLS.includes(machine);
  let count = before;
  for (let index = from, offset = from * at.size; index < end; index++, offset += at.size) {
    const type = view.getUint8(offset + at.info) & 0xf;
    let section = view.getUint16(offset + at.section, little);
    const name = view.getUint32(offset, little);
    if (section === SHN_UNDEF || ((NO_ADDRESS >> type) & 1) === 1 || !(strings[name] > 0)) continue;
    const isAbsolute = section === SHN_ABS;
    if (section === SHN_XINDEX) {
      section = 4 * index + 4 <= extended.byteLength ? extended.getUint32(4 * index, little) : SHN_UNDEF;
      if (section === SHN_UNDEF) continue;
    } else if (section >= SHN_LORESERVE && !isAbsolute) continue; // common symbols, and those of processors
    if (hasMarks && isMappingSymbol(strings, name)) continue;
    high[count] = wide ? view.getUint32(offset + at.value + upper, little) : 0;
    low[count] = view.getUint32(offset + at.value + lower, little);
    sizeHigh[count] = wide ? view.getUint32(offset + at.extent + upper, little) : 0;
    sizeLow[count] = view.getUint32(offset + at.extent + lower, little);
    names[count] = name;
    info[count] = view.getUint8(offset + at.info);
    regions[count] = isAbsolute ? ABSOLUTE : regionOf(section, high[count], low[count]);
    indexes[count] = index;
    count++;
  }
  return count;
}

const DOLLAR = "$".charCodeAt(0);

/** Whether a name marks where code or data starts: "$d", "$x.1", "$xrv64i2p1". */
function isMappingSymbol(strings: Uint8Array, name: number): boolean {
  if (strings[name] !== DOLLAR) return false;
  return /^\$[adtx](rv|\.|\0)/.test(DECODER.decode(strings.subarray(name, name + 4)));
}

/** The most bytes of a name: names may overlap, so each could be as long as the string table. */
const NAME_MAX = 2 ** 16;

const DECODER = new TextDecoder();

/**
 * Finds where a name ends.
 *
 * @param strings The string table.
 * @param start Offset of the name.
 * @returns The offset of its zero byte; that of the end of the table, or of the most bytes, if there is none.
 */
export function endOfName(strings: Uint8Array, start: number): number {
  const length = strings.subarray(start, start + NAME_MAX).indexOf(0);
  return length < 0 ? Math.min(strings.length, start + NAME_MAX) : start + length;
}

/**
 * Decodes the name of a symbol.
 *
 * @param table The symbols.
 * @param symbol Its number.
 * @returns The name.
 */
export function nameOf({ names, strings }: SymbolTable, symbol: number): string {
  return DECODER.decode(strings.subarray(names[symbol], endOfName(strings, names[symbol])));
}

const TYPES: ReadonlyMap<number, KernelSymbol["type"]> = new Map([
  [STT_NOTYPE, "none"],
  [STT_OBJECT, "object"],
  [STT_COMMON, "object"],
  [STT_FUNC, "function"],
  [STT_GNU_IFUNC, "ifunc"],
]);

const BINDINGS: ReadonlyMap<number, KernelSymbol["binding"]> = new Map([
  [STB_LOCAL, "local"],
  [STB_GLOBAL, "global"],
  [STB_WEAK, "weak"],
]);

/**
 * Describes a symbol.
 *
 * @param table The symbols.
 * @param symbol Its number.
 * @returns The symbol.
 */
export function symbolOf(table: SymbolTable, symbol: number): KernelSymbol {
  return {
    name: nameOf(table, symbol),
    address: joined(table.high[symbol], table.low[symbol]),
    size: joined(table.sizeHigh[symbol], table.sizeLow[symbol]),
    type: TYPES.get(table.info[symbol] & 0xf) ?? "other",
    binding: BINDINGS.get(table.info[symbol] >> 4) ?? "other",
    absolute: table.regions[symbol] === ABSOLUTE,
    index: table.indexes[symbol],
  };
}

function joined(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
