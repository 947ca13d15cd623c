/**
 * Frame description entries (LSB Core, "Exception Frames"): which addresses they cover.
 *
 * @module
 */

import { DW_EH_PE_absptr, readEncoded, readUleb128 } from "./encoding.ts";
import type { ReadMemory } from "./memory_reader.ts";

/** The unwind information of a range of code. */
export interface UnwindEntry {
  /** Virtual address of the first byte of code that it covers. */
  readonly start: bigint;
  /** Virtual address after the last byte. */
  readonly end: bigint;
  /** Virtual address of the frame description entry. */
  readonly fde: bigint;
  /** Virtual address of the common information entry that it refers to. */
  readonly cie: bigint;
}

/** Number of bytes to read of an entry; enough, because augmentation strings have only a few letters. */
const ENTRY_MAX = 256;

/** A length with this value is followed by the actual length, of eight bytes. */
const EXTENDED_LENGTH = 0xffff_ffff;

/** The bits for the format of a value, without what it is relative to. */
const FORMAT = 0x0f;

/**
 * Reads a frame description entry.
 *
 * @param fde Its virtual address.
 * @param memory The kernel's memory.
 * @returns What it covers; `undefined` if it is not such an entry, or its encoding is not supported.
 * @throws {LoadError} If it leads to memory that is not mapped, or is truncated.
 */
export function readFde(fde: bigint, memory: ReadMemory): UnwindEntry | undefined {
  const reader = memory(fde, ENTRY_MAX, "a frame description entry");
  const id = idOffset(reader.u32(0));
  const distance = reader.u32(id);
  if (reader.u32(0) === 0) return undefined;
  const cie = BigInt.asUintN(64, fde + BigInt(id) - BigInt(distance));
  const encoding = pointerEncoding(cie, memory); // a distance of 0 points to itself: an entry of length 0, which is refused
  if (encoding === undefined) return undefined;
  const base = { address: fde, data: 0n };
  const start = readEncoded(reader, id + 4, encoding, base);
  const length = start && readEncoded(reader, id + 4 + start.size, encoding & FORMAT, base);
  return length && { start: start.value, end: BigInt.asUintN(64, start.value + length.value), fde, cie };
}

/** Reads how the addresses in the entries that refer to a common information entry are encoded. */
function pointerEncoding(cie: bigint, memory: ReadMemory): number | undefined {
  const reader = memory(cie, ENTRY_MAX, "a common information entry");
  const id = idOffset(reader.u32(0));
  const version = reader.u8(id + 4);
  if (reader.u32(0) === 0 || reader.u32(id) !== 0 || (version !== 1 && version !== 3)) return undefined;
  let at = id + 5;
  let augmentation = "";
  for (let letter = reader.u8(at++); letter !== 0; letter = reader.u8(at++)) {
    augmentation += String.fromCharCode(letter);
  }
  if (augmentation === "") return DW_EH_PE_absptr;
  if (!augmentation.startsWith("z")) return undefined;
  // Skips the code and data alignment factors (the size of a LEB128 number does not depend on its sign), the return
  // address register, and the length of the augmentation data.
  at += readUleb128(reader, at).size;
  at += readUleb128(reader, at).size;
  at += version === 1 ? 1 : readUleb128(reader, at).size;
  at += readUleb128(reader, at).size;
  for (const letter of augmentation.slice(1)) {
    if (letter === "R") return reader.u8(at);
    if (letter === "L") at++;
    else if (letter === "P") {
      const personality = readEncoded(reader, at + 1, reader.u8(at) & FORMAT, { address: 0n, data: 0n });
      if (!personality) return undefined;
      at += 1 + personality.size;
    } else if (letter !== "S" && letter !== "B") return undefined;
  }
  return DW_EH_PE_absptr;
}

function idOffset(length: number): number {
  return length === EXTENDED_LENGTH ? 12 : 4;
}
