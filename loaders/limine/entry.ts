/**
 * What Limine jumps to, on the page tables that it builds: each segment is mapped from its start rounded down to its
 * alignment, to its end rounded up, and later segments win.
 *
 * @module
 */

import { PF_X } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import type { DynamicTable } from "./dynamic_table.ts";
import { leastSlide, type LimineImage } from "./image.ts";
import { roundUp } from "./placement.ts";
import { relativeAddend } from "./relocations.ts";
import { type FoundRequest, imageWord } from "./requests.ts";

/** What Limine jumps to. */
export interface EntryPlace {
  /** Its virtual address as linked. */
  readonly address: bigint;
  /** The request that gives it, in place of `e_entry`. */
  readonly request?: FoundRequest;
  /** The segment whose file bytes hold it. */
  readonly load?: ProgramHeader;
  /** The segment whose flags its page has: the last one that is mapped there. */
  readonly mappedBy?: ProgramHeader;
  /** Whether its page is executable. */
  readonly isExecutable: boolean;
  /** Its file offset, if it is in file bytes. */
  readonly offset?: number;
  /** Whether its first two bytes are 0. */
  readonly isZero: boolean;
  /** The first segment whose mapping begins in the lower half. */
  readonly mappedLow?: ProgramHeader;
  /** Number of bytes of page tables that map the segments. */
  readonly tables: bigint;
}

const PAGE = 4096n;

/** What one level-1 page table maps. */
const TABLE = 0x20_0000n;

/** What a segment is mapped as. */
interface Mapped {
  readonly load: ProgramHeader;
  readonly start: bigint;
  readonly pages: bigint;
}

/**
 * Works out what Limine jumps to.
 *
 * @param view The file.
 * @param requests The requests that Limine sees.
 * @param table The dynamic table.
 * @returns The entry.
 */
export function findEntry(
  view: LimineImage,
  requests: readonly FoundRequest[],
  table: DynamicTable,
): EntryPlace {
  const { loads, header, bytes } = view;
  const request = requests.find(({ name }) => name === "entry point");
  const address = request ? requestedEntry(view, table, request) : header.e_entry;
  const load = loads.find(({ p_vaddr, p_filesz }) => p_vaddr <= address && address < p_vaddr + p_filesz);
  const offset = load && load.p_offset + (address - load.p_vaddr);
  const slide = leastSlide(view);
  const mapped = loads.map((each) => mappingOf(view, each, slide));
  const page = BigInt.asUintN(64, address + slide) / PAGE;
  const mappedBy = mapped.findLast(({ start, pages }) => BigInt.asUintN(52, page - start / PAGE) < pages)?.load;
  const mappedLow = mapped.find(({ start }) => start < 2n ** 63n)?.load;
  const first = offset === undefined ? new Uint8Array() : bytes(offset, 2);
  return {
    address,
    ...(request ? { request } : {}),
    ...(load ? { load } : {}),
    ...(mappedBy ? { mappedBy } : {}),
    isExecutable: mappedBy !== undefined && (mappedBy.p_flags & PF_X) !== 0,
    ...(offset === undefined ? {} : { offset: Number(offset) }),
    isZero: first.every((byte) => byte === 0),
    ...(mappedLow ? { mappedLow } : {}),
    tables: tablesOf(mapped) * PAGE,
  };
}

/** The number of level-1 page tables for the segments. */
function tablesOf(mapped: readonly Mapped[]): bigint {
  let [count, end] = [0n, 0n];
  for (const { start, pages } of mapped.toSorted((a, b) => a.start < b.start ? -1 : a.start > b.start ? 1 : 0)) {
    const first = start / TABLE < end ? end : start / TABLE;
    const last = roundUp(start + pages * PAGE, TABLE) / TABLE;
    if (last > first) [count, end] = [count + last - first, last];
  }
  return count;
}

function requestedEntry(view: LimineImage, table: DynamicTable, request: FoundRequest): bigint {
  const field = request.address + 48n;
  return relativeAddend(view, table, field) ??
    (request.offset === undefined ? imageWord(view, field) : request.word(6));
}

function mappingOf({ version }: LimineImage, load: ProgramHeader, slide: bigint): Mapped {
  const { p_vaddr, p_memsz, p_align } = load;
  const align = version.isChecked && p_align === 0n ? 1n : p_align;
  const first = BigInt.asUintN(64, p_vaddr + slide);
  const start = first & BigInt.asUintN(64, ~(align - 1n));
  const length = align === 0n ? 0n : BigInt.asUintN(64, roundUp(BigInt.asUintN(64, first + p_memsz - start), align));
  return { load, start, pages: roundUp(length, PAGE) / PAGE };
}
