/**
 * What both sides call the same bytes.
 *
 * @module
 */

import type { NamedDifference, PlaceNames } from "./kernel_difference.ts";

/** A segment, section or symbol that contains an address. */
export interface NamedThing {
  /** Its name; of a segment, its type. */
  readonly name: string;
  /** Of a segment, the index of its program header. */
  readonly segment?: number;
  /** Number of bytes from its first one to the address. */
  readonly offset: bigint;
}

/** What contains an address on each side. A side that has no names at all has those of the other. */
export interface PairedNames {
  readonly a?: NamedThing;
  readonly b?: NamedThing;
}

/** The segment, the section and the symbol that contain an address, on each side. */
export interface NamedLevels {
  readonly segment: PairedNames;
  readonly section: PairedNames;
  readonly symbol: PairedNames;
}

/**
 * Pairs what contains an address on both sides.
 *
 * @param a What contains it in A; `null` if A has no such names at all.
 * @param b What contains it in B; `null` if B has no such names at all.
 * @returns The pair.
 */
export function pairNames(a: NamedThing | null | undefined, b: NamedThing | null | undefined): PairedNames {
  const [one, other] = [a === null ? b : a, b === null ? a : b];
  return { ...(one ? { a: one } : {}), ...(other ? { b: other } : {}) };
}

/**
 * Tells whether two pairs are of the same things, by where they start too: several can have one name.
 *
 * @param pair The things that contain an address.
 * @param next The things that contain an address after it.
 * @param step Number of bytes between both.
 * @returns True if they are the same on both sides.
 */
export function isSamePair(pair: PairedNames, next: PairedNames, step: bigint): boolean {
  return isSameThing(pair.a, next.a, step) && isSameThing(pair.b, next.b, step);
}

function isSameThing(thing: NamedThing | undefined, next: NamedThing | undefined, step: bigint): boolean {
  if (!thing || !next) return thing === next;
  return thing.offset + step === next.offset && thing.name === next.name && thing.segment === next.segment;
}

/**
 * Says what contains a byte, and whether both sides agree.
 *
 * @param pair What contains it.
 * @returns The name, and the side that it is of if they do not; `undefined` if nothing does.
 */
export function namesOf(
  { a, b }: PairedNames,
): Pick<NamedDifference, "name" | "segment" | "side" | "nameInB" | "segmentInB" | "moved"> | undefined {
  const own = a ?? b;
  if (!own) return undefined;
  const { name, segment } = own;
  const named = { name, ...(segment === undefined ? {} : { segment }) };
  if (!a || !b) return { ...named, side: a ? "a" : "b" };
  if (a.name === b.name && a.segment === b.segment) return a.offset === b.offset ? named : { ...named, moved: true };
  return { ...named, nameInB: b.name, ...(b.segment === undefined ? {} : { segmentInB: b.segment }) };
}

/**
 * Says what contains a byte on both sides.
 *
 * @param levels What contains it.
 * @param after Number of bytes from where that was looked up to the byte.
 * @returns The names of A, and those of B if they are others.
 */
export function placeNames(levels: NamedLevels, after: number): PlaceNames & { readonly inB?: PlaceNames } {
  const { segment, section, symbol } = levels;
  const isSame = [segment, section, symbol].every(({ a, b }) => a?.name === b?.name && a?.segment === b?.segment) &&
    symbol.a?.offset === symbol.b?.offset;
  const names = ofSide(levels, "a", after);
  return isSame ? names : { ...names, inB: ofSide(levels, "b", after) };
}

function ofSide({ segment, section, symbol }: NamedLevels, side: "a" | "b", after: number): PlaceNames {
  const [header, part, found] = [segment[side]?.segment, section[side]?.name, symbol[side]];
  return {
    ...(header === undefined ? {} : { segment: header }),
    ...(part === undefined ? {} : { section: part }),
    ...(found ? { symbol: { name: found.name, offset: Number(found.offset) + after } } : {}),
  };
}
