/**
 * Explains an exception of the guest, or the state that it was stopped in.
 *
 * @module
 */

import { isCanonical } from "../../core/memory/addresses.ts";
import { hex, listed } from "../output/text.ts";
import type { Bootable } from "../report/bootable.ts";
import { describeAddress } from "./describe_address.ts";
import type { Exception } from "./exception_log.ts";
import { explainPageFault } from "./explain_page_fault.ts";
import type { Fact } from "./fact.ts";
import { GENERAL, isLongMode, type Registers } from "./registers.ts";

// Intel SDM vol. 3, "Exception and Interrupt Vectors"
const NAMES: ReadonlyMap<number, string> = new Map([
  [0, "a divide error (#DE)"],
  [1, "a debug exception (#DB)"],
  [2, "a non-maskable interrupt"],
  [3, "a breakpoint (#BP)"],
  [4, "an overflow (#OF)"],
  [5, "a BOUND range exceeded exception (#BR)"],
  [6, "an invalid opcode (#UD)"],
  [7, "a device-not-available exception (#NM)"],
  [8, "a double fault (#DF)"],
  [10, "an invalid-TSS exception (#TS)"],
  [11, "a segment-not-present exception (#NP)"],
  [12, "a stack-segment fault (#SS)"],
  [13, "a general protection fault (#GP)"],
  [14, "a page fault (#PF)"],
  [16, "an x87 floating-point error (#MF)"],
  [17, "an alignment check (#AC)"],
  [18, "a machine check (#MC)"],
  [19, "a SIMD floating-point exception (#XM)"],
  [21, "a control protection fault (#CP)"],
]);
const BP = 3;
const UD = 6;
const NM = 7;
const SS = 12;
const GP = 13;
const PF = 14;

const INTERRUPT_FLAG = 1n << 9n;
const CR0_EM = 1n << 2n;
const CR0_TS = 1n << 3n;
const OPCODE_BYTES = 8;

const EFER_SCE = 1n << 0n;

// Intel SDM vol. 2, by their bytes: one always raises #UD, the other as long as EFER.SCE is not set.
const UD2 = "0f 0b";
const SYSCALL = "0f 05";

// The vectors that firmware gives to the first interrupt controller (8259). Those of the processor's exceptions
// overlap, and no other controller can have them (Intel SDM vol. 3, "Valid Interrupt Vectors").
const FIRST_IRQ = 8;
const IRQS = 8;

/**
 * The name of an exception.
 *
 * @param exception The exception, or an interrupt.
 * @returns Such as "a page fault (#PF)".
 */
export function exceptionName({ vector, origin }: Exception): string {
  if (origin === "device") return `interrupt ${vector} from a device${irqOf(vector)}`;
  if (origin === "instruction" && vector === BP) return "a breakpoint (#BP), raised by an INT 3 instruction";
  if (origin === "instruction") return `interrupt ${vector}, raised by an instruction`;
  return NAMES.get(vector) ?? `exception ${vector}`;
}

/**
 * Explains what caused an exception.
 *
 * @param exception The exception.
 * @param bootable The kernel that took it, and what was added to it.
 * @returns The instruction, the access and the cause, as far as they are known.
 */
export function explainException(exception: Exception, bootable: Bootable): readonly Fact[] {
  const { vector, error, origin, registers } = exception;
  const rip = registers.get("RIP") ?? 0n;
  const instruction: Fact = ["instruction", `at ${hex(rip)}, ${describeAddress(rip, bootable)}`];
  if (origin !== "processor") return [instruction];
  if (vector === PF) return [instruction, ...explainPageFault(error, registers, bootable)];
  const cause = causeOf(exception, bootable);
  return cause === undefined ? [instruction] : [instruction, ["cause", cause]];
}

function causeOf({ vector, error, registers, entry }: Exception, bootable: Bootable): string | undefined {
  if (entry !== undefined) return `entry ${entry} of the interrupt descriptor table cannot be used`;
  if (vector === GP || vector === SS) return explainProtection(error, registers);
  if (vector === UD) return explainOpcode(registers, bootable);
  if (vector !== NM) return undefined;
  const cr0 = registers.get("CR0") ?? 0n;
  const set = [["EM", CR0_EM] as const, ["TS", CR0_TS] as const].filter(([, bit]) => (cr0 & bit) !== 0n);
  return set.length === 0 ? undefined : `CR0 has ${listed(set.map(([name]) => name))} set`;
}

function explainProtection(error: number, registers: Registers): string {
  const rip = registers.get("RIP") ?? 0n;
  if (error !== 0) return `the selector or descriptor in error code ${hex(error)} cannot be used`;
  if (!isCanonical(rip)) return `a jump to the non-canonical address ${hex(rip)}`;
  const suspects = GENERAL.filter((name) => !isCanonical(registers.get(name) ?? 0n))
    .map((name) => `${name} (${hex(registers.get(name) ?? 0n)})`);
  const verb = suspects.length === 1 ? "is not a canonical address" : "are not canonical addresses";
  const remark = suspects.length === 0 ? "" : `; ${listed(suspects)} ${verb}`;
  return `the instruction or one of its operands is not permitted${remark}`;
}

function explainOpcode(registers: Registers, { kernel }: Bootable): string | undefined {
  const rip = registers.get("RIP") ?? 0n;
  let bytes: Uint8Array;
  try {
    bytes = kernel.read(rip, OPCODE_BYTES);
  } catch {
    return undefined; // the load left no bytes there
  }
  const shown = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const found = `the bytes loaded there are ${shown}`;
  if (shown.startsWith(UD2)) return `${found} (ud2)`;
  if (!shown.startsWith(SYSCALL)) return found;
  const isOff = ((registers.get("EFER") ?? 0n) & EFER_SCE) === 0n;
  return `${found} (syscall${isOff ? "; EFER.SCE is not set" : ""})`;
}

/** What a device's interrupt is, where its vector is that of an exception too. */
function irqOf(vector: number): string {
  const irq = vector - FIRST_IRQ;
  if (irq < 0 || irq >= IRQS) return "";
  return ` (IRQ ${irq}${irq === 0 ? ", the timer" : ""}, by the firmware's vectors)`;
}

/**
 * Whether a processor takes interrupts.
 *
 * @param registers Its registers.
 * @returns True if the interrupt flag is set.
 */
export function areInterruptsEnabled(registers: Registers): boolean {
  return ((registers.get("RFL") ?? 0n) & INTERRUPT_FLAG) !== 0n;
}

/**
 * Explains what a stopped guest was doing.
 *
 * @param registers Its registers.
 * @param bootable The kernel, and what was added to it.
 * @returns Its state, and the instruction that it stopped at.
 */
export function explainState(registers: Registers, bootable: Bootable): readonly Fact[] {
  if (!isLongMode(registers)) {
    return [["state", "not in 64-bit mode: the kernel was never entered, or has left 64-bit mode"]];
  }
  const rip = registers.get("RIP") ?? 0n;
  const waits = areInterruptsEnabled(registers)
    ? "halted, waiting for an interrupt"
    : "halted forever: interrupts are disabled";
  return [
    ["state", registers.get("HLT") === 1n ? waits : "running"],
    ["instruction", `at ${hex(rip)}, ${describeAddress(rip, bootable)}`],
  ];
}
