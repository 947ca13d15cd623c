/**
 * Symbols of the dynamic symbol table (gABI, "Symbol Table").
 *
 * @module
 */

import type { DynamicTable } from "./dynamic_table.ts";
import type { RelocationTarget } from "./target.ts";

const SYM_SIZE = 24;
const SHN_UNDEF = 0;
const SHN_ABS = 0xfff1;
const STB_WEAK = 2;
const STT_TLS = 6;
const STT_GNU_IFUNC = 10;
const NAME_MAX = 256;

/** A symbol, as a relocation uses it. */
export interface Symbol {
  /** Its name; empty for symbol 0. */
  readonly name: string;
  /** Whether the kernel defines it. */
  readonly defined: boolean;
  /** Whether it may be missing, and is 0 then. */
  readonly weak: boolean;
  /** Whether its address is only known once code of the kernel has run, or differs by thread. */
  readonly needsResolver: boolean;
  /** Its address where the kernel was placed; 0 where it is not defined. */
  readonly value: bigint;
}

/** Symbol 0 stands for no symbol. */
const NO_SYMBOL: Symbol = { name: "", defined: true, weak: false, needsResolver: false, value: 0n };

/**
 * Reads a symbol.
 *
 * @param index Its index in the symbol table.
 * @param table The dynamic table, which says where symbols and their names are.
 * @param target The memory.
 * @returns The symbol.
 * @throws {LoadError} "page-not-mapped" where the table or the name lies in no page.
 */
export function readSymbol(index: number, table: DynamicTable, target: RelocationTarget): Symbol {
  if (index === 0) return NO_SYMBOL;
  const { symbols } = table;
  if (symbols === undefined) return { ...NO_SYMBOL, name: `#${index}`, defined: false };
  const entry = target.read(symbols + BigInt(index * SYM_SIZE), SYM_SIZE, "the address of a symbol");
  const info = entry.getUint8(4);
  const section = entry.getUint16(6, true);
  const value = entry.getBigUint64(8, true);
  const defined = section !== SHN_UNDEF;
  return {
    name: readName(BigInt(entry.getUint32(0, true)), table, target) || `#${index}`,
    defined,
    weak: info >> 4 === STB_WEAK,
    needsResolver: [STT_TLS, STT_GNU_IFUNC].includes(info & 0xf),
    value: !defined ? 0n : section === SHN_ABS ? value : value + target.offset,
  };
}

/**
 * Reads a name from the string table.
 *
 * @param offset Where in the table it starts.
 * @param table The dynamic table.
 * @param target The memory.
 * @returns The name up to its zero byte, cut after 256 bytes; empty outside the table.
 * @throws {LoadError} "page-not-mapped" where it lies in no page.
 */
export function readName(offset: bigint, { strings }: DynamicTable, target: RelocationTarget): string {
  if (!strings || offset >= strings.size) return "";
  const rest = strings.size - offset;
  const length = rest < BigInt(NAME_MAX) ? Number(rest) : NAME_MAX;
  const view = target.read(strings.address + offset, length, "the address of a name");
  const bytes = new Uint8Array(view.buffer);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
