/**
 * The reasons for what is at an address.
 *
 * @module
 */

import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import type { TableLevel } from "../tables/table_set.ts";

/** The page is the file's own page in memory: nothing was copied. */
export interface MappedReason {
  readonly kind: "mapped";
  /** Index of the program header that maps the page. */
  readonly index: number;
  /** File offset of the byte. */
  readonly fileOffset: number;
}

/**
 * Why a page is a copy. "bss": the bss begins in it. "merged": several segments have bytes in it. "shared": another
 * segment maps the page of the file too, and one of them may write to it. "misaligned": the segment's bytes are at
 * other places in their pages than in the file. "written": something was written to it during the load.
 */
export type CopyCause = "bss" | "merged" | "shared" | "misaligned" | "written";

/** The page is a copy of one of the file, or was composed of several. */
export interface CopiedReason {
  readonly kind: "copied";
  /** Index of the program header that maps the page; of several, the first. */
  readonly index: number;
  /** Why it was copied. */
  readonly because: CopyCause;
  /** Indices of the other program headers that the cause is about, ascending. */
  readonly others: readonly number[];
}

/** The byte was copied from the file. */
export interface LoadedReason {
  readonly kind: "loaded";
  /** Index of the program header whose byte it is. */
  readonly index: number;
  /** File offset of the byte. */
  readonly fileOffset: number;
}

/** The byte is zero because its segment is larger in memory than in the file. */
export interface ZeroedReason {
  readonly kind: "zeroed";
  /** Index of the program header. */
  readonly index: number;
  /** "page": the page has no byte of the file. "tail": it is the rest of the page in which the bss begins. */
  readonly part: "page" | "tail";
}

/** The byte belongs to no segment: it is there because whole pages are mapped. */
export interface OutsideReason {
  readonly kind: "outside";
  /** Index of the program header that the page is mapped for. */
  readonly index: number;
  /** Whether the byte is before the first or after the last byte of the segment. */
  readonly side: "before" | "after";
  /** Number of bytes from there: 1 for the byte next to the segment. */
  readonly distance: number;
  /** Whether the byte is the file's, or zero because the page was filled with zeros. */
  readonly content: "file" | "zeros";
  /** File offset of the byte, if it is the file's. */
  readonly fileOffset?: number;
}

/** The rule set maps the file's pages although address and offset differ modulo 4096. */
export interface MisplacedReason {
  readonly kind: "misplaced";
  /** Index of the program header. */
  readonly index: number;
  /** File offset of the byte that the header asks for at this address. */
  readonly wanted: number;
}

/** The byte was written by a relocation, and still has that value. */
export interface RelocatedReason {
  readonly kind: "relocated";
  /** Name of the relocation table: its section such as ".rela.dyn" or, if unknown, its tag such as "DT_RELA". */
  readonly table: string;
  /** Index of the entry in it. */
  readonly entry: number;
  /** Name of the relocation's type, such as "R_X86_64_RELATIVE"; "RELR" of an entry of `DT_RELR`. */
  readonly type: string;
  /** Name of the symbol that it refers to, if it has one. */
  readonly symbol?: string;
  /** What was added; of `DT_RELR`, the value that was there. */
  readonly addend: bigint;
  /** Address of the first byte that was written. */
  readonly place: bigint;
  /** The 64 bits that were written. */
  readonly value: bigint;
}

/** The byte differs from what the load put there, and no relocation explains it. */
export interface ChangedReason {
  readonly kind: "changed";
  /** What the load put there. */
  readonly was: number;
  /** What is there. */
  readonly is: number;
}

/** The byte was filled with random bytes (`PT_OPENBSD_RANDOMIZE`). */
export interface RandomizedReason {
  readonly kind: "randomized";
}

/** The page lost write permission after relocation. */
export interface SealedReason {
  readonly kind: "sealed";
  /** Index of the `PT_GNU_RELRO` header. */
  readonly index: number;
}

/** A `PT_GNU_RELRO` header covers the page, which stayed writable because it holds other writable data. */
export interface UnsealedReason {
  readonly kind: "unsealed";
  /** Index of the `PT_GNU_RELRO` header. */
  readonly index: number;
}

/** The page is both writable and executable, as its program headers ask. */
export interface WriteExecuteReason {
  readonly kind: "write-execute";
  /** Indices of the program headers: one that asks for both, or several whose pages were merged. */
  readonly indices: readonly number[];
}

/** The byte is in the template for thread-local storage. */
export interface TlsReason {
  readonly kind: "tls";
  /** Index of the `PT_TLS` header. */
  readonly index: number;
  /** Number of bytes from the start of the template. */
  readonly offset: number;
}

/** The leaf entry still has the mark that v0.11 of the original sets on copies during a load. */
export interface MarkedReason {
  readonly kind: "marked";
}

/** The frame was taken by a plugin, or for a part that was added after the load. */
export interface MadeReason {
  readonly kind: "made";
  /** The owner that it was taken under, such as "kernel-stack". */
  readonly owner: FrameOwner;
}

/** The plugin sections mapped this page of the file. */
export interface SectionReason {
  readonly kind: "section";
  /** Name of the section that contains the byte, if one of those that were chosen does. */
  readonly name?: string;
  /** File offset of the byte. */
  readonly fileOffset: number;
}

/** The page maps physical memory for no program header. */
export interface PhysicalReason {
  readonly kind: "physical";
  /** Physical address of the byte. */
  readonly physical: number;
  /**
   * How: "direct-map": at the offset of the direct map. "identity": the address is the physical one. "recursive": the
   * walk goes through a level-4 entry that points to the level-4 table itself. "other": otherwise.
   */
  readonly through: "direct-map" | "identity" | "recursive" | "other";
  /** What the frame is for, if that is known. */
  readonly owner?: FrameOwner;
  /** File offset of the byte, if the frame holds bytes of the file. */
  readonly fileOffset?: number;
}

/** The frame is a page table. */
export interface TableReason {
  readonly kind: "table";
  /** Level of the table. */
  readonly level: TableLevel;
  /** Index of the entry that the byte is in. */
  readonly entry: number;
  /** The first virtual address that this entry covers. */
  readonly covers: bigint;
}

/** Nothing is mapped: an entry is not present. */
export interface AbsentReason {
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
  readonly kind: "unknown";
  /** Level of the table. */
  readonly level: TableLevel;
  /** Its physical address. */
  readonly table: number;
}

/** The processor does not accept the address. */
export interface NotCanonicalReason {
  readonly kind: "not-canonical";
  /** Number of the highest bit that is translated: 47 or, with five levels, 56. */
  readonly bit: 47 | 56;
  /** Its value, which the bits above it must have too. */
  readonly value: 0 | 1;
}

/** The loader was not asked to map it: no `PT_LOAD` header covers the address. */
export interface UncoveredReason {
  readonly kind: "uncovered";
  /** Index of the nearest `PT_LOAD` header with memory. */
  readonly index: number;
  /** Whether the address is before its first or after its last byte. */
  readonly side: "before" | "after";
  /** Number of bytes from there: 1 for the byte next to the segment. */
  readonly distance: bigint;
}

/** A program header or section has the address, but is not loaded. */
export interface NotLoadedReason {
  readonly kind: "not-loaded";
  /** Index of the program header, unless it is a section. */
  readonly index?: number;
  /** Name of the section, unless it is a program header. */
  readonly section?: string;
}

/** The address is in the physical range of a program header, which is not where it is mapped. */
export interface PhysicalRangeReason {
  readonly kind: "physical-range";
  /** Index of the program header. */
  readonly index: number;
  /** The virtual address that `p_paddr` corresponds to. */
  readonly mappedAt: bigint;
}

/** The kernel was moved, and the address is one that it was linked for. */
export interface MovedReason {
  readonly kind: "moved";
  /** Index of the program header. */
  readonly index: number;
  /** Where that byte is now. */
  readonly mappedAt: bigint;
}

/** The page right below the kernel stack, which is not mapped, so that an overflow faults. */
export interface GuardReason {
  readonly kind: "guard";
  /** Virtual address of the lowest byte of the stack. */
  readonly bottom: bigint;
}

/** Physical memory that a PC has at this address, which is not mapped at its own address. */
export interface LowMemoryReason {
  readonly kind: "low-memory";
  /** What a PC has there: the VGA text buffer, other video memory or firmware, or memory and devices below 4 GiB. */
  readonly what: "vga-text" | "video-memory" | "firmware" | "memory";
}

/** One reason for what is at an address. */
export type Reason =
  & {
    /** The same in one sentence. */
    readonly message: string;
    /** What to do about it, if anything. */
    readonly hint?: string;
  }
  & (
    | MappedReason
    | CopiedReason
    | LoadedReason
    | ZeroedReason
    | OutsideReason
    | MisplacedReason
    | RelocatedReason
    | ChangedReason
    | RandomizedReason
    | SealedReason
    | UnsealedReason
    | WriteExecuteReason
    | TlsReason
    | MarkedReason
    | MadeReason
    | SectionReason
    | PhysicalReason
    | TableReason
    | AbsentReason
    | ReservedReason
    | UnknownReason
    | NotCanonicalReason
    | UncoveredReason
    | NotLoadedReason
    | PhysicalRangeReason
    | MovedReason
    | GuardReason
    | LowMemoryReason
  );
