/**
 * Descriptors of the GDT.
 *
 * @module
 */

import type { FaultView } from "./fault_view.ts";

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

/** What a selector of the GDT chooses. */
export type FoundDescriptor =
  | {
    /** A descriptor, as it is known. */
    readonly kind: "descriptor";
    /** Its 8 bytes. */
    readonly bytes: Uint8Array;
  }
  | {
    /** Nothing: the table ends before it. */
    readonly kind: "beyond-limit";
    /** Virtual address of the table. */
    readonly base: bigint;
    /** Its limit. */
    readonly limit: bigint;
  }
  | {
    /** A descriptor in memory that is not known. */
    readonly kind: "unknown";
  };

/**
 * Looks up a selector in the GDT.
 *
 * @param selector The selector; its two lowest bits do not count.
 * @param view The guest.
 * @returns What it chooses; `undefined` if it is not known where the GDT is.
 */
export function readDescriptor(
  selector: number,
  { registers, memory }: Pick<FaultView, "registers" | "memory">,
): FoundDescriptor | undefined {
  const [base, limit] = [registers.get("GDT"), registers.get("GDT limit")];
  if (base === undefined || limit === undefined) return undefined;
  const start = BigInt(selector >> 3) * DESCRIPTOR_SIZE;
  if (start + DESCRIPTOR_SIZE > limit + 1n) return { kind: "beyond-limit", base, limit };
  const bytes = memory.read(BigInt.asUintN(64, base + start), Number(DESCRIPTOR_SIZE));
  return bytes ? { kind: "descriptor", bytes } : { kind: "unknown" };
}

/**
 * Whether a segment is present.
 *
 * @param bytes The 8 bytes of its descriptor.
 * @returns True if it is.
 */
export function isPresentDescriptor(bytes: Uint8Array): boolean {
  return (bytes[ACCESS_BYTE] & PRESENT) !== 0;
}

/**
 * Whether a segment is one of 64-bit code.
 *
 * @param bytes The 8 bytes of its descriptor.
 * @returns True if it is.
 */
export function isLongCode(bytes: Uint8Array): boolean {
  const [access, flags] = [bytes[ACCESS_BYTE], bytes[FLAGS_BYTE]];
  return (access & NOT_SYSTEM) !== 0 && (access & CODE) !== 0 && (flags & (LONG | DEFAULT_SIZE)) === LONG;
}

/**
 * Says what a descriptor is of.
 *
 * @param bytes Its 8 bytes.
 * @returns Such as "a data segment" and "a 32-bit code segment".
 */
export function descriptorKind(bytes: Uint8Array): string {
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
