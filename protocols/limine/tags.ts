/**
 * Finds the tags of the Limine boot protocol in the file bytes of a kernel's segments.
 *
 * @module
 */

import type { ProgramHeader } from "../../core/elf/program_header.ts";
import type { FileModel } from "../../core/file/file_model.ts";
import { BASE_REVISION_MAGIC, END_MARKER, REQUEST_MAGIC, START_MARKER } from "./magic.ts";

/** What a tag is. */
export type TagKind = "base-revision" | "start" | "end" | "request";

/** A tag in a segment's file bytes. */
export interface LimineTag {
  /** What it is. */
  readonly kind: TagKind;
  /** Its file offset. */
  readonly offset: number;
  /** Its virtual address as linked. */
  readonly address: bigint;
  /** Index of the program header that loads it. */
  readonly index: number;
  /** Number of its bytes, up to those of the largest request, that are in the segment's file bytes. */
  readonly fileSize: number;
  /** Reads a word of it, by its number; 0 if it is past the segment's file bytes. */
  readonly word: (number: number) => bigint;
}

/** Every magic number, by kind. */
const MAGICS: readonly (readonly [kind: TagKind, words: readonly bigint[]])[] = [
  ["request", REQUEST_MAGIC],
  ["base-revision", BASE_REVISION_MAGIC],
  ["start", START_MARKER],
  ["end", END_MARKER],
];

/** The low halves of the first words, which tell them apart from nearly all other bytes. */
const [REQUEST, REVISION, START, END] = MAGICS.map(([, [first]]) => Number(BigInt.asIntN(32, first)));

/** Size of the largest request that is looked at: paging mode, nine words. */
const LARGEST = 72;

/** The most tags of a file that are looked at: a kernel may have 128 requests. */
export const MOST_TAGS = 4096;

/** The fields of a program header that say where its file bytes are. */
type Loaded = Pick<ProgramHeader, "index" | "p_offset" | "p_vaddr" | "p_filesz" | "p_memsz">;

/** A part of the file that a segment loads. */
interface LoadedRange {
  readonly load: Loaded;
  readonly start: number;
  readonly end: number;
  /** Offsets that are this much above a multiple of 8 have aligned addresses. */
  readonly phase: number;
}

/**
 * Finds all tags in the file bytes of segments.
 *
 * @param model The file, with the part "image" read.
 * @param loads The segments, in any order.
 * @param origin Addresses are looked at that are a multiple of 8 above this one.
 * @returns The tags, by address; at most {@linkcode MOST_TAGS}.
 */
export function findTags(model: FileModel, loads: readonly Loaded[], origin = 0n): readonly LimineTag[] {
  const ranges = loads.map((load) => loadedRange(model, load, origin)).filter(({ start, end }) => start < end);
  const hits = scan(model, ranges);
  const tags: LimineTag[] = [];
  for (const range of ranges.sort((a, b) => Number(a.load.p_vaddr - b.load.p_vaddr))) {
    const found = hits.get(range.phase) ?? [];
    for (let at = firstFrom(found, range.start); at < found.length && tags.length < MOST_TAGS; at++) {
      if (found[at] >= range.end) break;
      const tag = tagAt(model, range, found[at]);
      if (tag) tags.push(tag);
    }
  }
  return tags;
}

/** Where a segment's file bytes are, as far as the file has them and they are loaded. */
function loadedRange(model: FileModel, load: Loaded, origin: bigint): LoadedRange {
  const { p_offset, p_vaddr, p_filesz, p_memsz } = load;
  const start = Number(p_offset);
  const size = Number(p_filesz < p_memsz ? p_filesz : p_memsz);
  const phase = Number(BigInt.asUintN(3, p_offset - p_vaddr + origin));
  return { load, start, end: Math.min(start + size, model.length), phase };
}

/** The offsets at which a tag may begin, in ascending order, by phase: for each, no more bytes are looked at than the file has. */
function scan(model: FileModel, ranges: readonly LoadedRange[]): ReadonlyMap<number, readonly number[]> {
  const outer: LoadedRange[] = [];
  let total = 0;
  for (const range of ranges.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (outer.length > 0 && range.end <= outer[outer.length - 1].end) continue;
    outer.push(range);
    total += range.end - range.start;
  }
  const pieces = total > model.length
    ? [{ start: outer[0].start, end: outer[outer.length - 1].end }] // they overlap: the file was read whole
    : outer;
  const hits = new Map<number, readonly number[]>();
  for (const phase of new Set(ranges.map((range) => range.phase))) {
    const found = new Set(pieces.flatMap((piece) => scanPiece(model, piece, phase)));
    hits.set(phase, [...found].sort((a, b) => a - b));
  }
  return hits;
}

function scanPiece(model: FileModel, piece: Pick<LoadedRange, "start" | "end">, phase: number): number[] {
  const bytes = model.bytes(piece.start, piece.end - piece.start);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const hits: number[] = [];
  const last = bytes.length - 8;
  for (let at = (8 + phase - piece.start % 8) % 8; at <= last; at += 8) {
    const word = view.getInt32(at, true);
    if (word !== REQUEST && word !== REVISION && word !== START && word !== END) continue;
    if (kindAt(wordsAt(bytes.subarray(at)))) hits.push(piece.start + at);
  }
  return hits;
}

/** Returns a reader of words; those that are not whole are 0. */
function wordsAt(bytes: Uint8Array): LimineTag["word"] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return (number) => 8 * number + 8 <= bytes.length ? view.getBigUint64(8 * number, true) : 0n;
}

function kindAt(word: LimineTag["word"]): TagKind | undefined {
  return MAGICS.find(([, words]) => words.every((each, number) => word(number) === each))?.[0];
}

/** The index of the first number that is not below a value. */
function firstFrom(numbers: readonly number[], value: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function tagAt(model: FileModel, { load, start, end }: LoadedRange, offset: number): LimineTag | undefined {
  const fileSize = Math.min(end - offset, LARGEST);
  const word = wordsAt(model.bytes(offset, fileSize));
  const kind = kindAt(word);
  if (!kind) return undefined;
  return { kind, offset, address: load.p_vaddr + BigInt(offset - start), index: load.index, fileSize, word };
}
