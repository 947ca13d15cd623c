/**
 * Exceptions and interrupts that a processor took.
 *
 * @module
 */

import type { Registers } from "./registers.ts";

/** An exception or interrupt that a guest took in 64-bit mode. */
export interface Exception {
  /** Its vector, 0 to 255. */
  readonly vector: number;
  /** Its error code; 0 if it has none. */
  readonly error: number;
  /** What raised it: the processor, an instruction such as INT, or a device. */
  readonly origin: "processor" | "instruction" | "device";
  /** The registers at that time. */
  readonly registers: Registers;
  /** The vector whose entry in the IDT could not be used, if that raised it. */
  readonly entry?: number;
  /** The vector of the exception or interrupt on whose way to a handler it came up, if it did. */
  readonly during?: number;
  /** Whether it became a double fault, because another exception came up on the way to its handler. */
  readonly doubleFault: boolean;
}

/** An exception's name. */
export interface ExceptionName {
  /** With an article, such as "a page fault (#PF)". */
  readonly name: string;
  /** Its mnemonic, such as "#PF", if it has one. */
  readonly mnemonic?: string;
}

// Intel SDM vol. 3, "Exception and Interrupt Vectors"
const NAMES: ReadonlyMap<number, readonly [name: string, mnemonic?: string]> = new Map([
  [0, ["a divide error", "#DE"]],
  [1, ["a debug exception", "#DB"]],
  [2, ["a non-maskable interrupt"]],
  [3, ["a breakpoint", "#BP"]],
  [4, ["an overflow", "#OF"]],
  [5, ["a BOUND range exceeded exception", "#BR"]],
  [6, ["an invalid opcode", "#UD"]],
  [7, ["a device-not-available exception", "#NM"]],
  [8, ["a double fault", "#DF"]],
  [10, ["an invalid-TSS exception", "#TS"]],
  [11, ["a segment-not-present exception", "#NP"]],
  [12, ["a stack-segment fault", "#SS"]],
  [13, ["a general protection exception", "#GP"]],
  [14, ["a page fault", "#PF"]],
  [16, ["an x87 floating-point error", "#MF"]],
  [17, ["an alignment check", "#AC"]],
  [18, ["a machine check", "#MC"]],
  [19, ["a SIMD floating-point exception", "#XM"]],
  [21, ["a control protection exception", "#CP"]],
]);

const BP = 3;

// Intel SDM vol. 3, "Exception and Interrupt Vectors": those that push an error code, those of AMD's too
const WITH_ERROR_CODE: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17, 21, 29, 30]);

// The vectors that firmware gives to the first interrupt controller (8259). Those of the processor's exceptions
// overlap, and no other controller can have them (Intel SDM vol. 3, "Valid Interrupt Vectors").
const FIRST_IRQ = 8;
const IRQS = 8;

/**
 * The name of an exception or interrupt.
 *
 * @param exception The exception.
 * @returns Such as "a page fault (#PF)" with the mnemonic "#PF".
 */
export function exceptionName({ vector, origin }: Pick<Exception, "vector" | "origin">): ExceptionName {
  if (origin === "device") return { name: `interrupt ${vector} from a device${irqOf(vector)}` };
  if (origin === "instruction" && vector === BP) {
    return { name: "a breakpoint (#BP), raised by an INT 3 instruction", mnemonic: "#BP" };
  }
  if (origin === "instruction") return { name: `interrupt ${vector}, raised by an instruction` };
  const [name, mnemonic] = NAMES.get(vector) ?? [`exception ${vector}`];
  return mnemonic === undefined ? { name } : { name: `${name} (${mnemonic})`, mnemonic };
}

/**
 * Whether the processor pushes an error code.
 *
 * @param exception The exception.
 * @returns True if it does; never for interrupts of devices and instructions.
 */
export function hasErrorCode({ vector, origin }: Pick<Exception, "vector" | "origin">): boolean {
  return origin === "processor" && WITH_ERROR_CODE.has(vector);
}

/** What a device's interrupt is, where its vector is that of an exception too. */
function irqOf(vector: number): string {
  const irq = vector - FIRST_IRQ;
  if (irq < 0 || irq >= IRQS) return "";
  return ` (IRQ ${irq}${irq === 0 ? ", the timer" : ""}, by the firmware's vectors)`;
}
