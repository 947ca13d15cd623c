/**
 * The reasons why nothing is mapped at an address.
 *
 * @module
 */

import type { TableLevel } from "../tables/table_set.ts";

/** Nothing is mapped: an entry is not present. */
export interface AbsentReason {
  /** What the reason is. */
  readonly kind: "absent";
  /** Level of the table. */
  readonly level: TableLevel;
  /** Physical address of the table. */
  readonly table: number;
  /** Index of the entry. */
  readonly entry: number;
  /** The bit that is missing. */
  readonly bit: "PRESENT";
}

/** Nothing is mapped: an entry has reserved bits set, so an access raises a page fault. */
export interface ReservedReason {
  /** What the reason is. */
  readonly kind: "reserved";
  /** Level of the table. */
  readonly level: TableLevel;
  /** Physical address of the table. */
  readonly table: number;
  /** Index of the entry. */
  readonly entry: number;
}

/** What is mapped is not known: the memory with the next table is not. */
export interface UnknownReason {
  /** What the reason is. */
  readonly kind: "unknown";
  /** Level of the table. */
  readonly level: TableLevel;
  /** Its physical address. */
  readonly table: number;
}

/** The processor does not accept the address. */
export interface NotCanonicalReason {
  /** What the reason is. */
  readonly kind: "not-canonical";
  /** Number of the highest bit that is translated: 47 or, with five levels, 56. */
  readonly bit: 47 | 56;
  /** Its value, which the bits above it must have too. */
  readonly value: 0 | 1;
}

/** The loader was not asked to map it: no `PT_LOAD` header covers the address. */
export interface UncoveredReason {
  /** What the reason is. */
  readonly kind: "uncovered";
  /** Index of the nearest `PT_LOAD` header with memory. */
  readonly index: number;
  /** Whether the address is before its first or after its last byte. */
  readonly side: "before" | "after";
  /** Number of bytes from there: 1 for the byte next to the segment. */
  readonly distance: bigint;
}

/** A program header covers the address, but its page is not mapped, for example because it was unmapped later. */
export interface UnmappedReason {
  /** What the reason is. */
  readonly kind: "unmapped";
  /** Index of the program header. */
  readonly index: number;
}

/** A program header or section has the address, but is not loaded. */
export interface NotLoadedReason {
  /** What the reason is. */
  readonly kind: "not-loaded";
  /** Index of the program header, unless it is a section. */
  readonly index?: number;
  /** Name of the section, unless it is a program header. */
  readonly section?: string;
}

/** The address is in the physical range of a program header, which is not where it is mapped. */
export interface PhysicalRangeReason {
  /** What the reason is. */
  readonly kind: "physical-range";
  /** Index of the program header. */
  readonly index: number;
  /** The virtual address that `p_paddr` corresponds to. */
  readonly mappedAt: bigint;
}

/** The kernel was moved, and the address is one that it was linked for. */
export interface MovedReason {
  /** What the reason is. */
  readonly kind: "moved";
  /** Index of the program header. */
  readonly index: number;
  /** Where that byte is now. */
  readonly mappedAt: bigint;
}

/** The page right below the kernel stack, which is not mapped, so that an overflow faults. */
export interface GuardReason {
  /** What the reason is. */
  readonly kind: "guard";
  /** Virtual address of the lowest byte of the stack. */
  readonly bottom: bigint;
}

/** A PC has a device or firmware at this physical address, which is not mapped at its own address. */
export interface DeviceReason {
  /** What the reason is. */
  readonly kind: "device";
  /** What is there. */
  readonly what: "vga-text" | "video-memory" | "firmware" | "io-apic" | "local-apic";
}
