/**
 * Explains why no handler ran for an exception, from the interrupt descriptor table and the stack.
 *
 * @module
 */

import { isCanonical } from "../../core/memory/addresses.ts";
import { hex } from "../output/text.ts";
import type { Bootable } from "../report/bootable.ts";
import type { Kernel } from "../report/kernel.ts";
import { describeAddress, isBelowStack } from "./describe_address.ts";
import type { Exception } from "./exception_log.ts";
import { usesTables } from "./explain_page_fault.ts";

// Intel SDM vol. 3, "64-Bit Mode IDT"
const GATE_SIZE = 16n;
const GATE_TYPE = 5; // offset of P, DPL and type
const GATE_PRESENT = 0x80;

/** IDTR's limit before LIDT: SeaBIOS leaves that of its real-mode vectors, a reset the other. Its base is 0 in both. */
const FIRST_LIMITS: readonly bigint[] = [0x3ffn, 0xffffn];

// Intel SDM vol. 3, "64-Bit Mode Stack Frame": SS, RSP, RFLAGS, CS and RIP, on a multiple of 16; "Error Code"
const FRAME_SIZE = 40n;
const ERROR_CODE_SIZE = 8n;
const WITH_ERROR_CODE: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17, 21, 29, 30]);

const NO_TABLE = "no interrupt descriptor table was loaded: its base is 0, which is not mapped";

/**
 * Explains why no handler ran for an exception.
 *
 * @param exception The exception that ended in a triple fault.
 * @param bootable The kernel, and what was added to it.
 * @returns A sentence about the interrupt descriptor table or the stack.
 */
export function explainMissingHandler(exception: Exception, bootable: Bootable): string {
  const { vector, registers } = exception;
  const { kernel } = bootable;
  const base = registers.get("IDT") ?? 0n;
  const limit = registers.get("IDT limit") ?? 0n;
  const gate = base + BigInt(vector) * GATE_SIZE;
  const inTables = usesTables(registers, kernel);
  // What is mapped by now can only be looked up in the page tables that the kernel was started with.
  const isMapped = (address: bigint): boolean => isCanonical(address) && kernel.pageTable.translate(address).mapped;
  if (base === 0n && FIRST_LIMITS.includes(limit) && !(inTables && hasGate(gate, kernel))) {
    return inTables && !isMapped(gate)
      ? NO_TABLE
      : `no interrupt descriptor table was loaded: IDTR still has base 0 and limit ${hex(limit)}`;
  }
  const table = `the interrupt descriptor table at ${hex(base)}`;
  if (limit < BigInt(vector + 1) * GATE_SIZE - 1n) {
    return `${table} ends before entry ${vector} (its limit is ${hex(limit)})`;
  }
  if (inTables) {
    if (!isMapped(gate)) {
      return base === 0n
        ? NO_TABLE
        : `${table} was not mapped when the kernel was entered; entry ${vector} is at ${hex(gate)}, ${
          describeAddress(gate, bootable)
        }`;
    }
    const rsp = registers.get("RSP") ?? 0n;
    const overflow = explainFullStack(exception, bootable);
    if (overflow !== undefined) return overflow;
    if (!isMapped(rsp - 8n)) {
      return `nothing was mapped below the stack pointer (${hex(rsp)}) when the kernel was entered`;
    }
  }
  return `the processor could not enter a handler through entry ${vector} of ${table}`;
}

/** Whether the kernel was loaded with a present gate there. */
function hasGate(gate: bigint, kernel: Kernel): boolean {
  try {
    return (kernel.read(gate, Number(GATE_SIZE))[GATE_TYPE] & GATE_PRESENT) !== 0;
  } catch {
    return false; // the kernel was loaded with no bytes there
  }
}

/** Says so if what the processor pushes does not fit above the guard page. */
function explainFullStack({ vector, origin, registers }: Exception, bootable: Bootable): string | undefined {
  const rsp = registers.get("RSP") ?? 0n;
  const size = FRAME_SIZE + (origin === "processor" && WITH_ERROR_CODE.has(vector) ? ERROR_CODE_SIZE : 0n);
  const lowest = BigInt.asUintN(64, (rsp & ~0xfn) - size);
  const isUserMode = ((registers.get("CS") ?? 0n) & 3n) !== 0n; // another stack is used then
  if (isUserMode || !isBelowStack(lowest, bootable)) return undefined;
  const reach = `the ${size} bytes that the processor pushes reach to ${hex(lowest)}, ${
    describeAddress(lowest, bootable)
  }`;
  // A gate can name a stack of the TSS, if there is one.
  return registers.get("TR") === 0n
    ? `RSP is ${hex(rsp)}: the stack overflowed; ${reach}`
    : `RSP is ${hex(rsp)}: ${reach}, unless entry ${vector} of the interrupt descriptor table names another stack`;
}
