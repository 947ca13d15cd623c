/**
 * Why an exception had no handler: the interrupt descriptor table, and the stack.
 *
 * @module
 */

import { isCanonical } from "../../core/memory/addresses.ts";
import { hex } from "../output/text.ts";
import type { Bootable } from "../report/bootable.ts";
import { describeAddress } from "./describe_address.ts";
import type { Exception } from "./exception_log.ts";
import { usesTables } from "./explain_page_fault.ts";

// Intel SDM vol. 3, "64-Bit Mode IDT"
const GATE_SIZE = 16n;

/**
 * Says why an exception had no handler.
 *
 * @param exception The exception that ended in a triple fault.
 * @param bootable The kernel, and what was added to it.
 * @returns A sentence about the interrupt descriptor table or the stack.
 */
export function explainMissingHandler({ vector, registers }: Exception, bootable: Bootable): string {
  const { kernel } = bootable;
  const base = registers.get("IDT") ?? 0n;
  const limit = registers.get("IDT limit") ?? 0n;
  const gate = base + BigInt(vector) * GATE_SIZE;
  const table = `the interrupt descriptor table at ${hex(base)}`;
  if (limit < BigInt(vector + 1) * GATE_SIZE - 1n) {
    return `${table} ends before entry ${vector} (its limit is ${hex(limit)})`;
  }
  // What is mapped by now can only be looked up in the page tables that the kernel was started with.
  const isMapped = (address: bigint): boolean => isCanonical(address) && kernel.pageTable.translate(address).mapped;
  if (usesTables(registers, kernel)) {
    if (!isMapped(gate)) {
      return base === 0n
        ? "no interrupt descriptor table was loaded: its base is 0, which is not mapped"
        : `${table} was not mapped when the kernel was entered, ${describeAddress(gate, bootable)}`;
    }
    const rsp = registers.get("RSP") ?? 0n;
    if (!isMapped(rsp - 8n)) {
      return `the stack pointer is ${hex(rsp)}, below which nothing was mapped when the kernel was entered`;
    }
  }
  return `the processor could not enter a handler through entry ${vector} of ${table}`;
}
