/**
 * Describes relocation entries one by one.
 *
 * @module
 */

import { relocationTypeName } from "../../plugins/relocate/relocation_types.ts";
import type { KernelRelocations, RelocationEntry, RelocationTable, RelocationTag } from "./kernel_relocations.ts";
import { COVERING_MAX } from "./limits.ts";
import { placeIndex } from "./place_index.ts";
import { entrySize, type RelocationList, WORD_KNOWN } from "./relocation_list.ts";
import { relocationSymbol, type RelocationSymbols } from "./relocation_symbols.ts";
import type { TablePart } from "./table_parts.ts";

/** A relocation table that was read. */
export interface ReadTable {
  /** The tag of the dynamic table that it was found by. */
  readonly tag: RelocationTag;
  /** Index of the program header of that dynamic table. */
  readonly header: number;
  /** File offset of its first entry. */
  readonly fileOffset: number;
  /** The numbers of its entries in the list: of the first, and the one to stop before. */
  readonly start: number;
  readonly end: number;
  /** Its parts, by the sections that they lie in. */
  readonly parts: readonly TablePart[];
  /** The symbols that its entries refer to. */
  readonly symbols: RelocationSymbols;
}

const WORD = 8n;

/**
 * Creates the index of a file's entries.
 *
 * @param list The entries.
 * @param tables The tables that they are from, in order of application.
 * @param isPartial Whether there are more.
 * @returns The index.
 */
export function kernelRelocations(
  list: RelocationList,
  tables: readonly ReadTable[],
  isPartial: boolean,
): KernelRelocations {
  let created: ReturnType<typeof placeIndex> | undefined;
  const places = () => created ??= placeIndex(list);
  const entryOf = (number: number): RelocationEntry => {
    const table = tables.find(({ start, end }) => start <= number && number < end);
    if (!table) throw new Error(`There is no relocation entry ${number}`);
    return describe(list, number, table);
  };
  return {
    tables: tables.flatMap(tablesOf),
    get count() {
      return places().count;
    },
    isPartial,
    at: (address) => {
      const { range, entryAt } = places();
      const [from, to] = range(address - WORD + 1n, address + 1n);
      const numbers = Uint32Array.from({ length: to - from }, (_, at) => entryAt(from + at)).sort();
      return [...numbers.subarray(-COVERING_MAX)].map(entryOf);
    },
    inRange: function* (start, end) {
      const { range, entryAt } = places();
      const [from, to] = range(start, end);
      for (let position = from; position < to; position++) yield entryOf(entryAt(position));
    },
    countIn: (start, end) => {
      const [from, to] = places().range(start, end);
      return to - from;
    },
  };
}

function tablesOf({ tag, header, fileOffset, parts }: ReadTable): readonly RelocationTable[] {
  return parts.map(({ name, from, count }) => {
    return { name, tag, header, fileOffset: fileOffset + from * entrySize(tag), entries: count };
  });
}

function describe(list: RelocationList, number: number, table: ReadTable): RelocationEntry {
  const { tag, header, fileOffset, parts, symbols } = table;
  const slot = list.slots[number];
  const part = parts.findLast(({ from }) => from <= slot) ?? parts[0];
  const type = list.types[number];
  const isWord = tag === "DT_RELR";
  const symbol = isWord || list.symbols[number] === 0 ? undefined : list.symbols[number];
  const addend = BigInt.asIntN(64, joined(list.addendHigh[number], list.addendLow[number]));
  return {
    table: part.name,
    tag,
    header,
    entry: slot - part.from + part.first,
    fileOffset: fileOffset + slot * entrySize(tag),
    place: joined(list.placeHigh[number], list.placeLow[number]),
    type: isWord ? "RELR" : relocationTypeName(type),
    ...(symbol === undefined ? {} : { symbol: symbols(symbol) ?? relocationSymbol(symbol) }),
    ...(isWord && type !== WORD_KNOWN ? {} : { addend }),
  };
}

function joined(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
