/**
 * The bytes at an address, and the instructions.
 *
 * @module
 */

import type { Instruction } from "../../explain/instructions/instruction.ts";
import type { InstructionsAround } from "../../explain/instructions/instructions_around.ts";
import type { Paint } from "../output/paint.ts";
import { hex, hexBytes, printable } from "../output/text.ts";

/** The most bytes in a line. */
const MOST_IN_LINE = 16;

/** The most bytes of an instruction that are shown; the longest ones are rare. */
const MOST_OF_INSTRUCTION = 8;

/** Finds the name of an address, such as "main+0x10"; `undefined` if no symbol contains it. */
export type NameOf = (address: bigint) => string | undefined;

/**
 * Lists bytes in hex and as text.
 *
 * @param address The address of the first one.
 * @param bytes The bytes.
 * @param paint The colors and the width.
 * @returns The lines, each of as many bytes as fit.
 */
export function byteLines(address: bigint, bytes: Uint8Array, paint: Paint): readonly string[] {
  const width = hex(address).length;
  let size = MOST_IN_LINE;
  while (size > 4 && 2 + width + 2 + size * 3 + 1 + size > paint.width) size /= 2;
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    const shown = hex(BigInt.asUintN(64, address + BigInt(at)));
    lines.push(`  ${paint.faint(shown.padEnd(width))}  ${hexBytes(part).padEnd(size * 3 - 1)}  ${textOf(part)}`);
  }
  return lines;
}

/**
 * Lists instructions, with a mark at the one that contains the address.
 *
 * @param around The instructions.
 * @param bytesAt Returns the bytes of an instruction.
 * @param nameOf Names the addresses that instructions refer to.
 * @param paint The colors and the width.
 * @returns The lines; with the bytes of each instruction if they fit next to it.
 */
export function instructionLines(
  { instructions, current }: InstructionsAround,
  bytesAt: (instruction: Instruction) => Uint8Array,
  nameOf: NameOf,
  paint: Paint,
): readonly string[] {
  const rows = instructions.map((instruction, at) => ({
    mark: at === current ? ">" : " ",
    address: hex(instruction.address),
    bytes: codeBytes(bytesAt(instruction)),
    text: printable(instruction.text) + referenceText(instruction, nameOf),
  }));
  const widest = (column: "address" | "bytes" | "text"): number => Math.max(...rows.map((row) => row[column].length));
  const showsBytes = 2 + widest("address") + 2 + widest("bytes") + 2 + widest("text") <= paint.width;
  return rows.map(({ mark, address, bytes, text }) => {
    const code = showsBytes ? `${bytes.padEnd(widest("bytes"))}  ` : "";
    const shown = mark === ">" ? paint.title(text) : text;
    return `${mark === ">" ? paint.label(mark) : mark} ${
      paint.faint(address.padEnd(widest("address")))
    }  ${code}${shown}`;
  });
}

/** The name of the target of a jump or call, or of the memory that an operand names. */
function referenceText({ target, reference }: Instruction, nameOf: NameOf): string {
  const address = target ?? reference;
  const name = address === undefined ? undefined : nameOf(address);
  return name === undefined ? "" : ` <${printable(name)}>`;
}

function codeBytes(bytes: Uint8Array): string {
  const cut = bytes.length > MOST_OF_INSTRUCTION;
  return hexBytes(cut ? bytes.subarray(0, MOST_OF_INSTRUCTION - 1) : bytes) + (cut ? " .." : "");
}

/** The bytes as ASCII, with a dot for what is not printable. */
function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".").join("");
}
