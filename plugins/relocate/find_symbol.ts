/**
 * Symbols from the dynamic symbol table, as relocations use them.
 *
 * @module
 */

import {
  ELFCLASS64,
  RECORD_SIZES,
  SHN_ABS,
  SHN_UNDEF,
  STB_WEAK,
  STT_GNU_IFUNC,
  STT_TLS,
} from "../../core/elf/constants.ts";
import { elfReader } from "../../core/elf/reader.ts";
import { readString } from "../../core/elf/strings.ts";
import { readSymbol, symbolBinding, symbolType } from "../../core/elf/symbols.ts";
import { LoadError } from "../../core/errors.ts";
import type { RelocationTables } from "./relocation_tables.ts";
import type { RelocationTarget } from "./relocation_target.ts";

const SYMBOL_SIZE = RECORD_SIZES[ELFCLASS64].symbol;
const NAME_MAX = 256;

/** A symbol, as a relocation uses it. */
export interface KernelSymbol {
  /** Finds its name: empty for symbol 0, "#" and the index if it cannot be read. */
  readonly name: () => string;
  /** Whether the kernel defines it. */
  readonly defined: boolean;
  /** Whether it may be undefined; its value is then 0. */
  readonly weak: boolean;
  /** Whether its address is only known after kernel code has run, or differs between threads. */
  readonly needsResolver: boolean;
  /** Its address, including the offset; 0 if it is undefined. */
  readonly value: bigint;
}

/** Symbol 0 stands for no symbol. */
const NO_SYMBOL: KernelSymbol = { name: () => "", defined: true, weak: false, needsResolver: false, value: 0n };

/**
 * Finds a symbol.
 *
 * @param index Its index in the symbol table.
 * @param tables Where the symbols and their names are.
 * @param target The memory.
 * @returns The symbol.
 * @throws {LoadError} "page-not-mapped", "address-overflow" or "address-not-canonical" if the symbol cannot be read.
 */
export function findSymbol(index: number, tables: RelocationTables, target: RelocationTarget): KernelSymbol {
  if (index === 0) return NO_SYMBOL;
  const { symbols } = tables;
  if (symbols === undefined) return { ...NO_SYMBOL, name: () => `#${index}`, defined: false };
  const bytes = target.read(symbols + BigInt(index * SYMBOL_SIZE), SYMBOL_SIZE, "the symbol of DT_SYMTAB");
  const symbol = readSymbol(elfReader(bytes, { subject: "the symbol table" }), 0, ELFCLASS64);
  const { st_name, st_shndx, st_value } = symbol;
  const defined = st_shndx !== SHN_UNDEF;
  return {
    name: () => readName(BigInt(st_name), tables, target) || `#${index}`,
    defined,
    weak: symbolBinding(symbol) === STB_WEAK,
    needsResolver: [STT_TLS, STT_GNU_IFUNC].includes(symbolType(symbol)),
    value: !defined ? 0n : st_shndx === SHN_ABS ? st_value : st_value + target.offset,
  };
}

/**
 * Reads a name from the string table.
 *
 * @param offset Offset of the name in the table.
 * @param tables Where the table is.
 * @param target The memory.
 * @returns The name, truncated to 256 bytes; empty if it lies outside the table or cannot be read.
 */
export function readName(offset: bigint, { strings }: RelocationTables, target: RelocationTarget): string {
  if (!strings || offset >= strings.size) return "";
  const rest = strings.size - offset;
  const length = rest < BigInt(NAME_MAX) ? Number(rest) : NAME_MAX;
  try {
    return readString(target.read(strings.address + offset, length, "a name")).text;
  } catch (error) {
    if (error instanceof LoadError) return "";
    throw error;
  }
}
