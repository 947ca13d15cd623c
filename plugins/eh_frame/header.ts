/**
 * The table of .eh_frame_hdr (LSB Core, "The .eh_frame_hdr section"): frame description entries, sorted by address.
 *
 * @module
 */

import { DW_EH_PE_omit, encodedSize, type EncodingBase, readEncoded } from "./encoding.ts";
import type { ReadMemory } from "./memory_reader.ts";

/** The search table. */
export interface SearchTable {
  /** Number of rows, one for each frame description entry. */
  readonly count: number;
  /** Finds the last row whose code starts at or before an address, and returns the address of its entry. */
  readonly find: (address: bigint) => bigint | undefined;
}

/** The content of a header. */
export interface EhFrameHeader {
  /** Virtual address of .eh_frame, if it can be read. */
  readonly ehFrame?: bigint;
  /** The search table, if there is one and it can be read. */
  readonly table?: SearchTable;
  /** Names and values of the encodings that are not supported or stand for an omitted value. */
  readonly unsupported: readonly string[];
  /** What is wrong with it. */
  readonly faults: readonly string[];
}

/** `version` and three encodings, one byte each. */
const FIELDS_SIZE = 4;

/** The fields, and the two encoded values after them, at most ten bytes each. */
const HEADER_MAX = 24;

/**
 * Reads the header. The table itself is read later, as far as each search needs it.
 *
 * @param address Its virtual address.
 * @param size Its size in bytes.
 * @param memory The kernel's memory.
 * @returns Its content.
 * @throws {LoadError} If it is too short or not mapped.
 */
export function readHeader(address: bigint, size: bigint, memory: ReadMemory): EhFrameHeader {
  const length = size < BigInt(HEADER_MAX) ? Number(size) : HEADER_MAX;
  const reader = memory(address, length, "the header of the unwind table");
  const version = reader.u8(0);
  if (version !== 1) return { unsupported: [], faults: [`its version is ${version} instead of 1`] };
  const [frameEncoding, countEncoding, tableEncoding] = [reader.u8(1), reader.u8(2), reader.u8(3)];
  const base: EncodingBase = { address, data: address };
  const unsupported: string[] = [];
  /** Reads a value; an omitted value takes no bytes. */
  const decode = (name: string, at: number, encoding: number) => {
    const found = encoding === DW_EH_PE_omit ? undefined : readEncoded(reader, at, encoding, base);
    if (!found) unsupported.push(named(name, encoding));
    return found ?? (encoding === DW_EH_PE_omit ? { value: undefined, size: 0 } : undefined);
  };

  const frame = decode("eh_frame_ptr_enc", FIELDS_SIZE, frameEncoding);
  // The size of a value with an unsupported encoding is unknown, and so is the start of the next value.
  if (!frame) return { unsupported, faults: [] };
  const ehFrame = frame.value === undefined ? {} : { ehFrame: frame.value };
  const count = decode("fde_count_enc", FIELDS_SIZE + frame.size, countEncoding);
  const valueSize = encodedSize(tableEncoding);
  if (valueSize === undefined) unsupported.push(named("table_enc", tableEncoding));
  if (count?.value === undefined || valueSize === undefined) return { ...ehFrame, unsupported, faults: [] };

  const start = FIELDS_SIZE + frame.size + count.size;
  const end = BigInt(start) + count.value * BigInt(2 * valueSize);
  if (end > size) {
    return { ...ehFrame, unsupported, faults: [`a table of ${count.value} rows does not fit in ${size} bytes`] };
  }
  const table = searchTable(Number(count.value), address + BigInt(start), valueSize, tableEncoding, address, memory);
  return { ...ehFrame, table, unsupported, faults: [] };
}

function named(field: string, encoding: number): string {
  return `${field} 0x${encoding.toString(16).padStart(2, "0")}`;
}

function searchTable(
  count: number,
  start: bigint,
  valueSize: number,
  encoding: number,
  data: bigint,
  memory: ReadMemory,
): SearchTable {
  const value = (row: number, column: 0 | 1): bigint | undefined => {
    const address = start + BigInt((2 * row + column) * valueSize);
    return readEncoded(memory(address, valueSize, "the unwind table"), 0, encoding, { address, data })?.value;
  };
  return {
    count,
    find: (address) => {
      let [below, above] = [-1, count];
      while (above - below > 1) {
        const middle = Math.floor((below + above) / 2);
        if ((value(middle, 0) ?? 0n) <= address) below = middle;
        else above = middle;
      }
      return below < 0 ? undefined : value(below, 1);
    },
  };
}
