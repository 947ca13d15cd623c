/**
 * The reasons why a byte is where it is, and is what it is.
 *
 * @module
 */

import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import type { TableLevel } from "../tables/table_set.ts";

/** The page is the file's own page in memory: nothing was copied. */
export interface MappedReason {
  /** What the reason is. */
  readonly kind: "mapped";
  /** Index of the program header that maps the page. */
  readonly index: number;
  /** File offset of the byte. */
  readonly fileOffset: number;
}

/**
 * Why a page is a copy. "bss": the bss begins in it. "merged": several segments have bytes in it. "shared": another
 * segment maps the page of the file too, and one of them may write to it. "misaligned": the segment's bytes are at
 * other places in their pages than in the file. "written": something was written to it.
 */
export type CopyCause = "bss" | "merged" | "shared" | "misaligned" | "written";

/** The page is a copy of one of the file, or was composed of several. */
export interface CopiedReason {
  /** What the reason is. */
  readonly kind: "copied";
  /** Index of the program header that maps the page; the first, if there are several. */
  readonly index: number;
  /** Why it was copied. */
  readonly because: CopyCause;
  /** Indices of the other program headers that the cause is about, ascending. */
  readonly others: readonly number[];
}

/** The rule set put the page in the place of one that another segment had there. */
export interface ReplacedReason {
  /** What the reason is. */
  readonly kind: "replaced";
  /** Index of the program header that had the page. */
  readonly index: number;
  /** Index of the program header whose page it is now. */
  readonly by: number;
}

/** The byte was copied from the file. */
export interface LoadedReason {
  /** What the reason is. */
  readonly kind: "loaded";
  /** Index of the program header whose byte it is. */
  readonly index: number;
  /** File offset of the byte. */
  readonly fileOffset: number;
}

/** The byte is zero because its segment is larger in memory than in the file. */
export interface ZeroedReason {
  /** What the reason is. */
  readonly kind: "zeroed";
  /** Index of the program header. */
  readonly index: number;
  /** "page": the whole page was zeroed. "tail": the bss begins in a page with other bytes. */
  readonly part: "page" | "tail";
  /**
   * Index of the program header that has a byte of the file here, if the rule set zeroed all of the page after where
   * the other's bss begins.
   */
  readonly over?: number;
}

/** The byte belongs to no segment: it is there because whole pages are mapped. */
export interface OutsideReason {
  /** What the reason is. */
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
  /**
   * Why it is mapped. "whole-pages": the page has bytes of the segment. "extra-page": the rule set maps one page more
   * than the bss needs. "misaligned": the segment's bytes reach into more pages of the file than it has in memory.
   * "empty-part": the rule set maps a page of the file for a segment without file bytes.
   */
  readonly because: "whole-pages" | "extra-page" | "misaligned" | "empty-part";
}

/** The rule set maps the file's pages although address and offset differ modulo 4096. */
export interface MisplacedReason {
  /** What the reason is. */
  readonly kind: "misplaced";
  /** Index of the program header. */
  readonly index: number;
  /** File offset of the byte that the header asks for at this address; `null` if it asks for a zero. */
  readonly wanted: number | null;
}

/** A relocation entry for the word that the byte is in. */
export interface RelocationFacts {
  /** Name of the relocation table: its section such as ".rela.dyn" or, if unknown, its tag such as "DT_RELA". */
  readonly table: string;
  /** Index of the entry in it. */
  readonly entry: number;
  /** Name of the relocation's type, such as "R_X86_64_RELATIVE"; "RELR" of an entry of `DT_RELR`. */
  readonly type: string;
  /** Name of the symbol that it refers to, if it has one. */
  readonly symbol?: string;
  /** What is added; for `DT_RELR`, the value that is there before. */
  readonly addend: bigint;
  /** Address of the first byte of the word. */
  readonly place: bigint;
}

/** The byte was written by a relocation, and still has that value. */
export interface RelocatedReason extends RelocationFacts {
  /** What the reason is. */
  readonly kind: "relocated";
  /** The 64 bits that were written. */
  readonly value: bigint;
}

/** There is a relocation for the byte, but it was not applied. */
export interface NotRelocatedReason extends RelocationFacts {
  /** What the reason is. */
  readonly kind: "not-relocated";
}

/** The byte differs from what the load put there, and no relocation explains it. */
export interface ChangedReason {
  /** What the reason is. */
  readonly kind: "changed";
  /** What the load put there. */
  readonly was: number;
  /** What is there. */
  readonly is: number;
}

/** The byte was filled with random bytes (`PT_OPENBSD_RANDOMIZE`). */
export interface RandomizedReason {
  /** What the reason is. */
  readonly kind: "randomized";
}

/** The page lost write permission after relocation. */
export interface SealedReason {
  /** What the reason is. */
  readonly kind: "sealed";
  /** Index of the `PT_GNU_RELRO` header. */
  readonly index: number;
}

/** A `PT_GNU_RELRO` header covers the page, which stayed writable because it holds other writable data. */
export interface UnsealedReason {
  /** What the reason is. */
  readonly kind: "unsealed";
  /** Index of the `PT_GNU_RELRO` header. */
  readonly index: number;
}

/** The page is both writable and executable, as its program headers ask. */
export interface WriteExecuteReason {
  /** What the reason is. */
  readonly kind: "write-execute";
  /** Indices of the program headers: one that asks for both, or several whose pages were merged. */
  readonly indices: readonly number[];
}

/** An entry does not give a permission that a program header asks for, by the rule set. */
export interface DeniedReason {
  /** What the reason is. */
  readonly kind: "denied";
  /** Index of the program header. */
  readonly index: number;
  /** The permission. */
  readonly permission: "write" | "execute";
  /** Level of the table that the entry is in. */
  readonly level: TableLevel;
  /** Index of the entry. */
  readonly entry: number;
}

/** The byte is in the template for thread-local storage. */
export interface TlsReason {
  /** What the reason is. */
  readonly kind: "tls";
  /** Index of the `PT_TLS` header. */
  readonly index: number;
  /** Number of bytes from the start of the template. */
  readonly offset: number;
}

/** The leaf entry still has the mark that v0.11 of the original sets on copies during a load. */
export interface MarkedReason {
  /** What the reason is. */
  readonly kind: "marked";
}

/** The frame was taken by a plugin, or for a part that was added after the load. */
export interface MadeReason {
  /** What the reason is. */
  readonly kind: "made";
  /** The owner that it was taken under, such as "kernel-stack". */
  readonly owner: FrameOwner;
}

/** The plugin sections mapped this page of the file. */
export interface SectionReason {
  /** What the reason is. */
  readonly kind: "section";
  /** Name of the section that contains the byte, if one of those that were chosen does. */
  readonly name?: string;
  /** File offset of the byte. */
  readonly fileOffset: number;
}

/** The page maps physical memory for no program header. */
export interface PhysicalReason {
  /** What the reason is. */
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
  /** What the reason is. */
  readonly kind: "table";
  /** Level of the table. */
  readonly level: TableLevel;
  /** Index of the entry that the byte is in. */
  readonly entry: number;
  /** The first virtual address that this entry covers. */
  readonly covers: bigint;
}
