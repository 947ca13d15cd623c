/**
 * Reads the memory of a guest, by files that QEMU writes.
 *
 * @module
 */

import { hex } from "../output/text.ts";
import type { Qmp } from "./qmp.ts";

/** Memory of a guest. */
export interface MemoryRange {
  /** What kind of address it is. Virtual ones are translated by the page tables that the first processor uses. */
  readonly kind: "virtual" | "physical";
  /** Its first address. */
  readonly address: bigint;
  /** Number of bytes, at most {@linkcode MOST_MEMORY}. */
  readonly length: number;
}

/** The most bytes that are read at once. */
export const MOST_MEMORY: number = 64 * 2 ** 20;

/** QEMU's commands: each writes a file. */
const COMMANDS = { virtual: "memsave", physical: "pmemsave" } as const;

/**
 * Reads memory of a guest that is paused.
 *
 * @param qmp The connection to its QEMU.
 * @param folder A folder for files that are removed at once.
 * @param range Which memory.
 * @returns Its bytes; `undefined` if a part of it is not mapped.
 * @throws {RangeError} If the range is longer than {@linkcode MOST_MEMORY}, or empty.
 * @throws {Error} If QEMU goes away, or the file cannot be written.
 */
export async function readGuestMemory(
  qmp: Qmp,
  folder: string,
  { kind, address, length }: MemoryRange,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!Number.isInteger(length) || length < 1 || length > MOST_MEMORY) {
    throw new RangeError(`length must be 1 to ${MOST_MEMORY}, not ${length}`);
  }
  const path = `${folder}/${crypto.randomUUID()}`;
  try {
    // The monitor takes addresses of 64 bits, which QMP's numbers are too small for.
    const line = `${COMMANDS[kind]} ${hex(BigInt.asUintN(64, address))} ${length} ${monitorString(path)}`;
    const refusal = String(await qmp.execute("human-monitor-command", { "command-line": line })).trim();
    if (refusal !== "") return undefined;
    const bytes = await Deno.readFile(path);
    return bytes.length === length ? bytes : undefined;
  } finally {
    await Deno.remove(path).catch(() => {}); // there may be none
  }
}

/** A string among the arguments of a command of QEMU's monitor. */
function monitorString(text: string): string {
  return `"${text.replaceAll(/[\\"]/g, "\\$&")}"`;
}
