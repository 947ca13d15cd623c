/**
 * The relocations that Limine refuses.
 *
 * @module
 */

import { SHN_UNDEF, STB_WEAK } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { readString } from "../../core/elf/strings.ts";
import type { DynamicTable } from "./dynamic_table.ts";
import type { LimineImage } from "./image.ts";

// psABI for x86-64, "Relocation Types"
const R_X86_64_NONE = 0;
const R_X86_64_64 = 1;
const R_X86_64_GLOB_DAT = 6;
const R_X86_64_JUMP_SLOT = 7;
const R_X86_64_RELATIVE = 8;

/** The type by which Limine marks relocations of its own: one that is in the file passes for such. */
const LIMINE_INTERNAL = 0xffff_fff0;

const WITHOUT_SYMBOL: readonly number[] = [R_X86_64_NONE, R_X86_64_RELATIVE, LIMINE_INTERNAL];
const WITH_SYMBOL: readonly number[] = [R_X86_64_64, R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT];

/** Sizes in bytes, and offsets in an `Elf64_Sym`. */
const RELA_SIZE = 24;
const SYMBOL_SIZE = 24;
const ST_INFO = 4;
const ST_SHNDX = 6;
const WORD = 8n;

/** A relocation that Limine refuses. */
export interface RelocationFault {
  /** What is wrong with it: its type, its symbol's definition, or where the symbol should be. */
  readonly kind: "type" | "undefined" | "no-symbol";
  /** What Limine prints. */
  readonly words: string;
  /** Its file offset. */
  readonly offset: number;
  /** The address that it changes. */
  readonly address: bigint;
  /** The segment that holds that address. */
  readonly load: ProgramHeader;
  /** Its type. */
  readonly type: number;
  /** Index of its symbol. */
  readonly symbol: number;
  /** The symbol's name, if it is known. */
  readonly name?: string;
}

/**
 * Finds the first relocation that Limine refuses: it relocates one segment after the other.
 *
 * @param view The file.
 * @param table Its dynamic table.
 * @returns The relocation; `undefined` if it refuses none.
 */
export function firstRelocationFault(view: LimineImage, table: DynamicTable): RelocationFault | undefined {
  const loadOf = loadFinder(view.loads);
  const symbols = view.bytes(table.symbols, 2 ** 31);
  let first: Found | undefined;
  for (const { bytes, start, stride } of relocationTables(view, table)) {
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + RELA_SIZE <= bytes.length; at += stride) {
      const type = data.getUint32(at + 8, true);
      if (WITHOUT_SYMBOL.includes(type)) continue;
      const address = data.getBigUint64(at, true);
      const load = loadOf(address);
      if (!load || (first && first.load.index <= load.index)) continue;
      const symbol = data.getUint32(at + 12, true);
      const fault = faultOf(view, table, symbols, type, symbol);
      if (fault) first = { ...fault, offset: start + at, address, load, type, symbol };
    }
  }
  if (!first) return undefined;
  const { nameOffset, ...fault } = first;
  return nameOffset === undefined ? fault : { ...fault, ...named(view, table, nameOffset) };
}

/** A fault whose symbol's name is not read yet. */
type Found = RelocationFault & { readonly nameOffset?: number };

/** The name of an undefined symbol, and what Limine prints. */
function named(
  { version, bytes }: LimineImage,
  { strings, stringsSize }: DynamicTable,
  nameOffset: number,
): Pick<RelocationFault, "words" | "name"> {
  const { text } = readString(bytes(strings + BigInt(nameOffset), NAME_MAX));
  const name = text === "" ? {} : { name: text };
  if (!version.isChecked) return { words: "elf: Unresolved symbol", ...name };
  if (stringsSize === 0n) return { words: "elf: Strtab vaddr translation failed" };
  if (BigInt(nameOffset) >= stringsSize) return { words: "elf: Symbol name offset out of bounds" };
  return { words: `elf: Unresolved symbol "${text}"`, ...name };
}

/**
 * Finds what a relative relocation stores at an address.
 *
 * @param view The file.
 * @param table Its dynamic table.
 * @param address The address.
 * @returns The address that is stored, as linked; `undefined` if no relative relocation is for that address.
 */
export function relativeAddend(view: LimineImage, table: DynamicTable, address: bigint): bigint | undefined {
  for (const { bytes, stride } of relocationTables(view, table)) {
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + RELA_SIZE <= bytes.length; at += stride) {
      if (data.getUint32(at + 8, true) !== R_X86_64_RELATIVE || data.getBigUint64(at, true) !== address) continue;
      return data.getBigUint64(at + 16, true);
    }
  }
  return undefined;
}

/** The tables of relocations, without a partial one at the end. */
function relocationTables(
  view: LimineImage,
  { rela, relaSize, relaEntry, plt, pltSize }: DynamicTable,
): readonly { readonly bytes: Uint8Array; readonly start: number; readonly stride: number }[] {
  if (relaEntry === 0n) return [];
  return ([[rela, relaSize], [plt, pltSize]] as const).map(([offset, size]) => {
    const bytes = view.bytes(offset, Number(size / relaEntry * relaEntry));
    return { bytes, start: Number(offset), stride: Number(relaEntry) };
  });
}

/** Returns a function that finds the segment whose memory holds the eight bytes at an address. */
function loadFinder(loads: readonly ProgramHeader[]): (address: bigint) => ProgramHeader | undefined {
  const ordered = loads.toSorted((a, b) => Number(a.p_vaddr - b.p_vaddr));
  return (address) => {
    let [low, high] = [0, ordered.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ordered[middle].p_vaddr <= address) low = middle + 1;
      else high = middle;
    }
    const load = ordered[low - 1];
    return load && address + WORD <= load.p_vaddr + load.p_memsz ? load : undefined;
  };
}

function faultOf(
  { version }: LimineImage,
  table: DynamicTable,
  symbols: Uint8Array,
  type: number,
  symbol: number,
): Pick<Found, "kind" | "words" | "nameOffset"> | undefined {
  if (!WITH_SYMBOL.includes(type)) {
    return { kind: "type", words: `elf: Unknown relocation type: 0x${type.toString(16)}` };
  }
  const at = Number(table.symbolEntry) * symbol;
  if (version.isChecked) {
    if (table.symbols === 0n || table.symbolEntry === 0n) {
      return { kind: "no-symbol", words: "elf: Relocation requires symbol table but none present" };
    }
    if (at > Number(table.symbolsSize) - SYMBOL_SIZE) {
      return { kind: "no-symbol", words: `elf: Symbol index ${symbol} out of bounds` };
    }
  }
  const record = new DataView(new ArrayBuffer(SYMBOL_SIZE));
  new Uint8Array(record.buffer).set(symbols.subarray(at, at + SYMBOL_SIZE));
  if (record.getUint16(ST_SHNDX, true) !== SHN_UNDEF || record.getUint8(ST_INFO) >> 4 === STB_WEAK) return undefined;
  return { kind: "undefined", words: "", nameOffset: record.getUint32(0, true) };
}

/** The most bytes of a symbol's name that are read. */
const NAME_MAX = 256;
