/**
 * Explains why no handler ran for an exception, from the interrupt descriptor table and the stack.
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
 * Explains why no handler ran for an exception.
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
  // Only the page tables that the kernel was started with are known; the guest may have changed them since.
  const isMapped = (address: bigint): boolean => isCanonical(address) && kernel.pageTable.translate(address).mapped;
  if (usesTables(registers, kernel)) {
    if (!isMapped(gate)) {
      return base === 0n
        ? "no interrupt descriptor table was loaded: its base is 0, which is not mapped"
        : `${table} was not mapped when the kernel was entered; entry ${vector} is at ${hex(gate)}, ${
          describeAddress(gate, bootable)
        }`;
    }
    const rsp = registers.get("RSP") ?? 0n;
    if (!isMapped(rsp - 8n)) {
      return `nothing was mapped below the stack pointer (${hex(rsp)}) when the kernel was entered`;
    }
  }
  return `the processor could not enter a handler through entry ${vector} of ${table}`;
}
