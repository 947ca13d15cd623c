/**
 * Feeds a guest's first serial port.
 *
 * @module
 */

import type { Qemu } from "./qemu_process.ts";
import { isLongMode } from "../../explain/fault/registers.ts";
import { parseProcessors } from "./registers.ts";
import { later, type Watched } from "./watched.ts";

/** Milliseconds between two looks at the guest. */
const INTERVAL = 50;

/** How often a running kernel is looked at before it gets its input anyway: for two seconds. */
const MOST_LOOKS = 40;

/** Reads the line control register of the first serial port, which changes nothing (16550 data sheet, "LCR"). */
const READ_LINE_CONTROL = "i /b 0x3fb";

/** While this bit is set, the port's speed is being set. */
const DIVISOR_LATCH = 0x80;

/** What is fed to a guest, and how. */
export interface Feed {
  /** The bytes. */
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Whether to read on while the guest takes no bytes; if not, at most one piece is kept. */
  readonly ahead: boolean;
  /** How many bytes the guest has written to the port. */
  readonly written: () => number;
}

/**
 * Feeds a guest as fast as it takes bytes, from when it is ready on.
 *
 * @param guest The guest.
 * @param feed The bytes.
 * @param signal Ends the feeding.
 * @returns When all bytes were passed on.
 * @throws {Error} If they cannot be read.
 */
export async function feedSerial(
  guest: Watched & Pick<Qemu, "send">,
  { pieces, ahead, written }: Feed,
  signal: AbortSignal,
): Promise<void> {
  let sent: Promise<void> | undefined;
  for await (const piece of pieces) {
    if (signal.aborted) return;
    if (piece.length === 0) continue;
    sent = (sent ?? untilReady(guest, written, signal)).then(() => signal.aborted ? undefined : guest.send(piece));
    if (!ahead) await sent;
  }
  await sent;
}

/**
 * Waits until a kernel has set up the port, since that empties it: until it has written something, or has set the line
 * control register and did not change it between two looks. A kernel that does neither is ready two seconds after it
 * was entered.
 *
 * @param guest The guest.
 * @param written How many bytes it has written to the port.
 * @param signal Ends the wait.
 */
export async function untilReady(guest: Watched, written: () => number, signal: AbortSignal): Promise<void> {
  let before: string | undefined;
  for (let looks = 0; looks < MOST_LOOKS && await later(INTERVAL, signal);) {
    const [first] = parseProcessors(await guest.monitor("info registers") ?? "");
    if (!first || !isLongMode(first)) continue; // the firmware may use the port, too
    if (written() > 0) return;
    const lineControl = await guest.monitor(READ_LINE_CONTROL);
    if (isSetUp(lineControl) && lineControl === before) return;
    before = lineControl;
    if (/\brunning\b/.test(await guest.monitor("info status") ?? "")) looks++; // a debugger may hold it
  }
}

/** Whether the register has been set; it is 0 after a reset, and 0xff where there is no port. */
function isSetUp(answer: string | undefined): boolean {
  const value = Number(/= (0x[0-9a-f]+)/.exec(answer ?? "")?.[1] ?? 0);
  return value !== 0 && (value & DIVISOR_LATCH) === 0;
}
