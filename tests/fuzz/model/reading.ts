/**
 * The models' own reading of ELF files (gABI, "ELF Header" and "Program Header"), which shares nothing with the loader:
 * every number is a bigint.
 */

/** Reads little-endian numbers; a number that reaches past the end is an error of the model. */
export class Little {
  readonly view: DataView;
  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  u8(at: number): number {
    return this.view.getUint8(at);
  }
  u16(at: number): number {
    return this.view.getUint16(at, true);
  }
  u32(at: number): number {
    return this.view.getUint32(at, true);
  }
  u64(at: number): bigint {
    return this.view.getBigUint64(at, true);
  }
}

export interface Ehdr {
  readonly wide: boolean;
  readonly data: number;
  readonly version: number;
  readonly type: number;
  readonly machine: number;
  readonly entry: bigint;
  readonly phoff: bigint;
  readonly shoff: bigint;
  readonly ehsize: number;
  readonly phentsize: number;
  readonly phnum: number;
  readonly shentsize: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

export interface Phdr {
  readonly index: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly filesz: bigint;
  readonly memsz: bigint;
  readonly align: bigint;
}

/** Reads the file header, all of which is there. */
export function readEhdr(file: Little): Ehdr {
  const wide = file.u8(4) === 2;
  const address = (narrow: number, at64: number): bigint => wide ? file.u64(at64) : BigInt(file.u32(narrow));
  const shorts = wide ? 52 : 40;
  return {
    wide,
    data: file.u8(5),
    version: file.u8(6),
    type: file.u16(16),
    machine: file.u16(18),
    entry: address(24, 24),
    phoff: address(28, 32),
    shoff: address(32, 40),
    ehsize: file.u16(shorts),
    phentsize: file.u16(shorts + 2),
    phnum: file.u16(shorts + 4),
    shentsize: file.u16(shorts + 6),
    shnum: file.u16(shorts + 8),
    shstrndx: file.u16(shorts + 10),
  };
}

/** Reads a program header, all of which is there. */
export function readPhdr(file: Little, at: number, index: number, wide: boolean): Phdr {
  const fields = wide
    ? [file.u64(at + 8), file.u64(at + 16), file.u64(at + 32), file.u64(at + 40), file.u64(at + 48)]
    : [4, 8, 16, 20, 28].map((offset) => BigInt(file.u32(at + offset)));
  const [offset, vaddr, filesz, memsz, align] = fields;
  return { index, type: file.u32(at), flags: file.u32(at + (wide ? 4 : 24)), offset, vaddr, filesz, memsz, align };
}

export const PAGE = 4096n;
export const END = 1n << 64n;
export const HALF = 1n << 47n;
/** Where the higher half starts. */
export const HIGHER = END - HALF;

/** The start of the page or frame of an address. */
export function pageOf(address: bigint): bigint {
  return address - address % PAGE;
}

/** The first page that starts at an address or after it. */
export function pageUp(address: bigint): bigint {
  return pageOf(address + PAGE - 1n);
}

/** Whether an address is below the non-canonical hole or above it. */
export function isCanonical(address: bigint): boolean {
  return address >= 0n && address < END && (address < HALF || address >= HIGHER);
}

export function isPower(value: bigint): boolean {
  return value > 0n && (value & (value - 1n)) === 0n;
}

/** The index of the level-4 entry of an address. */
export function entryOf(address: bigint): number {
  return Number(address >> 39n & 511n);
}

/** The indices of the level-4 entries of the canonical addresses from `start` to `last`. */
export function entriesOf(start: bigint, last: bigint): number[] {
  const found: number[] = [];
  for (const [low, high] of [[0n, HALF - 1n], [HIGHER, END - 1n]]) {
    const from = start > low ? start : low;
    const to = last < high ? last : high;
    if (from > to) continue;
    for (let index = entryOf(from); index <= entryOf(to); index++) found.push(index);
  }
  return found;
}
