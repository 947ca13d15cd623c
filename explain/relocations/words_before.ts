/**
 * What the words that `DT_RELR` relocates hold before: their addends.
 *
 * @module
 */

import { lowerHalf, rangeIndex, upperHalf } from "../../core/address_space/range_index.ts";
import { PT_LOAD } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import type { Pause } from "../../core/intake/pause.ts";
import { type RelocationList, WORD_KNOWN } from "./relocation_list.ts";

const WORD = 8;
const TWO_32 = 2 ** 32;

/** How many words to read between pauses. */
const BATCH = 2 ** 15;

/** The segments, and which of their bytes the words take. Arrays have an element for each segment. */
interface Segments {
  readonly count: number;
  /** Addresses of their first bytes, as halves. */
  readonly high: Float64Array;
  readonly low: Float64Array;
  /** Number of bytes in memory. */
  readonly size: Float64Array;
  /** Offsets in the segment: of the first word, and of the end of the last one. */
  readonly first: Float64Array;
  readonly end: Float64Array;
  /** Finds the number of a segment by an address; {@linkcode NONE} if none contains it. */
  readonly find: (high: number, low: number) => number;
}

const NONE = -1;

/**
 * Reads the words, and enters them as addends.
 *
 * @param list The entries.
 * @param from The first one to look at.
 * @param end The one to stop before.
 * @param file The file.
 * @param programHeaders Its program headers.
 * @param pause The pause of the work.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded", as the file does.
 */
export async function readWords(
  list: RelocationList,
  from: number,
  end: number,
  file: KeptFile,
  programHeaders: readonly ProgramHeader[],
  pause: Pause,
): Promise<void> {
  const loads = programHeaders.filter(({ p_type, p_memsz }) => p_type === PT_LOAD && p_memsz > 0n);
  const segments = segmentsOf(loads);
  const numbers = new Int32Array(end - from).fill(NONE);
  for (let done = from; done < end; done += BATCH) {
    locate(list, done, Math.min(end, done + BATCH), segments, numbers.subarray(done - from));
    const pausing = pause();
    if (pausing) await pausing;
  }
  const views: (DataView | undefined)[] = [];
  for (const [number, { p_offset, p_filesz, p_memsz }] of loads.entries()) {
    const first = segments.first[number];
    const length = Math.min(segments.end[number], Number(p_filesz < p_memsz ? p_filesz : p_memsz)) - first;
    if (!(length > 0)) {
      views.push(undefined);
      continue;
    }
    const start = Number(p_offset) + first;
    await file.keep(start, length);
    const { buffer, byteOffset, length: size } = file.bytes(start, length);
    views.push(new DataView(buffer, byteOffset, size));
  }
  for (let done = from; done < end; done += BATCH) {
    enter(list, done, Math.min(end, done + BATCH), segments, numbers.subarray(done - from), views);
    const pausing = pause();
    if (pausing) await pausing;
  }
}

/** Finds the segments of words that lie in one, and how much of each the words take. */
function locate(list: RelocationList, from: number, end: number, segments: Segments, numbers: Int32Array): void {
  const { placeHigh, placeLow } = list;
  const { high, low, size, first, end: ends, find } = segments;
  let number = NONE;
  let offset = 0;
  for (let entry = from; entry < end; entry++) {
    const isSame = number !== NONE && isIn(
      offset = (placeHigh[entry] - high[number]) * TWO_32 + (placeLow[entry] - low[number]),
      size[number],
    );
    if (!isSame) {
      number = find(placeHigh[entry], placeLow[entry]);
      if (number === NONE) continue;
      offset = (placeHigh[entry] - high[number]) * TWO_32 + (placeLow[entry] - low[number]);
      if (!isIn(offset, size[number])) continue;
    }
    numbers[entry - from] = number;
    if (offset < first[number]) first[number] = offset;
    if (offset + WORD > ends[number]) ends[number] = offset + WORD;
  }
}

/** Whether a word lies in as many bytes. */
function isIn(offset: number, size: number): boolean {
  return offset >= 0 && offset + WORD <= size;
}

/** Enters the words of segments as addends. */
function enter(
  list: RelocationList,
  from: number,
  end: number,
  { high, low, first }: Segments,
  numbers: Int32Array,
  views: readonly (DataView | undefined)[],
): void {
  const { placeHigh, placeLow, addendHigh, addendLow, types } = list;
  for (let entry = from; entry < end; entry++) {
    const number = numbers[entry - from];
    if (number === NONE) continue;
    types[entry] = WORD_KNOWN;
    const view = views[number];
    if (!view) continue;
    const offset = (placeHigh[entry] - high[number]) * TWO_32 + (placeLow[entry] - low[number]) - first[number];
    const isWhole = offset + WORD <= view.byteLength;
    addendLow[entry] = isWhole ? view.getUint32(offset, true) : numberAt(view, offset);
    addendHigh[entry] = isWhole ? view.getUint32(offset + 4, true) : numberAt(view, offset + 4);
  }
}

/** Four bytes, of which those past the end are zero. */
function numberAt(view: DataView, offset: number): number {
  if (offset + 4 <= view.byteLength) return view.getUint32(offset, true);
  let number = 0;
  for (let byte = 0; byte < 4 && offset + byte < view.byteLength; byte++) {
    number |= view.getUint8(offset + byte) << (8 * byte);
  }
  return number;
}

function segmentsOf(loads: readonly ProgramHeader[]): Segments {
  const index = rangeIndex(loads.map(({ p_vaddr, p_memsz }, number) => {
    return { start: p_vaddr, end: p_vaddr + p_memsz, number };
  }));
  return {
    count: loads.length,
    high: Float64Array.from(loads, ({ p_vaddr }) => upperHalf(p_vaddr)),
    low: Float64Array.from(loads, ({ p_vaddr }) => lowerHalf(p_vaddr)),
    size: Float64Array.from(loads, ({ p_memsz }) => Number(p_memsz)),
    first: new Float64Array(loads.length).fill(Infinity),
    end: new Float64Array(loads.length),
    find: (high, low) => index.reaching(high, low)?.number ?? NONE,
  };
}
