/**
 * The names of addresses on both sides: segment, section and symbol.
 *
 * @module
 */

import { PT_LOAD, segmentTypeName } from "../../core/elf/constants.ts";
import { firstWhere } from "../binary_search.ts";
import type { ExplainedKernel } from "../explained.ts";
import type { KernelSymbols } from "../symbols/kernel_symbols.ts";
import { linkedAddress } from "../symbols/linked_address.ts";
import { type NamedLevels, type NamedThing, pairNames } from "./paired_names.ts";

/** A segment, by its program header. */
export interface NamedSegment {
  /** Index of the header. */
  readonly index: number;
  /** Its type, such as "LOAD". */
  readonly type: string;
}

/** The names of an address on both sides, and for how many bytes from there on they are the same. */
export interface NamedPiece extends NamedLevels {
  /** Number of bytes, at least 1. */
  readonly size: bigint;
}

/** Finds the names of addresses. An address that is absent has no names. */
export interface NameFinder {
  /** Whether a side is a kernel, which has segments. */
  readonly hasSegments: boolean;
  /** The names of a byte, by its addresses on both sides. */
  readonly at: (a: bigint | undefined, b: bigint | undefined) => NamedPiece;
  /** The first segment in a range of bytes, on each side. */
  readonly segmentIn: (a: bigint | undefined, b: bigint | undefined, size: bigint) => BothSides<NamedSegment>;
  /** The names of the sections in a range of bytes, on each side: the first eight. */
  readonly sectionsIn: (a: bigint | undefined, b: bigint | undefined, size: bigint) => BothSides<readonly string[]>;
}

/** What is found on each side. A side that has no names at all has those of the other. */
export interface BothSides<T> {
  readonly a?: T;
  readonly b?: T;
}

/** What can name addresses on one side. */
export interface NamedSide {
  /** The kernel, if it is one. */
  readonly kernel?: ExplainedKernel;
  /** The names in its file. */
  readonly symbols?: KernelSymbols;
}

/** Consecutive addresses as linked, without the last. */
interface NamedRange {
  readonly start: bigint;
  readonly end: bigint;
}

const END = 1n << 64n;
const MOST_SECTIONS = 8;

/**
 * Prepares to find names.
 *
 * @param a What can name addresses of side A.
 * @param b What can name addresses of side B.
 * @returns The finder.
 */
export function nameFinder(a: NamedSide, b: NamedSide): NameFinder {
  const [one, other] = [sideNames(a), sideNames(b)];
  return {
    hasSegments: a.kernel !== undefined || b.kernel !== undefined,
    at: (atA, atB) => {
      const pieceA = one.at(atA);
      const pieceB = other.at(atB);
      return {
        size: least(pieceA.size, pieceB.size),
        segment: pairNames(pieceA.segment, pieceB.segment),
        section: pairNames(pieceA.section, pieceB.section),
        symbol: pairNames(pieceA.symbol, pieceB.symbol),
      };
    },
    segmentIn: (atA, atB, size) => bothSides(one.segmentIn(atA, size), other.segmentIn(atB, size)),
    sectionsIn: (atA, atB, size) => bothSides(one.sectionsIn(atA, size), other.sectionsIn(atB, size)),
  };
}

/** The names of an address on one side; `null` if there are no such names at all. */
interface SidePiece {
  readonly size: bigint;
  readonly segment: NamedThing | null | undefined;
  readonly section: NamedThing | null | undefined;
  readonly symbol: NamedThing | null | undefined;
}

interface SideNames {
  readonly at: (address: bigint | undefined) => SidePiece;
  readonly segmentIn: (address: bigint | undefined, size: bigint) => NamedSegment | null | undefined;
  readonly sectionsIn: (address: bigint | undefined, size: bigint) => readonly string[] | null;
}

function bothSides<T>(a: T | null | undefined, b: T | null | undefined): BothSides<T> {
  return { a: a === null ? b ?? undefined : a, b: b === null ? a ?? undefined : b };
}

function sideNames({ kernel, symbols }: NamedSide): SideNames {
  const moved = kernel ?? { virtualAddressOffset: 0n };
  const segments = kernel ? segmentsOf(kernel) : [];
  const sections = (symbols?.sections ?? []).filter(({ size }) => size > 0n).map(({ name, address, size }) => {
    return { name, start: address, end: least(address + size, END) };
  });
  const none = {
    segment: kernel ? undefined : null,
    section: sections.length > 0 ? undefined : null,
    symbol: symbols && symbols.count > 0 ? undefined : null,
  };
  return {
    at: (address) => {
      if (address === undefined) return { size: END, segment: null, section: null, symbol: null };
      const linked = linkedAddress(moved, address);
      const { found, end } = rangeAt(segments, linked);
      const segment = found && { name: found.type, segment: found.index, offset: linked - found.start };
      const named = segment ? { ...none, segment } : none;
      // The addresses of a kernel that is not in a segment there mean something else.
      if (!symbols || (kernel && !segment)) return { size: end - linked, ...named };
      const section = rangeAt(sections, linked);
      const bound = least(end, section.end);
      const symbol = symbolAt(symbols, linked, bound);
      return {
        ...named,
        size: symbol.end - linked,
        ...(section.found ? { section: { name: section.found.name, offset: linked - section.found.start } } : {}),
        ...(symbol.found ? { symbol: symbol.found } : {}),
      };
    },
    segmentIn: (address, size) => {
      if (address === undefined || !kernel) return null;
      return firstIn(segments, linkedAddress(moved, address), size);
    },
    sectionsIn: (address, size) => {
      if (address === undefined || sections.length === 0) return null;
      const linked = linkedAddress(moved, address);
      if (kernel && !firstIn(segments, linked, size)) return [];
      const names: string[] = [];
      for (let at = Math.max(0, after(sections, linked) - 1); at < sections.length; at++) {
        if (sections[at].start >= linked + size || names.length === MOST_SECTIONS) break;
        if (sections[at].end > linked) names.push(sections[at].name);
      }
      return names;
    },
  };
}

/** The segments in memory, ascending by address as linked. */
function segmentsOf({ programHeaders }: ExplainedKernel): readonly (NamedSegment & NamedRange)[] {
  return programHeaders.map(({ p_type, p_vaddr, p_memsz }, index) => {
    const start = BigInt.asUintN(64, BigInt.asIntN(48, p_vaddr)); // some rule sets extend the sign
    return { type: p_type, index, start, end: least(start + p_memsz, END) };
  }).filter(({ type, start, end }) => type === PT_LOAD && end > start)
    .sort((one, other) => one.start < other.start ? -1 : one.start > other.start ? 1 : 0)
    .map(({ type, ...range }) => ({ ...range, type: segmentTypeName(type) }));
}

/** The symbol that contains an address, and where what is said of it ends: at a bound, or before it. */
function symbolAt(
  symbols: KernelSymbols,
  address: bigint,
  bound: bigint,
): { readonly found?: NamedThing; readonly end: bigint } {
  const [next] = symbols.inRange(address + 1n, bound);
  const until = next ? least(next.address, bound) : bound;
  const at = symbols.symbolAt(address);
  if (!at) return { end: until };
  const { symbol: { name, size } } = at;
  const offset = BigInt(at.offset);
  if (size === 0n) return { found: { name, offset }, end: until };
  const left = size - offset;
  return left > 0n ? { found: { name, offset }, end: least(address + left, until) } : { end: until };
}

/** The range that contains an address, and where it ends; if none does, where the next one starts. */
function rangeAt<T extends NamedRange>(
  ranges: readonly T[],
  address: bigint,
): { readonly found?: T; readonly end: bigint } {
  const next = after(ranges, address);
  const until = ranges[next]?.start ?? END;
  const found = ranges[next - 1];
  return found && address < found.end ? { found, end: least(found.end, until) } : { end: until };
}

/** The first range that has addresses of another one. */
function firstIn<T extends NamedRange>(ranges: readonly T[], address: bigint, size: bigint): T | undefined {
  const next = ranges[after(ranges, address)];
  return rangeAt(ranges, address).found ?? (next && next.start < address + size ? next : undefined);
}

/** Index of the first range that starts after an address; ranges are ascending. */
function after(ranges: readonly NamedRange[], address: bigint): number {
  return firstWhere(ranges.length, (at) => ranges[at].start > address);
}

function least(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
