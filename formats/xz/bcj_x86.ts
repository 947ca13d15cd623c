/**
 * The x86 filter of xz: before packing, the operands of near calls and jumps were made absolute, so that calls of one
 * function look alike. This makes them relative again (The .xz File Format 1.2.1, 5.3.2 "Branch/Call/Jump Filters"; the
 * conversion is defined by the LZMA SDK's x86 filter).
 *
 * @module
 */

/** CALL rel32 and JMP rel32 (Intel SDM vol. 2). */
const isBranch = (byte: number): boolean => (byte & 0xfe) === 0xe8;

/** Only operands in which this byte comes last, as in addresses within 16 MiB of zero, were converted. */
const isSignByte = (byte: number): boolean => byte === 0x00 || byte === 0xff;

/** An opcode and its operand. */
const INSTRUCTION = 5;

/**
 * By which of the three bytes before an opcode look like opcodes (bit 0: the one before): whether the opcode may be
 * converted nevertheless.
 */
const MAY_CONVERT: readonly boolean[] = [true, true, true, false, true, false, false, false];

/** By the same: which byte of the operand, from its end, belongs to the operand of the earlier opcode too. */
const SHARED_BYTE: readonly number[] = [0, 1, 2, 2, 3, 3, 3, 3];

/** Undoes the filter, piece by piece. */
export interface BcjX86 {
  /** Converts bytes in place; returns how many are final. The others must come first in the next call. */
  readonly convert: (bytes: Uint8Array) => number;
}

/**
 * Starts to undo the filter.
 *
 * @param offset The offset of the first byte, as the filter's properties have it.
 * @returns The filter.
 */
export function bcjX86(offset: number): BcjX86 {
  /** The position of the first byte of a piece. */
  let start = offset;
  /** Which of the last bytes before the byte at hand look like opcodes. */
  let recent = 0;
  const convert = (bytes: Uint8Array): number => {
    let at = 0;
    const end = bytes.length - INSTRUCTION + 1;
    while (at < end) {
      if (!isBranch(bytes[at])) {
        recent = recent << 1 & 7;
        at++;
        continue;
      }
      const shared = SHARED_BYTE[recent];
      const isConverted = isSignByte(bytes[at + 4]) &&
        (recent === 0 || (MAY_CONVERT[recent] && !isSignByte(bytes[at + 4 - shared])));
      if (!isConverted) {
        recent = (recent << 1 | 1) & 7;
        at++;
        continue;
      }
      writeOperand(
        bytes,
        at + 1,
        relative(readOperand(bytes, at + 1), start + at + INSTRUCTION, recent === 0 ? 0 : shared),
      );
      recent = 0;
      at += INSTRUCTION;
    }
    start += at;
    return at;
  };
  return { convert };
}

/** The relative operand: if the byte that an earlier operand shares is one of its sign bytes, its low part is inverted. */
function relative(absolute: number, next: number, shared: number): number {
  let operand = absolute;
  for (;;) {
    const result = (operand - next) | 0;
    const bits = 8 * shared;
    if (shared === 0 || !isSignByte(result >>> (24 - bits) & 0xff)) return result << 7 >> 7;
    operand = result ^ ((2 ** (32 - bits)) - 1 | 0);
  }
}

function readOperand(bytes: Uint8Array, at: number): number {
  return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
}

function writeOperand(bytes: Uint8Array, at: number, operand: number): void {
  bytes[at] = operand;
  bytes[at + 1] = operand >> 8;
  bytes[at + 2] = operand >> 16;
  bytes[at + 3] = operand >> 24;
}
