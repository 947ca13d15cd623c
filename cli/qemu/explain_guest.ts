/**
 * Explains how a guest ended, from QEMU's log, its registers and its memory.
 *
 * @module
 */

import { imageMemory } from "../../boot/image.ts";
import type { Disassembler } from "../../explain/instructions/instruction.ts";
import { explainFault } from "../../explain/fault/explain_fault.ts";
import type { FaultExplanation } from "../../explain/fault/fault_explanation.ts";
import type { FileFacts } from "../../explain/fault/fault_view.ts";
import type { Registers } from "../../explain/fault/registers.ts";
import type { GuestEnd } from "../../explain/fault/stopped_guest.ts";
import type { KernelSymbols } from "../../explain/symbols/kernel_symbols.ts";
import type { Bootable } from "../report/bootable.ts";
import type { ExceptionLog } from "./exception_log.ts";
import { type ReadGuest, withGuestPages } from "./guest_pages.ts";
import type { End } from "./run_report.ts";

/** What is known of the end of a guest. */
export interface StoppedQemu {
  /** How it ended, other than by QEMU's own end. */
  readonly end: Exclude<End, { readonly kind: "ended" }>;
  /** The registers of its first processor, if QEMU answered. */
  readonly registers?: Registers;
  /** QEMU's log. */
  readonly log: ExceptionLog;
  /** Reads its memory, which is as it was when it stopped. */
  readonly read?: ReadGuest;
}

/** What is read of the kernel's file, now that there is something to explain. */
export interface FileReaders {
  /** The names in it; `undefined` if it cannot be read again. */
  readonly names: () => Promise<KernelSymbols | undefined>;
  /** What it is made for. */
  readonly recognize: () => Promise<FileFacts>;
  /** Starts the disassembler; `undefined` if there is none. */
  readonly disassembler: () => Promise<Disassembler | undefined>;
}

/**
 * Explains how a guest ended.
 *
 * @param bootable The kernel, and what was added to it.
 * @param stopped What is known of the end.
 * @param file Reads the kernel's file.
 * @returns The explanation.
 */
export async function explainGuest(
  bootable: Bootable,
  { end, registers, log, read }: StoppedQemu,
  file: FileReaders,
): Promise<FaultExplanation> {
  const [symbols, facts, disassembler] = await Promise.all([
    file.names(),
    file.recognize(),
    file.disassembler().catch(() => undefined), // its package may not be at hand
  ]);
  const fatal = end.kind === "stopped" ? log.fatal() : undefined;
  const exception = fatal ?? log.last();
  const before = log.before();
  const options = {
    ...(symbols ? { symbols } : {}),
    ...(disassembler ? { disassembler } : {}),
    file: facts,
  };
  const guest = {
    end: guestEnd(end, log),
    ...(exception ? { exception } : {}),
    ...(fatal && before ? { before } : {}),
    ...(registers ? { registers } : {}),
  };
  // Without registers, QEMU does not answer: it will not read memory either.
  if (!read || !registers) return explainFault(guest, bootable, options);
  return await withGuestPages(read, imageMemory(bootable.kernel), (pages) => {
    return explainFault({ ...guest, pages }, bootable, options);
  });
}

function guestEnd(end: StoppedQemu["end"], log: ExceptionLog): GuestEnd {
  if (end.kind === "timeout") return "timeout";
  if (end.kind === "halted") return "halt";
  if (end.reason === "guest-reset") return log.tripleFault() ? "triple-fault" : "reset";
  if (end.reason === "guest-shutdown") return "power-off";
  return end.reason.startsWith("guest-panic") ? "panic" : "stopped";
}
