/**
 * The context of a load: what stages read, and what each of them adds to it.
 *
 * @module
 */

import type { AddressSpace } from "../address_space/address_space.ts";
import type { Diagnostic } from "../diagnostics.ts";
import type { FileHeader } from "../elf/file_header.ts";
import type { ProgramHeader, Segment } from "../elf/program_header.ts";
import type { Intake } from "../intake/intake.ts";
import type { UsedLevel4Entries } from "../paging/used_level4_entries.ts";
import type { Rules } from "../rules.ts";
import type { LoadSettings } from "./settings.ts";

/** Where a position-independent kernel is to be placed. */
export type Placement = NonNullable<Context["placement"]>;

/** Everything that the built-in stages and plugins put into the context. */
export interface Context {
  /** The rule set. */
  readonly rules: Rules;
  /** The caller's options. */
  readonly settings: LoadSettings;
  /** The file's bytes, as they arrive. */
  readonly intake: Intake;
  /** Takes a diagnostic. */
  readonly report: (diagnostic: Diagnostic) => void;
  /** What plugins ask for headers of this type in files for this machine; `undefined` if none claims it. */
  readonly claimOn: (p_type: number, e_machine: number) => Segment["claim"];
  /** The most bytes of memory that plugins and stages say they will take for this file. */
  readonly takes: (file: TakesFor) => number;

  /** The ELF file header, as it stands in the file; added by parse. */
  readonly fileHeader: FileHeader;
  /** The program headers, in table order, as they stand in the file; added by parse. */
  readonly programHeaders: readonly ProgramHeader[];

  /** Where a stage before sanity-check wants a position-independent kernel; `undefined` for fixed addresses. */
  readonly placement: {
    /** Added to every `p_vaddr`; negative for a kernel that is placed below the address it was linked for. */
    readonly offset: bigint;
  } | undefined;
  /** Number of the file's bytes, from the first, that a stage before the segments wants to be kept at least. */
  readonly keepUntil: number;

  /** The program headers, in table order, checked by the rule set; added by sanity-check. */
  readonly segments: readonly Segment[];
  /** What is added to every `p_vaddr`, modulo 2^64: 0, or the base of an `ET_DYN` kernel; added by sanity-check. */
  readonly virtualAddressOffset: bigint;
  /** The same before it is taken modulo 2^64. */
  readonly signedOffset: bigint;
  /** Virtual address of the entry point, the offset included; added by sanity-check. */
  readonly entryPoint: bigint;
  /** Low 48 bits of the start of each page that several segments share and that is to be merged. */
  readonly sharedPages: ReadonlySet<number>;
  /**
   * By header index, the file pages that a segment must not share with another, ascending: file offsets of the first
   * byte and after the last byte of each range, multiples of 4096.
   */
  readonly unsharedPages: ReadonlyMap<number, readonly { readonly start: number; readonly end: number }[]>;

  /** Memory, frames, page tables and free level-4 entries; provided by the loop over the program headers. */
  readonly addressSpace: AddressSpace;
  /** Number of file bytes that are kept, from the first; provided by the loop. */
  readonly keptBytes: number;
  /**
   * Waits for the file bytes of a program header and returns a view of them in physical memory; provided by the loop.
   * Throws a `LoadError` "segment-out-of-file" if the source ends before.
   */
  readonly fileBytes: (phdr: ProgramHeader) => Promise<Uint8Array>;
  /** v0.11 of the original: clears the marks on copied pages; from then on, pages are known by their frames. */
  readonly endMarks: () => void;

  /** The TLS template of the one `PT_TLS` header; added by tls-extract. */
  readonly tlsTemplate: TlsTemplate;
  /** The level-4 entries that the kernel uses, 0 included; added by l4-usage. */
  readonly usedLevel4Entries: UsedLevel4Entries;
}

/** What every stage can read. */
export type Base = Pick<Context, "rules" | "settings" | "intake" | "report" | "claimOn" | "takes">;

/** What parse adds. */
export type Parsed = Pick<Context, "fileHeader" | "programHeaders">;

/** What a stage that places position-independent kernels adds. */
export type Placed = Pick<Context, "placement">;

/** What a stage before the segments adds if it needs more of the file than they do. */
export type Kept = Pick<Context, "keepUntil">;

/** What sanity-check adds. */
export type Checked = Pick<
  Context,
  "segments" | "virtualAddressOffset" | "signedOffset" | "entryPoint" | "sharedPages" | "unsharedPages"
>;

/** A range of the file, in whole pages. */
export type FilePages = NonNullable<ReturnType<Checked["unsharedPages"]["get"]>>[number];

/** What the loop over the program headers provides for the stages in it, and leaves behind. */
export type Loading = Pick<Context, "addressSpace" | "keptBytes" | "fileBytes" | "endMarks">;

/** What tls-extract adds. */
export type TlsExtracted = Pick<Context, "tlsTemplate">;

/** What l4-usage adds. */
export type Level4Used = Pick<Context, "usedLevel4Entries">;

/** What plugins and stages are asked with before memory is sized: how many bytes will you take at most? */
export type TakesFor = Pick<Context, "rules" | "fileHeader" | "segments" | "keptBytes">;

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
