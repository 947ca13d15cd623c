/**
 * What happened to a guest, in words: exceptions, and where it stands.
 *
 * @module
 */

import { hex } from "../output/text.ts";
import type { BootedKernel } from "../commands/with_bootable.ts";
import type { Exception } from "./exception_log.ts";
import { headerAt, isCanonical, placeOf } from "./describe_address.ts";
import { GENERAL, isLongMode, type Registers } from "./registers.ts";

/** Something to say, behind its label. */
export type Fact = readonly [label: string, text: string];

// Intel SDM vol. 3, "Exception and Interrupt Vectors"
const NAMES: ReadonlyMap<number, string> = new Map([
  [0, "a divide error (#DE)"],
  [1, "a debug exception (#DB)"],
  [2, "a non-maskable interrupt"],
  [3, "a breakpoint (#BP)"],
  [4, "an overflow (#OF)"],
  [5, "an exceeded bound (#BR)"],
  [6, "an invalid opcode (#UD)"],
  [7, "a missing x87 unit (#NM)"],
  [8, "a double fault (#DF)"],
  [10, "an invalid TSS (#TS)"],
  [11, "a segment that is not present (#NP)"],
  [12, "a stack fault (#SS)"],
  [13, "a general protection fault (#GP)"],
  [14, "a page fault (#PF)"],
  [16, "an x87 error (#MF)"],
  [17, "a misaligned access (#AC)"],
  [18, "a machine check (#MC)"],
  [19, "a SIMD error (#XM)"],
  [21, "a control protection fault (#CP)"],
]);
const UD = 6;
const NM = 7;
const SS = 12;
const GP = 13;
const PF = 14;

// Intel SDM vol. 3, "Page-Fault Error Code"
const PF_PRESENT = 1;
const PF_WRITE = 2;
const PF_USER = 4;
const PF_RESERVED = 8;
const PF_FETCH = 16;

// Intel SDM vol. 3, "Error Code": the selector is an index into the interrupt descriptor table
const ERROR_IDT = 2;

const GATE_SIZE = 16n;
const INTERRUPT_FLAG = 1n << 9n;
const CR0_TS_EM = 0xcn;
const OPCODE_BYTES = 8;

/**
 * The name of an exception.
 *
 * @param exception The exception, or an interrupt.
 * @returns Such as "a page fault (#PF)".
 */
export function exceptionName({ vector, origin }: Exception): string {
  if (origin === "device") return `interrupt ${vector} of a device`;
  if (origin === "instruction") return `interrupt ${vector}, which an instruction raised`;
  return NAMES.get(vector) ?? `exception ${vector}`;
}

/**
 * Says what caused an exception.
 *
 * @param exception The exception.
 * @param kernel The kernel that took it.
 * @returns What instruction, what access, and why it failed.
 */
export function explainException(exception: Exception, kernel: BootedKernel): readonly Fact[] {
  const { vector, error, origin, registers } = exception;
  const rip = registers.get("RIP") ?? 0n;
  const facts: Fact[] = [["instruction", `at ${hex(rip)}, ${placeOf(rip, kernel)}`]];
  if (origin !== "processor") return facts;
  if (vector === PF) facts.push(...explainPageFault(registers.get("CR2") ?? 0n, error, registers, kernel));
  if (vector === GP || vector === SS) facts.push(["cause", explainProtection(rip, error, registers)]);
  if (vector === UD) facts.push(["cause", explainOpcode(rip, kernel)]);
  if (vector === NM && ((registers.get("CR0") ?? 0n) & CR0_TS_EM) !== 0n) facts.push(["cause", "CR0 has TS or EM set"]);
  return facts;
}

function explainPageFault(
  address: bigint,
  error: number,
  registers: Registers,
  kernel: BootedKernel,
): readonly Fact[] {
  const kind = error & PF_FETCH ? "instruction fetch" : error & PF_WRITE ? "write to" : "read of";
  const access = error & PF_FETCH ? kind : `${kind} ${hex(address)}, ${placeOf(address, kernel)}`;
  const cr3 = registers.get("CR3") ?? 0n;
  const own = (cr3 & ~0xfffn) === BigInt(kernel.level4Frame) ? undefined : ownTables(cr3);
  const facts: Fact[] = [["access", access], ["cause", causeOf(address, error, own === undefined, kernel)]];
  return own === undefined ? facts : [...facts, ["page tables", own]];
}

function ownTables(cr3: bigint): string {
  return `the guest's own (CR3 is ${hex(cr3)}), not those that it was started with`;
}

function causeOf(address: bigint, error: number, ours: boolean, kernel: BootedKernel): string {
  const leaf = ours && isCanonical(address) ? kernel.pageTable.translate(address) : undefined;
  const phdr = headerAt(address, kernel);
  const asked = (permission: string): string =>
    phdr ? `: program header ${phdr.index} does not ask for ${permission}` : "";
  if (error & PF_RESERVED) return "a page-table entry on the way has reserved bits set";
  if (!(error & PF_PRESENT)) {
    if (leaf?.mapped) return "the page is not mapped any more: the guest has changed its page tables";
    return leaf ? `the page is not mapped: the walk ends at level ${leaf.level}` : "the page is not mapped";
  }
  if (error & PF_FETCH) return `the page is mapped, but not executable${asked("PF_X")}`;
  if (error & PF_USER) return "the page is mapped, but not for user mode";
  if (error & PF_WRITE) return `the page is mapped, but not writable${asked("PF_W")}`;
  return "the page is mapped, but does not permit the access";
}

function explainProtection(rip: bigint, error: number, registers: Registers): string {
  if (error & ERROR_IDT) {
    return `an entry of the interrupt descriptor table that cannot be used (error code ${hex(error)})`;
  }
  if (error !== 0) return `a selector or descriptor that cannot be used (error code ${hex(error)})`;
  if (!isCanonical(rip)) return `a jump to ${hex(rip)}, which is not canonical`;
  const suspects = GENERAL.filter((name) => !isCanonical(registers.get(name) ?? 0n));
  if (suspects.length === 0) return "an instruction or an operand that is not permitted";
  const list = suspects.map((name) => `${name} (${hex(registers.get(name) ?? 0n)})`).join(", ");
  return `most likely an address that is not canonical: ${list}`;
}

function explainOpcode(rip: bigint, kernel: BootedKernel): string {
  const bytes = bytesAt(rip, kernel);
  if (bytes === undefined) return "the bytes there are no instruction";
  const shown = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `the kernel was loaded with ${shown} there${bytes[0] === 0x0f && bytes[1] === 0x0b ? ": ud2" : ""}`;
}

function bytesAt(address: bigint, kernel: BootedKernel): Uint8Array | undefined {
  try {
    return kernel.read(address, OPCODE_BYTES);
  } catch {
    return undefined;
  }
}

/**
 * Says why an exception had no handler.
 *
 * @param exception The exception that ended in a triple fault.
 * @param kernel The kernel.
 * @returns A sentence about the interrupt descriptor table and the stack.
 */
export function explainMissingHandler({ vector, registers }: Exception, kernel: BootedKernel): string {
  const base = registers.get("IDT") ?? 0n;
  const limit = registers.get("IDT limit") ?? 0n;
  const gate = base + BigInt(vector) * GATE_SIZE;
  if (limit < BigInt(vector + 1) * GATE_SIZE - 1n) {
    return `the interrupt descriptor table at ${hex(base)} ends before entry ${vector}`;
  }
  if (!isCanonical(gate) || !kernel.pageTable.translate(gate).mapped) {
    const loaded = base === 0n ? ": the kernel has loaded none" : "";
    return `the interrupt descriptor table at ${hex(base)} is not mapped${loaded}`;
  }
  const rsp = registers.get("RSP") ?? 0n;
  const stack = rsp - 8n;
  if (rsp === 0n || !isCanonical(stack) || !kernel.pageTable.translate(stack).mapped) {
    return `the stack at ${hex(rsp)} is not mapped: ${placeOf(stack, kernel)}`;
  }
  return `entry ${vector} of the interrupt descriptor table at ${hex(base)} leads nowhere`;
}

/**
 * Says where a guest stands that was stopped.
 *
 * @param registers Its registers.
 * @param kernel The kernel.
 * @returns What it does and where.
 */
export function explainState(registers: Registers, kernel: BootedKernel): readonly Fact[] {
  if (!isLongMode(registers)) {
    return [["state", "it is not in 64-bit mode: the kernel was not entered, or has left it"]];
  }
  const rip = registers.get("RIP") ?? 0n;
  const flags = registers.get("RFL") ?? 0n;
  const waits = (flags & INTERRUPT_FLAG) !== 0n
    ? "halted until an interrupt comes"
    : "halted with interrupts off, for ever";
  return [
    ["state", registers.get("HLT") === 1n ? waits : "running"],
    ["instruction", `at ${hex(rip)}, ${placeOf(rip, kernel)}`],
  ];
}
