/**
 * What reports say about a file apart from its headers: what it was unpacked from, and the boot protocols that it is made for.
 *
 * @module
 */

import type { FileFormat } from "../../formats/format.ts";
import type { Protocol } from "../../protocols/protocol.ts";
import type { Recognized } from "./recognized.ts";
import { hex, printable } from "../output/text.ts";

/**
 * The lines of a report on boot protocols.
 *
 * @param protocols The protocols.
 * @param label The label.
 * @returns A label and a text for each.
 */
export function protocolFacts(
  protocols: readonly Protocol[],
  label = "boot protocol",
): readonly (readonly [string, string])[] {
  return protocols.map(({ summary }) => [label, printable(summary)]);
}

/**
 * The lines of a report on the containers that a kernel was unpacked from.
 *
 * @param layers The containers, from the outermost on.
 * @returns A label and a text for each.
 */
export function unpackedFacts(layers: readonly FileFormat[]): readonly (readonly [string, string])[] {
  // What a bzImage is compressed by is a part of its own description.
  const told = layers.filter((_, at) => layers[at - 1]?.name !== "bzimage");
  return told.map(({ description }) => ["unpacked from", printable(description)]);
}

/**
 * A file offset as a report gives it.
 *
 * @param offset The offset in the ELF file.
 * @param unpacked Whether that was unpacked from another file.
 * @returns Such as "0x1000" or "0x1000 of the unpacked kernel".
 */
export function fileOffsetFact(offset: number, unpacked: boolean): string {
  return unpacked ? `${hex(offset)} of the unpacked kernel` : hex(offset);
}

/**
 * What a report says first of a user program.
 *
 * @param file The dynamic linker that it names, and the operating system that it is for, if it says so.
 * @returns Such as `a user program: it names the interpreter "/lib64/ld-linux-x86-64.so.2"`; `undefined` for a file
 * that has neither.
 */
export function userProgram(
  { interpreter, system }: Pick<Recognized, "interpreter" | "system">,
): string | undefined {
  if (interpreter !== undefined) {
    return `a user program: it names the interpreter ${printable(JSON.stringify(interpreter))}`;
  }
  return system === undefined ? undefined : `a user program for ${system} or later, by a note in it`;
}
