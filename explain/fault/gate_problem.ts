/**
 * Gates of the IDT that the processor refuses.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { isCanonical } from "../../core/memory/addresses.ts";
import { descriptorKind, isLongCode, isPresentDescriptor, readDescriptor } from "./descriptors.ts";
import type { FaultView } from "./fault_view.ts";

// Intel SDM vol. 3, "64-Bit Mode IDT": P, DPL and type are in the byte at 5, the selector is at 2
const GATE_TYPE = 5;
const GATE_SELECTOR = 2;
const INTERRUPT_GATE = 0xe;
const TRAP_GATE = 0xf;

/** The bits of a selector that choose a descriptor of the GDT or LDT. */
const SELECTOR_TABLE = 1 << 2;
const SELECTOR_LEVEL = 3;

/**
 * Finds out what is wrong with a gate that is present.
 *
 * @param gate Its 16 bytes, as they were when the guest stopped.
 * @param view The guest.
 * @returns A clause that begins with a verb, such as "has type 9"; `undefined` if nothing is found.
 */
export function gateProblem(gate: Uint8Array, view: FaultView): string | undefined {
  const fields = new DataView(gate.buffer, gate.byteOffset, gate.length);
  const type = gate[GATE_TYPE] & 0x1f;
  if (type !== INTERRUPT_GATE && type !== TRAP_GATE) {
    return `has type ${hexAddr(type)}, and must be an interrupt gate (0xe) or a trap gate (0xf)`;
  }
  const handler = BigInt(fields.getUint16(0, true)) | BigInt(fields.getUint16(6, true)) << 16n |
    BigInt(fields.getUint32(8, true)) << 32n;
  const problem = selectorProblem(fields.getUint16(GATE_SELECTOR, true), view);
  if (problem !== undefined) return problem;
  return isCanonical(handler) ? undefined : `points to ${hexAddr(handler)}, which is not a canonical address`;
}

function selectorProblem(selector: number, view: FaultView): string | undefined {
  if ((selector & ~SELECTOR_LEVEL) === 0) return "has selector 0, and needs that of a 64-bit code segment";
  if (selector & SELECTOR_TABLE) return undefined; // of the LDT
  const found = readDescriptor(selector, view);
  const has = `has selector ${hexAddr(selector)}`;
  if (!found) return undefined;
  if (found.kind === "beyond-limit") {
    return `${has}, and the GDT at ${hexAddr(found.base)} ends before it (its limit is ${hexAddr(found.limit)})`;
  }
  if (found.kind === "unknown" || !view.memory.isCurrent) return undefined;
  const entry = `entry ${selector >> 3} of the GDT`;
  if (found.bytes.every((byte) => byte === 0)) return `${has}, and ${entry} is empty`;
  if (isLongCode(found.bytes)) {
    return isPresentDescriptor(found.bytes) ? undefined : `${has}, and ${entry} is not present`;
  }
  return `${has}, and ${entry} is ${descriptorKind(found.bytes)}: a 64-bit code segment is needed`;
}
