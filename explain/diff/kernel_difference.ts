/**
 * How two kernels, or any page tables, differ.
 *
 * @module
 */

import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import type { PageSize } from "../../core/paging/entry.ts";
import type { TlsTemplate } from "../../core/pipeline/context.ts";
import type { NamedPlace } from "../address/address_explanation.ts";
import type { MapPermissions } from "../map/address_map.ts";
import type { EntryFlag } from "../tables/decode_entry.ts";

/** The first items of a list, and how many more there are. */
export interface Limited<T> {
  /** The first items. */
  readonly items: readonly T[];
  /** Number of items that were left out. */
  readonly more: number;
}

/** One of the two that are compared. */
export type Side = "a" | "b";

/** An address in A, and the one that it is matched with in B. */
export interface MatchedAddress {
  /** The virtual address in A, of 64 bits. */
  readonly address: bigint;
  /** The virtual address in B, if it differs. */
  readonly addressInB?: bigint;
}

/** A level-4 entry that differs in its flags, or that only one side has. */
export interface Level4Difference {
  /** Index in the table. */
  readonly index: number;
  /** The first virtual address that it is for. */
  readonly address: bigint;
  /** Whether A lacks it, B lacks it, or its flags differ. */
  readonly kind: "added" | "removed" | "changed";
  /** The entry of A, if it is present. */
  readonly a?: bigint;
  /** The entry of B, if it is present. */
  readonly b?: bigint;
  /** Flags of A's entry that B's does not have; none if one of them is not present. */
  readonly lost: readonly EntryFlag[];
  /** Flags of B's entry that A's does not have; none if one of them is not present. */
  readonly gained: readonly EntryFlag[];
}

/** How one side maps a run of pages. */
export interface MappedSide {
  /** Physical address of the first page. */
  readonly physical: number;
  /** Size in bytes of each page. */
  readonly pageSize: PageSize;
  /** What all levels allow together, such as "R-X". */
  readonly permissions: MapPermissions;
  /** Whether all levels allow user mode. */
  readonly user: boolean;
  /** Flags of the leaf entries. */
  readonly flags: readonly EntryFlag[];
  /** What the frames are for, if that is known and the pages are of 4 KiB. */
  readonly owner?: FrameOwner;
}

/** A run of pages that only one side maps, or that both map in different ways. */
export interface MappingDifference extends MatchedAddress {
  /** Whether A lacks the pages, B lacks them, or they differ. */
  readonly kind: "added" | "removed" | "changed";
  /** Number of bytes. */
  readonly size: number;
  /** How A maps them; absent if it does not. */
  readonly a?: MappedSide;
  /** How B maps them; absent if it does not. */
  readonly b?: MappedSide;
  /** Flags of A's leaf entries that B's do not have, if both map them. `HUGE_PAGE` is the size of the pages. */
  readonly lost: readonly EntryFlag[];
  /** Flags of B's leaf entries that A's do not have, if both map them. */
  readonly gained: readonly EntryFlag[];
  /** Index of the program header of the first segment in the run, if there is one: of A if it maps the run. */
  readonly segment?: number;
  /** The same in B, if both map the run and it is another one. */
  readonly segmentInB?: number;
  /** The sections in the run, ascending; at most eight, and none without symbols: of A if it maps the run. */
  readonly sections: readonly string[];
  /** The same in B, if both map the run and they are not the same. */
  readonly sectionsInB?: readonly string[];
  /** The symbol that contains the first byte, if symbols were given and there is one. */
  readonly symbol?: NamedPlace;
}

/** The mappings that differ. */
export interface MappingDifferences extends Limited<MappingDifference> {
  /** Number of bytes that both sides map. */
  readonly both: number;
  /** Number of bytes that only B maps. */
  readonly added: number;
  /** Number of bytes that only A maps. */
  readonly removed: number;
  /** Number of bytes that both map in different ways. */
  readonly changed: number;
  /** Number of bytes in pages that differ in `ACCESSED` or `DIRTY`, and in nothing else about their mapping. */
  readonly accessed: number;
}

/** What contains a byte on one side. */
export interface PlaceNames {
  /** Index of the program header of the segment that it is in, if there is one. */
  readonly segment?: number;
  /** Name of the section that it is in, if symbols were given and there is one. */
  readonly section?: string;
  /** The symbol that it is in, if symbols were given and there is one. */
  readonly symbol?: NamedPlace;
}

/**
 * A range of bytes that differ. Up to 15 bytes between two that differ may be equal; sections and symbols end it. The
 * names are those of A, or those of B if A has no such names at all.
 */
export interface ByteDifference extends MatchedAddress, PlaceNames {
  /** Number of bytes from the first that differs to the last. */
  readonly size: number;
  /** Number of bytes in it that differ. */
  readonly differing: number;
  /** The first bytes of it in A, at most eight. */
  readonly a: Uint8Array;
  /** The first bytes of it in B, as many. */
  readonly b: Uint8Array;
  /** The names of its first byte in B, if B has names and they are not the same. */
  readonly inB?: PlaceNames;
  /** If it is in no segment, the index of the program header of the first one in the same page, if there is one. */
  readonly pageOf?: number;
}

/** The bytes that differ in something that has a name. */
export interface NamedDifference extends MatchedAddress {
  /** The name of a section or symbol, or "LOAD" and other types of segments: in A, or else in B. */
  readonly name: string;
  /** For a segment, the index of its program header. */
  readonly segment?: number;
  /** The side that the name is of, if the other one has names, but none there. */
  readonly side?: Side;
  /** The name in B, if both sides have something there that is not the same. */
  readonly nameInB?: string;
  /** Of a segment in B, the index of its program header, if both sides have something there that is not the same. */
  readonly segmentInB?: number;
  /** True if what has the name starts at another place in B, so that the bytes are not at the same one in it. */
  readonly moved?: true;
  /** Number of bytes that differ. The address is that of the first. */
  readonly differing: number;
}

/** The first byte that differs. */
export interface FirstDifference extends MatchedAddress {
  /** The byte in A. */
  readonly a: number;
  /** The byte in B. */
  readonly b: number;
}

/** The bytes that differ in pages that both sides map. */
export interface ContentDifferences {
  /** Number of bytes compared. Frames that are mapped at several addresses are compared once. */
  readonly compared: number;
  /** Number of bytes in page tables. They are not compared as bytes: what they map is. */
  readonly tables: number;
  /** Number of bytes that differ, without those of words that moved. */
  readonly differing: number;
  /**
   * Number of bytes that differ in no segment, such as those after the end of a segment in its last page; 0 if neither
   * side is a kernel.
   */
  readonly outside: number;
  /** Number of 8-byte words that differ by exactly as much as the addresses of the kernels do. */
  readonly movedWords: number;
  /** Number of bytes that differ in a section of either side, if symbols were given. */
  readonly inSections: number;
  /** The first byte that differs, in the order of comparison: the kernels' segments come first. */
  readonly first?: FirstDifference;
  /** The ranges that differ. */
  readonly ranges: Limited<ByteDifference>;
  /** The segments that have bytes which differ. */
  readonly segments: Limited<NamedDifference>;
  /** The sections that have bytes which differ, if symbols were given. */
  readonly sections: Limited<NamedDifference>;
  /** The symbols that have bytes which differ, if symbols were given. */
  readonly symbols: Limited<NamedDifference>;
}

/** Addresses that go through the same tables as others, on both sides, so that the same differs there. */
export interface RepeatedRange extends MatchedAddress {
  /** Number of bytes. */
  readonly size: number;
  /** The address in A of the range where the differences are listed. */
  readonly as: bigint;
}

/** A range that could not be compared. */
export interface UnknownRange extends MatchedAddress {
  /** The side that lacks what is needed. */
  readonly side: Side | "both";
  /** Whether a page table or the content of pages is in unknown memory. */
  readonly what: "table" | "content";
  /** Number of bytes. */
  readonly size: number;
}

/** A symbol that only one file has, or that has another size in the other. */
export interface NameDifference {
  /** Whether A lacks it, B lacks it, or its size differs. */
  readonly kind: "added" | "removed" | "resized";
  /** Its name. */
  readonly name: string;
  /** Where it is in A's file, as linked; absent if it is not. */
  readonly a?: { readonly address: bigint; readonly size: bigint };
  /** Where it is in B's file, as linked; absent if it is not. */
  readonly b?: { readonly address: bigint; readonly size: bigint };
}

/** The symbols that differ, by name: if several have one name, A's first is compared with B's first, and so on. */
export interface NameDifferences extends Limited<NameDifference> {
  /** Number of symbols that only B has. */
  readonly added: number;
  /** Number of symbols that only A has. */
  readonly removed: number;
  /** Number of symbols whose size differs. */
  readonly resized: number;
  /** Number of symbols of the same size at other addresses, as linked. */
  readonly moved: number;
}

/** A fact about the kernels that differs. */
export type FactDifference =
  | {
    /** The entry point, or what was added to every `p_vaddr`. */
    readonly fact: "entryPoint" | "virtualAddressOffset";
    readonly a: bigint;
    readonly b: bigint;
  }
  | {
    /** The template for thread-local storage; `null` if there is none. */
    readonly fact: "tlsTemplate";
    readonly a: TlsTemplate | null;
    readonly b: TlsTemplate | null;
  }
  | {
    /** The number of levels of page tables. */
    readonly fact: "levels";
    readonly a: 4 | 5;
    readonly b: 4 | 5;
  };

/** How two kernels, or any page tables, differ. */
export interface KernelDifference {
  /** "moved" if nothing differs but the kernels' base, and what follows from it. */
  readonly verdict: "same" | "moved" | "different";
  /** Whether everything was compared. False if the tables map too much, because they share tables with one another. */
  readonly complete: boolean;
  /**
   * How addresses are matched. "plain": equal addresses. "linked": of two position-independent kernels with different
   * bases, addresses in segments are matched by those that they were linked for, and all others by their value.
   */
  readonly addresses: "plain" | "linked";
  /** What is added to an address in A's segments for the address in B; 0 for plain addresses. */
  readonly distance: bigint;
  /** The facts about the kernels that differ. */
  readonly facts: readonly FactDifference[];
  /** The level-4 entries that differ, by index: that is where both have different bases. */
  readonly level4: Limited<Level4Difference>;
  /** The mappings that differ. */
  readonly mappings: MappingDifferences;
  /** The bytes that differ. */
  readonly content: ContentDifferences;
  /** The symbols that differ, if those of both were given. They do not count for the verdict: memory does. */
  readonly names?: NameDifferences;
  /** Ranges that go through the same tables as others. */
  readonly repeated: Limited<RepeatedRange>;
  /** What could not be compared. */
  readonly unknown: Limited<UnknownRange>;
}
