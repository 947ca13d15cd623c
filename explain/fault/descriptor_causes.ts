/**
 * Causes that error codes with a selector show: what the descriptor tables have there.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import type { FaultCause } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { hexBytes } from "../wording.ts";

// Intel SDM vol. 3, "Error Code": bit 0 means an event from outside, bit 1 the IDT, bit 2 the LDT, and bits 15:3 are the index
const ERROR_EXTERNAL = 1 << 0;
const ERROR_IDT = 1 << 1;
const ERROR_LDT = 1 << 2;

/** The exceptions whose error code is a selector. */
const WITH_SELECTOR: ReadonlySet<number> = new Set([10, 11, 12, 13]);

// Intel SDM vol. 3, "Segment Descriptors": 8 bytes; the last but two has P (bit 7), DPL, S (bit 4) and the type
const DESCRIPTOR_SIZE = 8n;
const ACCESS_BYTE = 5;
const FLAGS_BYTE = 6;
const PRESENT = 0x80;
const NOT_SYSTEM = 0x10;
const CODE = 0x08;
const READABLE = 0x02;
const LONG = 0x20;
const DEFAULT_SIZE = 0x40;

// Intel SDM vol. 3, "System Segment and Gate-Descriptor Types in IA-32e mode"
const SYSTEM_TYPES: ReadonlyMap<number, string> = new Map([
  [0x2, "an LDT"],
  [0x9, "an available TSS"],
  [0xb, "a TSS that is busy"],
  [0xc, "a call gate"],
  [0xe, "an interrupt gate"],
  [0xf, "a trap gate"],
]);

/**
 * Finds out what is wrong with the descriptor that an error code names.
 *
 * @param view The guest, at an exception of the processor.
 * @returns The cause, if the exception's error code is a selector of a descriptor that can be looked up.
 */
export function descriptorCauses({ exception, registers, memory }: FaultView): readonly FaultCause[] {
  if (!exception || !WITH_SELECTOR.has(exception.vector)) return [];
  const { error, during } = exception;
  if ((error & ~ERROR_EXTERNAL) === 0) return [];
  if (error & ERROR_IDT) {
    return [{
      code: "gate-unusable",
      message: `entry ${error >> 3} of the interrupt descriptor table cannot be used`,
    }];
  }
  const selector = hexAddr(error & ~3);
  if (error & ERROR_LDT) {
    return [{
      code: "descriptor-unusable",
      message: `the descriptor of selector ${selector}, in the LDT, cannot be used`,
    }];
  }
  const [base, limit] = [registers.get("GDT"), registers.get("GDT limit")];
  const index = BigInt(error >> 3);
  const way = during === undefined ? "" : `on the way to the handler of exception ${during}: `;
  const entry = `${way}entry ${index} of the GDT (selector ${selector})`;
  if (base === undefined || limit === undefined) {
    return [{ code: "descriptor-unusable", message: `${entry} cannot be used` }];
  }
  const [start, end] = [index * DESCRIPTOR_SIZE, (index + 1n) * DESCRIPTOR_SIZE];
  if (end > limit + 1n) {
    const entries = (limit + 1n) / DESCRIPTOR_SIZE;
    const has = entries === 0n ? "no entry" : entries === 1n ? "entry 0 alone" : `entries 0 to ${entries - 1n}`;
    const message = `${entry} is beyond its limit (${hexAddr(limit)}): the GDT at ${hexAddr(base)} has ${has}`;
    return [{ code: "selector-beyond-limit", message }];
  }
  const bytes = memory.read(BigInt.asUintN(64, base + start), Number(DESCRIPTOR_SIZE));
  if (!bytes) return [{ code: "descriptor-unusable", message: `${entry} cannot be used` }];
  return [describe(entry, bytes, memory.isCurrent)];
}

function describe(entry: string, bytes: Uint8Array, isCurrent: boolean): FaultCause {
  const was = isCurrent ? "is" : "was loaded as";
  if (bytes.every((byte) => byte === 0)) return { code: "descriptor-empty", message: `${entry} ${was} empty` };
  const what = descriptorKind(bytes);
  if ((bytes[ACCESS_BYTE] & PRESENT) === 0) {
    return { code: "descriptor-not-present", message: `${entry} ${was} ${what}, but not present (${hexBytes(bytes)})` };
  }
  return {
    code: "descriptor-unusable",
    message: `${entry} ${was} ${what} (${hexBytes(bytes)}), which cannot be used in this way`,
  };
}

function descriptorKind(bytes: Uint8Array): string {
  const [access, flags] = [bytes[ACCESS_BYTE], bytes[FLAGS_BYTE]];
  if (!(access & NOT_SYSTEM)) return SYSTEM_TYPES.get(access & 0xf) ?? `a system descriptor of type ${access & 0xf}`;
  if (!(access & CODE)) return access & READABLE ? "a data segment" : "a data segment that cannot be written";
  const bits = flags & LONG
    ? (flags & DEFAULT_SIZE ? "invalid" : "64-bit")
    : flags & DEFAULT_SIZE
    ? "32-bit"
    : "16-bit";
  return `${bits === "invalid" ? "an invalid" : `a ${bits}`} code segment`;
}
