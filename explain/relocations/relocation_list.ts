/**
 * Relocation entries in arrays of numbers, in order of application: a kernel has up to a million, of which few are ever
 * looked at.
 *
 * @module
 */

import type { RelocationTag } from "./kernel_relocations.ts";

/** The entries. Arrays have an element for each entry; for `DT_RELR`, one for each word. */
export interface RelocationList {
  /** Number of entries so far. */
  count: number;
  /** Addresses of the words that they write, as halves. */
  readonly placeHigh: Uint32Array;
  readonly placeLow: Uint32Array;
  /** Addends, as halves. */
  readonly addendHigh: Uint32Array;
  readonly addendLow: Uint32Array;
  /** Types; for `DT_RELR`, {@linkcode WORD_KNOWN} or {@linkcode WORD_UNKNOWN}. */
  readonly types: Uint32Array;
  /** Indices of symbols; 0 for none. */
  readonly symbols: Uint32Array;
  /** Indices of the entries in the table that the dynamic table names. */
  readonly slots: Uint32Array;
}

/** The types of words of `DT_RELR`: those with an addend, and those outside every segment. No entry has such a type. */
export const WORD_KNOWN = 0xffff_fffe;
const WORD_UNKNOWN = 0xffff_ffff;

/** Size of an `Elf64_Rela` and of an entry of `DT_RELR`, in bytes. */
export const RELA_SIZE = 24;
export const RELR_SIZE = 8;

/**
 * The size of an entry.
 *
 * @param tag The tag of its table.
 * @returns Number of bytes.
 */
export function entrySize(tag: RelocationTag): number {
  return tag === "DT_RELR" ? RELR_SIZE : RELA_SIZE;
}

const BITS = 63;
/** How many of the bits for words are in the lower half of an entry. */
const BITS_LOW = 31;
const WORD = 8;
const TWO_32 = 2 ** 32;

/**
 * Creates an empty list.
 *
 * @param room The most entries that it can hold.
 * @returns The list.
 */
export function relocationList(room: number): RelocationList {
  const numbers = () => new Uint32Array(room);
  return {
    count: 0,
    placeHigh: numbers(),
    placeLow: numbers(),
    addendHigh: numbers(),
    addendLow: numbers(),
    types: numbers(),
    symbols: numbers(),
    slots: numbers(),
  };
}

/**
 * Adds `Elf64_Rela` entries (gABI, "Relocation"), up to the room of the list.
 *
 * @param list The list.
 * @param table The bytes of the table.
 * @param from Index of the first entry to add.
 * @param end Index of the entry to stop before.
 * @returns The number of entries that were added.
 */
export function addRela(list: RelocationList, table: Uint8Array, from: number, end: number): number {
  const { placeHigh, placeLow, addendHigh, addendLow, types, symbols, slots } = list;
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  const last = Math.min(end, from + slots.length - list.count);
  let at = list.count;
  for (let slot = from, offset = from * RELA_SIZE; slot < last; slot++, offset += RELA_SIZE) {
    placeLow[at] = view.getUint32(offset, true);
    placeHigh[at] = view.getUint32(offset + 4, true);
    types[at] = view.getUint32(offset + 8, true);
    symbols[at] = view.getUint32(offset + 12, true);
    addendLow[at] = view.getUint32(offset + 16, true);
    addendHigh[at] = view.getUint32(offset + 20, true);
    slots[at] = slot;
    at++;
  }
  list.count = at;
  return last - from;
}

/** The word after the last one of the entries so far, as halves. */
export interface NextWord {
  high: number;
  low: number;
}

/**
 * Adds the words of `DT_RELR` entries (gABI, "Relative Relocation Table"), up to the room of the list: an even entry is
 * the address of a word; in an odd one, each bit except the lowest stands for one of the next 63 words.
 *
 * @param list The list.
 * @param table The bytes of the table.
 * @param from Index of the first entry to add.
 * @param end Index of the entry to stop before.
 * @param next The next word, which goes on with every entry.
 * @returns The number of entries that were added.
 */
export function addRelr(list: RelocationList, table: Uint8Array, from: number, end: number, next: NextWord): number {
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  let slot = from;
  for (; slot < end && list.count + wordsOf(view, slot) <= list.slots.length; slot++) {
    const low = view.getUint32(slot * RELR_SIZE, true);
    const high = view.getUint32(slot * RELR_SIZE + 4, true);
    if ((low & 1) === 0) {
      [next.high, next.low] = [high, low];
      addWords(list, next, 1, slot);
      go(next, WORD);
    } else {
      addWords(list, next, low >>> 1, slot);
      go(next, BITS_LOW * WORD);
      addWords(list, next, high, slot);
      go(next, (BITS - BITS_LOW) * WORD);
    }
  }
  return slot - from;
}

/** Adds the words whose bits are set; bit 0 is for the next one. */
function addWords(list: RelocationList, { high, low }: NextWord, marks: number, slot: number): void {
  const { placeHigh, placeLow, types, slots } = list;
  let at = list.count;
  for (let bits = marks, place = low; bits !== 0; bits >>>= 1, place += WORD) {
    const upper = place < TWO_32 ? high : high + 1;
    if ((bits & 1) === 0 || upper >= TWO_32) continue; // after the last address there is no word
    placeLow[at] = place;
    placeHigh[at] = upper;
    types[at] = WORD_UNKNOWN;
    slots[at] = slot;
    at++;
  }
  list.count = at;
}

function go(next: NextWord, bytes: number): void {
  const sum = next.low + bytes;
  if (sum >= TWO_32) next.high++;
  next.low = sum >>> 0;
}

/**
 * Counts the words of `DT_RELR` entries.
 *
 * @param table The bytes of the table.
 * @param from Index of the first entry to count.
 * @param end Index of the entry to stop before.
 * @returns Their number.
 */
export function countRelr(table: Uint8Array, from: number, end: number): number {
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  let count = 0;
  for (let slot = from; slot < end; slot++) count += wordsOf(view, slot);
  return count;
}

/** The number of words that an entry stands for. */
function wordsOf(view: DataView, slot: number): number {
  const low = view.getUint32(slot * RELR_SIZE, true);
  return (low & 1) === 0 ? 1 : ones(low >>> 1) + ones(view.getUint32(slot * RELR_SIZE + 4, true));
}

/** The number of bits that are set. */
function ones(bits: number): number {
  let sum = bits - ((bits >>> 1) & 0x5555_5555);
  sum = (sum & 0x3333_3333) + ((sum >>> 2) & 0x3333_3333);
  return Math.imul((sum + (sum >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
