/**
 * Explains why a guest died, or where it stopped.
 *
 * @module
 */

import type { Disassembler, Instruction } from "../instructions/instruction.ts";
import type { KernelSymbols } from "../symbols/kernel_symbols.ts";
import { walkTables } from "../tables/walk_tables.ts";
import { type Exception, exceptionName } from "./exception.ts";
import { expectations } from "./expectations.ts";
import { explainEvent, haltCauses } from "./explain_event.ts";
import type { FaultEvent, FaultExplanation } from "./fault_explanation.ts";
import type { FaultView, FileFacts } from "./fault_view.ts";
import { type GuestMemory, guestMemory } from "./guest_memory.ts";
import { placeOf } from "./place.ts";
import { isHaltedForGood, type Registers } from "./registers.ts";
import type { GuestEnd, StartedKernel, StoppedGuest } from "./stopped_guest.ts";

/** What helps to explain. */
export interface FaultOptions {
  /** The names in the kernel's file. */
  readonly symbols?: KernelSymbols;
  /** Decodes the instruction. */
  readonly disassembler?: Disassembler;
  /** What is known of the kernel's file. */
  readonly file?: FileFacts;
}

/** The longest instruction, in bytes. */
const LONGEST_INSTRUCTION = 15;

const HLT = 0xf4;

/** How far down the stack a handler is looked for, in bytes. */
const HANDLER_REACH = 0x1_0000n;

/**
 * Explains why a guest died, or where it stopped. Every cause that it names was looked up in the registers, in memory
 * or in the file.
 *
 * @example
 * ```ts
 * import { explainFault } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { addKernelStack } from "@kload/kload/boot/kernel-stack";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const stack = addKernelStack(kernel);
 * // An emulator's processor wrote to the kernel's first byte, and found no handler.
 * const registers = new Map([["RIP", kernel.entryPoint], ["CR2", kernel.entryPoint], ["EFER", 0xd00n]]);
 * const exception = { vector: 14, error: 3, origin: "processor", registers, doubleFault: false } as const;
 * const { message, page, causes } = explainFault({ end: "triple-fault", exception }, { kernel, stack });
 * assertEquals(message, "The guest triple-faulted after a page fault (#PF).");
 * assertEquals(page?.message, "the page is mapped, but not writable");
 * assertEquals(causes.map(({ message }) => message), ["program header 0 does not set PF_W"]);
 * ```
 *
 * @param guest How it stopped.
 * @param started The kernel, and what was added to it.
 * @param options What helps to explain.
 * @returns The explanation.
 */
export function explainFault(
  guest: StoppedGuest,
  started: StartedKernel,
  options: FaultOptions = {},
): FaultExplanation {
  const { end, exception, registers = new Map() } = guest;
  const expected = options.file ? expectations(started, options.file) : [];
  const message = messageOf(guest);
  if (end === "triple-fault" && exception) {
    const view = viewOf(exception.registers, guest, started, options);
    const event = explainEvent({ ...view, exception }, true);
    const isOwn = event.causes.some(({ code }) => code === "handler-raises-it");
    const before = guest.before && isOwn ? explainBefore(guest.before, guest, started, options) : undefined;
    return { end, message, ...event, ...(before ? { before } : {}), expectations: expected };
  }
  const view = viewOf(registers, guest, started, options);
  const event = explainEvent(view, false);
  const hasHalted = end === "halt" || end === "timeout";
  const state = hasHalted ? { ...event, causes: [...event.causes, ...haltCauses(view)] } : event;
  const before = exception && explainBefore(exception, guest, started, options);
  return { end, message, ...state, ...(before ? { before } : {}), expectations: expected };
}

/** Memory is not as it was at that time, but its calls are still there while the guest is further down the stack. */
function explainBefore(
  exception: Exception,
  guest: StoppedGuest,
  started: StartedKernel,
  options: FaultOptions,
): FaultEvent {
  const { backtrace, ...event } = explainEvent({
    ...viewOf(exception.registers, guest, started, options),
    exception,
  }, false);
  const [now, then] = [guest.registers?.get("RSP"), exception.registers.get("RSP")];
  const isBelow = now !== undefined && then !== undefined && now < then && then - now < HANDLER_REACH;
  return { ...event, ...(backtrace && isBelow ? { backtrace } : {}) };
}

function viewOf(
  registers: Registers,
  guest: StoppedGuest,
  started: StartedKernel,
  { symbols, disassembler, file }: FaultOptions,
): FaultView {
  const memory = guestMemory(guest, started, registers);
  const instruction = disassembler && isSameCode(registers, memory)
    ? decode(registers, memory.read, disassembler)
    : undefined;
  return {
    registers,
    started,
    memory,
    place: (address) => placeOf(address, started, symbols),
    ...(instruction ? { instruction } : {}),
    ...(disassembler ? { disassembler } : {}),
    ...(file ? { file } : {}),
  };
}

/** Whether the bytes at RIP are those that the processor read: a guest can have changed what was loaded to be written. */
function isSameCode(registers: Registers, { isCurrent, usesInitial, initial }: GuestMemory): boolean {
  if (isCurrent) return true;
  const { end } = walkTables(initial, registers.get("RIP") ?? 0n);
  return usesInitial && end.kind === "page" && !end.writable;
}

/** Decodes the instruction at RIP or, of a halted processor, the one before. */
function decode(
  registers: Registers,
  read: (address: bigint, length: number) => Uint8Array | undefined,
  { instructions }: Disassembler,
): Instruction | undefined {
  const rip = registers.get("RIP") ?? 0n;
  const isHalted = registers.get("HLT") === 1n && read(BigInt.asUintN(64, rip - 1n), 1)?.[0] === HLT;
  const start = isHalted ? BigInt.asUintN(64, rip - 1n) : rip;
  for (let length = LONGEST_INSTRUCTION; length > 0; length--) { // fewer at the end of a page
    const bytes = read(start, length);
    if (!bytes) continue;
    const [first] = instructions(bytes, start);
    return first?.flow === "cut" ? undefined : first;
  }
  return undefined;
}

/** How each end is said, if no exception is known that it came of. */
const ENDS: Readonly<Record<GuestEnd, string>> = {
  "triple-fault": "The guest triple-faulted.",
  "reset": "The guest reset the machine.",
  "power-off": "The guest powered off.",
  "panic": "The guest reported a panic.",
  "halt": "The guest halted for good, with interrupts disabled.",
  "timeout": "The guest did not finish in time.",
  "stopped": "The guest stopped.",
};

function messageOf({ end, exception, registers }: StoppedGuest): string {
  if (end === "triple-fault" && exception) return `The guest triple-faulted after ${exceptionName(exception).name}.`;
  if (end === "timeout" && registers && isHaltedForGood(registers)) {
    return "The guest halted for good, with interrupts disabled, and did not finish in time.";
  }
  return ENDS[end];
}
