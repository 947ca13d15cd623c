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

/** A segment, and which of its file bytes the words take. */
interface Segment {
  readonly high: number;
  readonly low: number;
  /** Number of bytes in memory, and in the file. */
  readonly size: number;
  readonly fileSize: number;
  /** File offset of its first byte. */
  readonly fileOffset: number;
  /** Offsets in the segment: of the first word, and of the end of the last one. */
  first: number;
  end: number;
  /** The bytes from the first word on, once they are read. */
  view?: DataView;
}

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
  const segments = programHeaders.filter(({ p_type, p_memsz }) => p_type === PT_LOAD && p_memsz > 0n).map(segmentOf);
  const find = finder(programHeaders, segments);
  const each = async (work: (segment: Segment, offset: number, entry: number) => void): Promise<void> => {
    for (let entry = from; entry < end; entry++) {
      const [high, low] = [list.placeHigh[entry], list.placeLow[entry]];
      const segment = find(high, low);
      if (segment) work(segment, (high - segment.high) * TWO_32 + (low - segment.low), entry);
      const pausing = (entry - from) % BATCH === BATCH - 1 ? pause() : undefined;
      if (pausing) await pausing;
    }
  };
  await each((segment, offset) => {
    segment.first = Math.min(segment.first, offset);
    segment.end = Math.max(segment.end, offset + WORD);
  });
  for (const segment of segments) {
    const length = Math.min(segment.end, segment.fileSize) - segment.first;
    if (!(length > 0)) continue;
    const start = segment.fileOffset + segment.first;
    await file.keep(start, length);
    const { buffer, byteOffset, length: size } = file.bytes(start, length);
    segment.view = new DataView(buffer, byteOffset, size);
  }
  await each(({ first, view }, offset, entry) => {
    list.types[entry] = WORD_KNOWN;
    list.addendLow[entry] = view ? numberAt(view, offset - first) : 0;
    list.addendHigh[entry] = view ? numberAt(view, offset - first + 4) : 0;
  });
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

function segmentOf({ p_vaddr, p_memsz, p_filesz, p_offset }: ProgramHeader): Segment {
  return {
    high: upperHalf(p_vaddr),
    low: lowerHalf(p_vaddr),
    size: Number(p_memsz),
    fileSize: Number(p_filesz < p_memsz ? p_filesz : p_memsz),
    fileOffset: Number(p_offset),
    first: Infinity,
    end: 0,
  };
}

/** Finds the segment that contains a word whole; the same one as before, if it does. */
function finder(
  programHeaders: readonly ProgramHeader[],
  segments: readonly Segment[],
): (high: number, low: number) => Segment | undefined {
  const loads = programHeaders.filter(({ p_type, p_memsz }) => p_type === PT_LOAD && p_memsz > 0n);
  const index = rangeIndex(loads.map(({ p_vaddr, p_memsz }, at) => {
    return { start: p_vaddr, end: p_vaddr + p_memsz, segment: segments[at] };
  }));
  const contains = (segment: Segment, high: number, low: number): boolean => {
    const offset = (high - segment.high) * TWO_32 + (low - segment.low);
    return offset >= 0 && offset + WORD <= segment.size;
  };
  let last: Segment | undefined;
  return (high, low) => {
    if (last && contains(last, high, low)) return last;
    const found = index.reaching(high, low)?.segment;
    return last = found && contains(found, high, low) ? found : undefined;
  };
}
