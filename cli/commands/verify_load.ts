/**
 * Whether a kernel was loaded as its file asks: rule sets other than the default ones accept files that they load wrongly,
 * as the loaders do that they stand for.
 *
 * @module
 */

import type { FileHeader, ProgramHeader } from "../../mod.ts";
import {
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_DYN,
  ET_EXEC,
  PF_W,
  PF_X,
  PT_GNU_RELRO,
  PT_LOAD,
} from "../../core/elf/constants.ts";
import { alignUp, isCanonical, low48, pageStart } from "../../core/memory/addresses.ts";
import type { Kernel } from "../report/kernel.ts";
import { expectedRelocations, type Word } from "./expected_relocations.ts";

/** The most bytes of memory that are compared, and of the file that they are compared with. */
export const VERIFIED_MAX: number = 256 * 2 ** 20;

/** Bytes that are compared before the clock is looked at. */
const CHUNK = 2 ** 18;

/** How long work goes on before other work gets its turn, in milliseconds. */
const TURN = 20;

/** The most `PT_GNU_RELRO` headers that are looked at; files have one. */
const RELRO_MAX = 16;

/** What a `PT_LOAD` header asks for, by the low 48 bits of its addresses where it was loaded. */
interface Load {
  readonly start: number;
  readonly end: number;
  readonly fileOffset: number;
  readonly fileSize: number;
  readonly writable: boolean;
  readonly executable: boolean;
}

/** A mapping, by the low 48 bits of its addresses. */
interface Mapped {
  readonly start: number;
  readonly end: number;
  readonly phys: number;
  readonly writable: boolean;
  readonly executable: boolean;
}

/**
 * Compares a loaded kernel with its file: it is an executable for x86-64; each byte of its segments reads through the page
 * tables as the file has it, relocated if the kernel is position-independent, and as zero after the file's bytes; pages
 * have the permissions that their headers ask for; the entry point lies in an executable page.
 *
 * @param kernel The kernel.
 * @param file The file from its first byte on, as far as it was kept.
 * @param signal Ends the work with its reason.
 * @returns False if something differs, or there is more than {@linkcode VERIFIED_MAX} to compare.
 */
export async function isLoadedAsAsked(kernel: Kernel, file: Uint8Array, signal: AbortSignal): Promise<boolean> {
  if (!isForUs(kernel.fileHeader)) return false;
  const loads = loadsOf(kernel, file.length);
  const words = loads && expectedRelocations(kernel, file);
  if (!loads || !words?.every((word) => loads.some(({ start, end }) => word.at >= start && word.at + 8 <= end))) {
    return false; // a word outside of every segment is damage, not memory to compare
  }
  const mappings = Array.from(kernel.mappings(), ({ virt, phys, size, writable, executable }): Mapped => {
    return { start: low48(virt), end: low48(virt) + size, phys, writable, executable };
  });
  if (!isEntryRight(kernel, mappings) || !arePermissionsRight(loads, relroRanges(kernel, loads), mappings)) {
    return false;
  }
  const takeTurns = turns(signal);
  for (const load of loads) {
    for (let start = load.start; start < load.end; start += CHUNK) {
      const end = Math.min(start + CHUNK, load.end);
      if (!isChunkRight(expectedBytes(load, start, end, file, words), start, mappings, kernel)) return false;
      await takeTurns();
    }
  }
  return true;
}

function isForUs({ EI_CLASS, EI_DATA, e_machine, e_type }: FileHeader): boolean {
  return EI_CLASS === ELFCLASS64 && EI_DATA === ELFDATA2LSB && e_machine === EM_X86_64 &&
    (e_type === ET_EXEC || e_type === ET_DYN);
}

/** What is to be in memory; `undefined` if that is impossible, or too much to compare. */
function loadsOf({ programHeaders, virtualAddressOffset }: Kernel, kept: number): readonly Load[] | undefined {
  const loads: Load[] = [];
  let left = BigInt(VERIFIED_MAX);
  for (const phdr of programHeaders) {
    const { p_type, p_vaddr, p_memsz, p_filesz, p_offset, p_flags } = phdr;
    const size = p_filesz > p_memsz ? p_filesz : p_memsz;
    if (p_type !== PT_LOAD || size === 0n) continue;
    left -= size;
    if (left < 0n || (p_filesz > 0n && p_offset + p_filesz > BigInt(kept))) return undefined;
    const first = BigInt.asUintN(64, p_vaddr + virtualAddressOffset);
    const last = first + size - 1n;
    if (!isCanonical(first) || !isCanonical(last) || first >> 63n !== last >> 63n) return undefined;
    loads.push({
      start: low48(first),
      end: low48(first) + Number(size),
      fileOffset: Number(p_offset),
      fileSize: Number(p_filesz),
      writable: (p_flags & PF_W) !== 0,
      executable: (p_flags & PF_X) !== 0,
    });
  }
  return loads;
}

function isEntryRight({ fileHeader, entryPoint, virtualAddressOffset }: Kernel, mappings: readonly Mapped[]): boolean {
  if (entryPoint !== BigInt.asUintN(64, fileHeader.e_entry + virtualAddressOffset)) return false;
  const at = low48(entryPoint);
  return isCanonical(entryPoint) && pieces(mappings, at, at + 1)?.every(({ executable }) => executable) === true;
}

/** Pages that may be read-only although their segment is writable: those that hold nothing but what RELRO covers. */
function relroRanges({ programHeaders, virtualAddressOffset }: Kernel, loads: readonly Load[]): readonly Range[] {
  const isWritten = (start: number, end: number): boolean => {
    return loads.some((load) => load.writable && load.start < end && load.end > start);
  };
  return programHeaders.filter(({ p_type, p_memsz }) => p_type === PT_GNU_RELRO && p_memsz > 0n).slice(0, RELRO_MAX)
    .map(({ p_vaddr, p_memsz }: ProgramHeader): Range => {
      const start = low48(p_vaddr + virtualAddressOffset);
      const end = start + Number(p_memsz);
      return {
        start: isWritten(pageStart(start), start) ? alignUp(start) : pageStart(start),
        end: isWritten(end, alignUp(end)) ? pageStart(end) : alignUp(end),
      };
    });
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Goes over the starts and ends of segments in ascending order; a page that several share has the permissions of all. */
function arePermissionsRight(
  loads: readonly Load[],
  relro: readonly Range[],
  mappings: readonly Mapped[],
): boolean {
  const edges = loads.flatMap(({ start, end, writable, executable }) => {
    const [w, x] = [Number(writable), Number(executable)];
    return [{ at: pageStart(start), loads: 1, w, x, relro: 0 }, {
      at: alignUp(end),
      loads: -1,
      w: -w,
      x: -x,
      relro: 0,
    }];
  }).concat(
    relro.filter(({ start, end }) => start < end).flatMap(({ start, end }) => {
      return [{ at: start, loads: 0, w: 0, x: 0, relro: 1 }, { at: end, loads: 0, w: 0, x: 0, relro: -1 }];
    }),
  ).sort((one, other) => one.at - other.at);
  const now = { loads: 0, w: 0, x: 0, relro: 0 };
  return edges.every((edge, index) => {
    now.loads += edge.loads;
    now.w += edge.w;
    now.x += edge.x;
    now.relro += edge.relro;
    const end = edges[index + 1]?.at ?? edge.at;
    if (now.loads === 0 || end === edge.at) return true;
    const mapped = pieces(mappings, edge.at, end);
    return mapped?.every(({ writable, executable }) => {
      return executable === now.x > 0 && (writable === now.w > 0 || (!writable && now.relro > 0));
    }) === true;
  });
}

function expectedBytes(
  { start: first, fileOffset, fileSize }: Load,
  start: number,
  end: number,
  file: Uint8Array,
  words: readonly Word[],
): Uint8Array {
  const bytes = new Uint8Array(end - start);
  const from = fileOffset + start - first;
  bytes.set(file.subarray(from, Math.max(from, Math.min(fileOffset + fileSize, fileOffset + end - first))));
  for (let at = firstAfter(words, start - 8); at < words.length && words[at].at < end; at++) {
    const word = words[at];
    for (let byte = 0; byte < 8; byte++) {
      const to = word.at + byte - start;
      if (to >= 0 && to < bytes.length) bytes[to] = Number(word.value >> BigInt(8 * byte) & 0xffn);
    }
  }
  return bytes;
}

function isChunkRight(expected: Uint8Array, start: number, mappings: readonly Mapped[], { memory }: Kernel): boolean {
  const mapped = pieces(mappings, start, start + expected.length);
  return mapped?.every((piece) => {
    const size = piece.end - piece.start;
    if (piece.phys < memory.base || piece.phys + size > memory.base + memory.size) return false;
    return isEqual(memory.bytes(piece.phys, size), expected.subarray(piece.start - start));
  }) === true;
}

/** Whether one array starts with the other. */
function isEqual(bytes: Uint8Array, longer: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== longer[at]) return false;
  return true;
}

/** The parts of mappings in a range; `undefined` if they leave a gap. */
function pieces(mappings: readonly Mapped[], start: number, end: number): readonly Mapped[] | undefined {
  const found: Mapped[] = [];
  let next = start;
  for (let at = firstReaching(mappings, start); next < end; at++) {
    const mapping = mappings[at];
    if (mapping === undefined || mapping.start > next) return undefined;
    const last = Math.min(mapping.end, end);
    found.push({ ...mapping, start: next, end: last, phys: mapping.phys + next - mapping.start });
    next = last;
  }
  return found;
}

function firstReaching(mappings: readonly Mapped[], address: number): number {
  return firstOf(mappings, ({ end }) => end > address);
}

function firstAfter(words: readonly Word[], address: number): number {
  return firstOf(words, ({ at }) => at > address);
}

/** Index of the first item of which something is true that is true of all later ones. */
function firstOf<T>(items: readonly T[], isTrue: (item: T) => boolean): number {
  let [from, to] = [0, items.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (isTrue(items[middle])) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** Returns a function that gives other work its turn whenever enough time has passed. */
function turns(signal: AbortSignal): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < TURN) return;
    await new Promise((resolve) => setTimeout(resolve));
    signal.throwIfAborted();
    last = performance.now();
  };
}
