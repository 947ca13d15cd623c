/**
 * Collects bytes that differ: as ranges, and by segment, section and symbol.
 *
 * @module
 */

import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { ByteDifference, ContentDifferences, FirstDifference, MatchedAddress } from "./kernel_difference.ts";
import { limitedList } from "./limited_list.ts";
import type { NamedPiece, NameFinder } from "./name_places.ts";
import { type NamedTotals, namedTotals } from "./named_totals.ts";
import { addressOfPage } from "./page_cursor.ts";
import { type PairedNames, placeNames } from "./paired_names.ts";

/** The most bytes from one that differs to the next in its range. */
const MOST_STEP = 16;

/** The most bytes of a range to show. */
const MOST_SHOWN = 8;

/** Collects bytes, ascending within what has a name. */
export interface DifferingBytes {
  /** Goes to a page of A and of B, with their bytes. */
  readonly page: (pageA: number, pageB: number, bytesA: Uint8Array, bytesB: Uint8Array) => void;
  /** Adds a byte of the page that differs, by its offset in it. */
  readonly add: (offset: number) => void;
  /** Number of bytes added. */
  readonly count: () => number;
  /** What was collected. */
  readonly result: () => Pick<
    ContentDifferences,
    "differing" | "outside" | "inSections" | "first" | "ranges" | "segments" | "sections" | "symbols"
  >;
}

/** The page that bytes are added of. */
interface CurrentPage {
  readonly pageA: number;
  readonly pageB: number;
  readonly bytesA: Uint8Array;
  readonly bytesB: Uint8Array;
  /** Its address in A. */
  readonly base: bigint;
}

const NO_BYTES = new Uint8Array(0);

/** The bytes that have the same names. */
interface OpenPiece {
  readonly found: NamedPiece;
  /** The addresses of the first byte that differs. */
  readonly first: MatchedAddress;
  /** The address in A after the last byte that has these names. */
  readonly end: bigint;
  /** How much further B's page is. */
  readonly shift: number;
  differing: number;
}

/** The range that bytes were added to last. */
interface OpenRange {
  readonly start: Omit<ByteDifference, "size" | "differing"> | undefined;
  /** Offset of the last byte in the current page; negative if it is in the page before. */
  offset: number;
  size: number;
  differing: number;
}

/**
 * Creates the collection.
 *
 * @param names Finds the names of addresses.
 * @param limit The most items of each list to keep.
 * @returns The collection, empty.
 */
export function differingBytes(names: NameFinder, limit: number): DifferingBytes {
  const ranges = limitedList<ByteDifference>(limit);
  const segments = namedTotals(limit);
  const sections = namedTotals(limit);
  const symbols = namedTotals(limit);
  let current: CurrentPage = { pageA: 0, pageB: 0, bytesA: NO_BYTES, bytesB: NO_BYTES, base: 0n };
  let pieceEnd = 0; // offset in the page after the last byte of the piece
  let piece: OpenPiece | undefined;
  let range: OpenRange | undefined;
  let first: FirstDifference | undefined;
  let count = 0;
  let outside = 0;
  let inSections = 0;

  const placeOf = (offset: number): MatchedAddress => {
    const address = current.base + BigInt(offset);
    const addressInB = addressOfPage(current.pageB) + BigInt(offset);
    return address === addressInB ? { address } : { address, addressInB };
  };
  const closeRange = (): void => {
    if (!range) return;
    const { start, size, differing } = range;
    range = undefined;
    ranges.add(() => {
      const { a, b, ...place } = start as NonNullable<typeof start>;
      return { ...place, size, differing, a: a.slice(0, size), b: b.slice(0, size) };
    });
  };
  const closePiece = (): void => {
    closeRange();
    if (!piece) return;
    const { found: { segment, section, symbol }, first, differing } = piece;
    piece = undefined;
    const addTo = (totals: NamedTotals, pair: PairedNames): boolean => {
      if (!pair.a && !pair.b) return false;
      totals.add(pair, first, differing);
      return true;
    };
    if (!addTo(segments, segment) && names.hasSegments) outside += differing;
    if (addTo(sections, section)) inSections += differing;
    addTo(symbols, symbol);
  };
  const openPiece = (offset: number): OpenPiece => {
    closePiece();
    const { pageA, pageB } = current;
    const place = placeOf(offset);
    const found = names.at(place.address, place.addressInB ?? place.address);
    const opened = {
      found,
      first: place,
      end: place.address + found.size,
      shift: pageB - pageA,
      differing: 0,
    };
    pieceEnd = offsetOf(opened.end);
    return piece = opened;
  };
  /** The offset in the page of an address that is at its start or after it. */
  const offsetOf = (address: bigint): number => {
    const offset = address - current.base;
    return offset < BigInt(PAGE_SIZE) ? Number(offset) : PAGE_SIZE;
  };
  const openRange = (offset: number, { found, first }: OpenPiece): OpenRange => {
    closeRange();
    const make = (): OpenRange["start"] => {
      const place = placeOf(offset);
      const end = Math.min(offset + MOST_SHOWN, PAGE_SIZE);
      const isInSegment = found.segment.a !== undefined || found.segment.b !== undefined;
      const beside = isInSegment ? {} : names.segmentIn(current.base, addressOfPage(current.pageB), BigInt(PAGE_SIZE));
      const pageOf = (beside.a ?? beside.b)?.index;
      return {
        ...place,
        a: current.bytesA.slice(offset, end),
        b: current.bytesB.slice(offset, end),
        ...placeNames(found, Number(place.address - first.address)),
        ...(pageOf === undefined ? {} : { pageOf }),
      };
    };
    const start = ranges.isFull() ? undefined : make();
    return range = { start, offset, size: 1, differing: 0 };
  };
  return {
    page: (pageA, pageB, bytesA, bytesB) => {
      const isNext = pageA === current.pageA + 1 && pageB === current.pageB + 1;
      if (!isNext) closeRange();
      else if (range) range.offset -= PAGE_SIZE;
      const isAscending = pageA > current.pageA;
      current = { pageA, pageB, bytesA, bytesB, base: addressOfPage(pageA) };
      const goesOn = isAscending && piece?.shift === pageB - pageA && current.base < piece.end;
      pieceEnd = goesOn && piece ? offsetOf(piece.end) : 0;
    },
    // This runs for every byte: it must not make numbers that are no small integers.
    add: (offset) => {
      const inPiece = piece && offset < pieceEnd ? piece : openPiece(offset);
      inPiece.differing++;
      const step = range ? offset - range.offset : 0;
      const inRange = range && step <= MOST_STEP ? range : openRange(offset, inPiece);
      if (inRange.differing > 0) inRange.size += step;
      inRange.offset = offset;
      inRange.differing++;
      if (count++ === 0) first = { ...placeOf(offset), a: current.bytesA[offset], b: current.bytesB[offset] };
    },
    count: () => count,
    result: () => {
      closePiece();
      return {
        differing: count,
        outside,
        inSections,
        ...(first ? { first } : {}),
        ranges: ranges.result(),
        segments: segments.result(),
        sections: sections.result(),
        symbols: symbols.result(),
      };
    },
  };
}
