/**
 * Notices that a guest has halted for good.
 *
 * @module
 */

import { isHaltedForGood, type Registers } from "../../explain/fault/registers.ts";
import { parseProcessors } from "./registers.ts";
import { later, type Watched } from "./watched.ts";

/** Milliseconds between two looks. */
const INTERVAL = 100;

/** Interrupts that wake a processor although its interrupt flag is clear; the names are those that QEMU prints. */
const UNMASKABLE = /\b(NMI|SMI|INIT)\b/i;

/** Local interrupts that QEMU can raise; it raises the one of LINT1 only for its monitor. */
const LOCAL_INTERRUPT = /^LVT(?!1\b)/;
const IO_INTERRUPT = /^\s*pin \d/;

/**
 * Waits until a guest has halted for good: all processors are halted with interrupts disabled, two looks find them in
 * the same place, and no interrupt controller is set up to wake one by an interrupt that cannot be disabled.
 *
 * @param guest The guest, which is running.
 * @param signal Ends the wait.
 * @returns True once it has; false if the wait was ended.
 */
export async function untilHaltedForGood(guest: Watched, signal: AbortSignal): Promise<boolean> {
  let before: string | undefined;
  while (await later(INTERVAL, signal)) {
    const found = await placeOfHalt(guest);
    if (found !== undefined && found.place === before && !await mayWake(guest, found.processors)) {
      return !signal.aborted;
    }
    before = found?.place;
  }
  return false;
}

/** Where the processors are if all of them are halted with interrupts disabled, and how many there are. */
async function placeOfHalt(
  guest: Watched,
): Promise<{ readonly place: string; readonly processors: number } | undefined> {
  // Most of the time the first one runs, and it need not be asked about others.
  for (const command of ["info registers", "info registers -a"]) {
    const processors = parseProcessors(await guest.monitor(command) ?? "");
    if (processors.length === 0 || !processors.every(isHaltedForGood)) return undefined;
    if (command.endsWith("-a")) return { place: processors.map(placeOf).join(), processors: processors.length };
  }
}

function placeOf(registers: Registers): string {
  return ["RIP", "EIP", "RSP", "ESP", "RAX", "RCX", "CR3"].map((name) => registers.get(name)).join(":");
}

async function mayWake(guest: Watched, processors: number): Promise<boolean> {
  for (let at = 0; at < processors; at++) {
    if (hasUnmaskable(await guest.monitor("info lapic", at), LOCAL_INTERRUPT)) return true;
  }
  return hasUnmaskable(await guest.monitor("info pic"), IO_INTERRUPT);
}

function hasUnmaskable(listing: string | undefined, entry: RegExp): boolean {
  return listing?.split("\n").some((line) => entry.test(line) && UNMASKABLE.test(line) && !/\bmasked\b/.test(line)) ??
    false;
}
