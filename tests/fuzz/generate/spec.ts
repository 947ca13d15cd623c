/** ELF files as the generator thinks of them, and their bytes. */

import type { Random } from "../random.ts";

/** A program header. */
export interface HeaderSpec {
  type: number;
  flags: number;
  offset: bigint;
  vaddr: bigint;
  paddr: bigint;
  filesz: bigint;
  memsz: bigint;
  align: bigint;
}

/** Bytes at a place of the file. */
export interface Blob {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The fields of the file header. */
export interface FileFields {
  EI_CLASS: number;
  EI_DATA: number;
  EI_VERSION: number;
  type: number;
  machine: number;
  entry: bigint;
  phoff: bigint;
  shoff: bigint;
  ehsize: number;
  phentsize: number;
  phnum: number;
  shentsize: number;
  shnum: number;
  shstrndx: number;
}

/** A file. */
export interface FileSpec {
  readonly fields: FileFields;
  readonly headers: HeaderSpec[];
  readonly blobs: Blob[];
  length: number;
}

/** Sizes of the file header and of a program header, by class. */
export const SIZES = { 1: [52, 32], 2: [64, 56] } as const;

/** Writes little-endian fields one after another. */
function writer(bytes: Uint8Array, start: number, wide: boolean) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = start;
  const room = (size: number): number | undefined => {
    const here = at;
    at += size;
    return at <= bytes.length ? here : undefined;
  };
  const half = (value: number): void => {
    const here = room(2);
    if (here !== undefined) view.setUint16(here, value, true);
  };
  const word = (value: number): void => {
    const here = room(4);
    if (here !== undefined) view.setUint32(here, value, true);
  };
  const address = (value: bigint): void => {
    if (!wide) return word(Number(BigInt.asUintN(32, value)));
    const here = room(8);
    if (here !== undefined) view.setBigUint64(here, BigInt.asUintN(64, value), true);
  };
  return { half, word, address };
}

/** Writes 64-bit numbers, little-endian. */
export function words(values: readonly bigint[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new BigUint64Array(values.map((value) => BigInt.asUintN(64, value))).buffer);
}

/** The bytes of a file: random ones, then the blobs, the program headers and the file header. */
export function encode({ fields, headers, blobs, length }: FileSpec, random: Random): Uint8Array<ArrayBuffer> {
  const bytes = random.bytes(length);
  for (const blob of blobs) {
    if (blob.offset < length) bytes.set(blob.bytes.subarray(0, length - blob.offset), blob.offset);
  }
  const wide = fields.EI_CLASS !== 1;
  const size = SIZES[wide ? 2 : 1][1];
  if (fields.phoff < BigInt(length)) {
    headers.forEach((header, index) => writeHeader(bytes, Number(fields.phoff) + index * size, wide, header));
  }
  const ident = [0x7f, 0x45, 0x4c, 0x46, fields.EI_CLASS, fields.EI_DATA, fields.EI_VERSION];
  bytes.set([...ident, ...new Array<number>(9).fill(0)].slice(0, length));
  const { half, word, address } = writer(bytes, 16, wide);
  half(fields.type);
  half(fields.machine);
  word(1);
  address(fields.entry);
  address(fields.phoff);
  address(fields.shoff);
  word(0);
  half(fields.ehsize);
  half(fields.phentsize);
  half(fields.phnum);
  half(fields.shentsize);
  half(fields.shnum);
  half(fields.shstrndx);
  return bytes;
}

function writeHeader(bytes: Uint8Array, at: number, wide: boolean, header: HeaderSpec): void {
  const { word, address } = writer(bytes, at, wide);
  word(header.type);
  if (wide) word(header.flags);
  address(header.offset);
  address(header.vaddr);
  address(header.paddr);
  address(header.filesz);
  address(header.memsz);
  if (!wide) word(header.flags);
  address(header.align);
}
