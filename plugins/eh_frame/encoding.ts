/**
 * Encoded pointers (LSB Core, "DWARF Exception Header Encoding").
 *
 * @module
 */

import type { ElfReader } from "../../core/elf/reader.ts";

/** No value. */
export const DW_EH_PE_omit = 0xff;

/** An absolute pointer of 64 bits. */
export const DW_EH_PE_absptr = 0x00;

const DW_EH_PE_uleb128 = 0x01;
const DW_EH_PE_udata2 = 0x02;
const DW_EH_PE_udata4 = 0x03;
const DW_EH_PE_udata8 = 0x04;
const DW_EH_PE_sleb128 = 0x09;
const DW_EH_PE_sdata2 = 0x0a;
const DW_EH_PE_sdata4 = 0x0b;
const DW_EH_PE_sdata8 = 0x0c;

const DW_EH_PE_pcrel = 0x10;
const DW_EH_PE_datarel = 0x30;

/** The bits for the format of a value; the others select what it is relative to. */
const FORMAT = 0x0f;

/** Size of each fixed-size format in bytes, and whether it is signed. */
const FIXED: ReadonlyMap<number, { readonly size: 2 | 4 | 8; readonly signed: boolean }> = new Map([
  [DW_EH_PE_absptr, { size: 8, signed: false }],
  [DW_EH_PE_udata2, { size: 2, signed: false }],
  [DW_EH_PE_udata4, { size: 4, signed: false }],
  [DW_EH_PE_udata8, { size: 8, signed: false }],
  [DW_EH_PE_sdata2, { size: 2, signed: true }],
  [DW_EH_PE_sdata4, { size: 4, signed: true }],
  [DW_EH_PE_sdata8, { size: 8, signed: true }],
]);

/** What encoded values are relative to. */
export interface EncodingBase {
  /** Virtual address of the reader's first byte. */
  readonly address: bigint;
  /** The base of data-relative values: the address of .eh_frame_hdr. */
  readonly data: bigint;
}

/** An encoded value. */
export interface EncodedValue {
  /** The value, taken modulo 2^64. */
  readonly value: bigint;
  /** Its size in bytes. */
  readonly size: number;
}

/**
 * Returns the size of an encoded value in bytes.
 *
 * @param encoding The encoding.
 * @returns 2, 4 or 8; `undefined` if the encoding is not supported or has a variable size.
 */
export function encodedSize(encoding: number): 2 | 4 | 8 | undefined {
  return isRelativeToKnown(encoding) ? FIXED.get(encoding & FORMAT)?.size : undefined;
}

/**
 * Reads an encoded value.
 *
 * @param reader A reader over bytes that start at `base.address`.
 * @param at Offset of the value.
 * @param encoding The encoding.
 * @param base What it is relative to.
 * @returns The value; `undefined` if the encoding is not supported, which is so for indirect, aligned, text-relative
 * and function-relative values.
 * @throws {LoadError} "file-too-short" if the bytes end before the value does.
 */
export function readEncoded(
  reader: ElfReader,
  at: number,
  encoding: number,
  base: EncodingBase,
): EncodedValue | undefined {
  const origins: ReadonlyMap<number, bigint> = new Map([
    [DW_EH_PE_absptr, 0n],
    [DW_EH_PE_pcrel, base.address + BigInt(at)],
    [DW_EH_PE_datarel, base.data],
  ]);
  const origin = origins.get(encoding & ~FORMAT);
  if (origin === undefined) return undefined;
  const raw = readFormat(reader, at, encoding & FORMAT);
  if (!raw) return undefined;
  return { value: BigInt.asUintN(64, raw.value + origin), size: raw.size };
}

/**
 * Reads an unsigned LEB128 number (DWARF, "Variable Length Data").
 *
 * @param reader The reader.
 * @param at Offset of the number.
 * @returns Its value, truncated to 64 bits, and its size, at most ten bytes.
 * @throws {LoadError} "file-too-short" if the bytes end before it does.
 */
export function readUleb128(reader: ElfReader, at: number): EncodedValue {
  let value = 0n;
  for (let size = 0; size < LEB128_MAX; size++) {
    const byte = reader.u8(at + size);
    value |= BigInt(byte & 0x7f) << BigInt(7 * size);
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), size: size + 1 };
  }
  return { value: BigInt.asUintN(64, value), size: LEB128_MAX };
}

/** The most bytes that a 64-bit number takes. */
const LEB128_MAX = 10;

function readFormat(reader: ElfReader, at: number, format: number): EncodedValue | undefined {
  if (format === DW_EH_PE_uleb128) return readUleb128(reader, at);
  if (format === DW_EH_PE_sleb128) {
    const { value, size } = readUleb128(reader, at);
    return { value: BigInt.asIntN(Math.min(64, 7 * size), value), size };
  }
  const fixed = FIXED.get(format);
  if (!fixed) return undefined;
  const { size, signed } = fixed;
  const value = size === 8 ? reader.u64(at) : BigInt(size === 4 ? reader.u32(at) : reader.u16(at));
  return { value: signed ? BigInt.asIntN(8 * size, value) : value, size };
}

function isRelativeToKnown(encoding: number): boolean {
  return [DW_EH_PE_absptr, DW_EH_PE_pcrel, DW_EH_PE_datarel].includes(encoding & ~FORMAT);
}
