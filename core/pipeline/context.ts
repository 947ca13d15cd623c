/**
 * The context of a load: what stages read, and what each of them adds to it.
 *
 * @module
 */

import type { AddressSpace } from "../address_space/address_space.ts";
import type { Report } from "../diagnostics.ts";
import type { FileHeader } from "../elf/file_header.ts";
import type { HeaderClaim, ProgramHeader, Segment } from "../elf/program_header.ts";
import type { Intake } from "../intake/intake.ts";
import type { UsedLevel4Entries } from "../paging/used_level4_entries.ts";
import type { Rules } from "../rules.ts";
import type { LoadSettings } from "./settings.ts";

/** What every stage can read. */
export interface Base {
  /** The rule set. */
  readonly rules: Rules;
  /** The caller's options. */
  readonly settings: LoadSettings;
  /** The file's bytes, as they arrive. */
  readonly intake: Intake;
  /** Takes a diagnostic. */
  readonly report: Report;
  /** What plugins ask for headers of this type in files for this machine; `undefined` if none claims it. */
  readonly claimOn: (p_type: number, e_machine: number) => HeaderClaim | undefined;
  /** The most bytes of memory that plugins and stages say they will take for this file. */
  readonly takes: (file: TakesFor) => number;
}

/** What parse adds. */
export interface Parsed {
  /** The ELF file header, as it stands in the file. */
  readonly fileHeader: FileHeader;
  /** The program headers, in table order, as they stand in the file. */
  readonly programHeaders: readonly ProgramHeader[];
}

/** Where a stage before sanity-check wants a position-independent kernel. */
export interface Placement {
  /** Added to every `p_vaddr`; negative for a kernel that is placed below the address it was linked for. */
  readonly offset: bigint;
  /** Level-4 entries that the kernel's whole extent takes. */
  readonly level4Entries: readonly number[];
}

/** What a stage that places position-independent kernels adds. */
export interface Placed {
  /** The place; `undefined` for a kernel with fixed addresses. */
  readonly placement: Placement | undefined;
}

/** What a stage before the segments adds if it needs more of the file than they do. */
export interface Kept {
  /** Number of the file's bytes, from the first, that are to be kept at least. */
  readonly keepUntil: number;
}

/** A range of the file. */
export interface FilePages {
  /** File offset of its first byte, a multiple of 4096. */
  readonly start: number;
  /** File offset after its last byte, a multiple of 4096. */
  readonly end: number;
}

/** What sanity-check adds. */
export interface Checked {
  /** The program headers, in table order, checked by the rule set. */
  readonly segments: readonly Segment[];
  /** What is added to every `p_vaddr`, modulo 2^64: 0, or the base of an `ET_DYN` kernel. */
  readonly virtualAddressOffset: bigint;
  /** The same before it is taken modulo 2^64. */
  readonly signedOffset: bigint;
  /** Virtual address of the entry point, the offset included. */
  readonly entryPoint: bigint;
  /** Low 48 bits of the start of each page that several segments share and that is to be merged. */
  readonly sharedPages: ReadonlySet<number>;
  /** By header index, the file pages that a segment must not share with another, ascending. */
  readonly unsharedPages: ReadonlyMap<number, readonly FilePages[]>;
}

/** What plugins and stages are asked before memory is sized. */
export interface TakesFor {
  /** The rule set. */
  readonly rules: Rules;
  /** The ELF file header. */
  readonly fileHeader: FileHeader;
  /** The segments. */
  readonly segments: readonly Segment[];
}

/** What the loop over the program headers provides for the stages in it, and leaves behind. */
export interface Loading {
  /** Memory, frames, page tables and free level-4 entries. */
  readonly addressSpace: AddressSpace;
  /** Number of file bytes that are kept, from the first. */
  readonly keptBytes: number;
  /**
   * Waits for the file bytes of a program header and returns a view of them in physical memory. Throws a `LoadError`
   * "segment-out-of-file" if the source ends before.
   */
  readonly fileBytes: (phdr: ProgramHeader) => Promise<Uint8Array>;
  /** v0.11 of the original: clears the marks on copied pages; from then on, pages are known by their frames. */
  readonly endMarks: () => void;
}

/** A template for thread-local storage: what each thread's block starts with. */
export interface TlsTemplate {
  /** Virtual address of its first byte. */
  readonly startAddr: bigint;
  /** Number of bytes to copy. */
  readonly fileSize: bigint;
  /** Number of bytes in all; those past `fileSize` are zero. */
  readonly memSize: bigint;
  /** Alignment of each thread's block, in bytes. */
  readonly align: bigint;
}

/** What tls-extract adds. */
export interface TlsExtracted {
  /** The TLS template of the one `PT_TLS` header. */
  readonly tlsTemplate: TlsTemplate;
}

/** What l4-usage adds. */
export interface Level4Used {
  /** The level-4 entries that the kernel uses, 0 included. */
  readonly usedLevel4Entries: UsedLevel4Entries;
}

/** Everything that the built-in stages and plugins put into the context. */
export interface Context extends Base, Parsed, Placed, Kept, Checked, Loading, TlsExtracted, Level4Used {}
