/**
 * Words that differ between two loads of a kernel because it was loaded elsewhere.
 *
 * @module
 */

import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { TableSet } from "../tables/table_set.ts";
import { pageCursor } from "./page_cursor.ts";

/** Number of bytes in a word. */
const WORD = 8;

/**
 * Tells whether a byte, the first that differs in its word, belongs to a word that is larger in B by the distance of the
 * kernels, modulo 2^64. Returns how many bytes of the word there are from that one on, or 0.
 */
export type MovedBytes = (
  pageA: number,
  pageB: number,
  offset: number,
  bytesA: Uint8Array,
  bytesB: Uint8Array,
) => number;

/**
 * Prepares to find such words.
 *
 * @param a The tables of A, for words that cross a page.
 * @param b The tables of B.
 * @param distance How far B's kernel is from A's, not 0.
 * @returns The function that finds them.
 */
export function movedBytes(a: TableSet, b: TableSet, distance: bigint): MovedBytes {
  // A sum with the distance leaves the bytes below its lowest that is not 0, and always changes that one.
  let lowest = 0;
  while (((distance >> BigInt(lowest * 8)) & 0xffn) === 0n) lowest++;
  const words = new BigUint64Array(2);
  const wordA = new Uint8Array(words.buffer, 0, WORD);
  const wordB = new Uint8Array(words.buffer, WORD, WORD);
  const readA = acrossPages(a, wordA);
  const readB = acrossPages(b, wordB);
  return (pageA, pageB, offset, bytesA, bytesB) => {
    const start = offset - lowest;
    if (start >= 0 && start + WORD <= PAGE_SIZE) {
      for (let at = 0; at < WORD; at++) {
        wordA[at] = bytesA[start + at];
        wordB[at] = bytesB[start + at];
      }
    } else if (!readA(pageA, start) || !readB(pageB, start)) return 0;
    return BigInt.asUintN(64, words[0] + distance) === words[1] ? WORD - lowest : 0;
  };
}

/** Prepares to read a word that starts before a page or ends after it. */
function acrossPages(tables: TableSet, word: Uint8Array): (page: number, start: number) => boolean {
  const cursor = pageCursor(tables);
  return (page, start) => {
    for (let at = 0; at < WORD; at++) {
      const offset = start + at;
      const step = Math.floor(offset / PAGE_SIZE);
      cursor.seek(page + step);
      const byte = cursor.kind === "page"
        ? tables.pages.bytes(cursor.frame + offset - step * PAGE_SIZE, 1)?.[0]
        : undefined;
      if (byte === undefined) return false;
      word[at] = byte;
    }
    return true;
  };
}
