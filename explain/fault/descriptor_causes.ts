/**
 * Causes that error codes with a selector show: what the descriptor tables have there.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { descriptorKind, isLongCode, isPresentDescriptor, readDescriptor } from "./descriptors.ts";
import type { FaultCause } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { hexBytes } from "../wording.ts";

// Intel SDM vol. 3, "Error Code": bit 0 means an event from outside, bit 1 the IDT, bit 2 the LDT, and bits 15:3 are the index
const ERROR_EXTERNAL = 1 << 0;
const ERROR_IDT = 1 << 1;
const ERROR_LDT = 1 << 2;

/** The exceptions whose error code is a selector. */
const WITH_SELECTOR: ReadonlySet<number> = new Set([10, 11, 12, 13]);

/**
 * Finds out what is wrong with the descriptor that an error code names.
 *
 * @param view The guest, at an exception of the processor.
 * @returns The cause, if the exception's error code is a selector of a descriptor that can be looked up.
 */
export function descriptorCauses(view: FaultView): readonly FaultCause[] {
  const { exception, memory } = view;
  if (!exception || !WITH_SELECTOR.has(exception.vector)) return [];
  const { error, during } = exception;
  if ((error & ~ERROR_EXTERNAL) === 0) return [];
  const number = error >> 3;
  if (error & ERROR_IDT) return [{ code: "gate-unusable", message: `entry ${number} of the IDT cannot be used` }];
  const selector = hexAddr(error & ~3);
  if (error & ERROR_LDT) {
    const message = `the descriptor of selector ${selector}, in the LDT, cannot be used`;
    return [{ code: "descriptor-unusable", message }];
  }
  const way = during === undefined ? "" : `while delivering exception ${during}, `;
  const entry = `${way}entry ${number} of the GDT (selector ${selector})`;
  const found = readDescriptor(error, view);
  if (found?.kind === "beyond-limit") {
    const { base, limit } = found;
    const entries = (limit + 1n) / 8n;
    const has = entries === 0n ? "no entry" : entries === 1n ? "entry 0 alone" : `entries 0 to ${entries - 1n}`;
    const message = `${entry} is beyond its limit (${hexAddr(limit)}): the GDT at ${hexAddr(base)} has ${has}`;
    return [{ code: "selector-beyond-limit", message }];
  }
  if (found?.kind !== "descriptor") {
    return [{ code: "descriptor-unusable", message: `${entry} cannot be used; its memory could not be read` }];
  }
  return [describe(entry, found.bytes, memory.isCurrent, during !== undefined)];
}

function describe(entry: string, bytes: Uint8Array, isCurrent: boolean, isHandler: boolean): FaultCause {
  const was = isCurrent ? "is" : "was";
  const then = isCurrent ? "" : " when the kernel was loaded";
  if (bytes.every((byte) => byte === 0)) return { code: "descriptor-empty", message: `${entry} ${was} empty${then}` };
  const what = descriptorKind(bytes);
  if (!isPresentDescriptor(bytes)) {
    const message = `${entry} ${was} ${what}${then}, but not present (${hexBytes(bytes)})`;
    return { code: "descriptor-not-present", message };
  }
  const needed = isHandler && !isLongCode(bytes)
    ? "but a handler needs a 64-bit code segment"
    : "which cannot be used in this way";
  return { code: "descriptor-unusable", message: `${entry} ${was} ${what}${then} (${hexBytes(bytes)}), ${needed}` };
}
