/**
 * The context of a load: what stages read from it and add to it.
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

/** Where to place a position-independent kernel. */
export type Placement = NonNullable<Context["placement"]>;

/** Everything that the loader, its stages and the built-in plugins put into the context. */
export interface Context {
  /** The rule set. */
  readonly rules: Rules;
  /** The caller's options. */
  readonly settings: LoadSettings;
  /** The file's bytes, as they arrive. */
  readonly intake: Intake;
  /**
   * For long work: call it between steps of at most a few milliseconds, and await what it returns. Every 20 ms that is
   * a promise of the next turn of the event loop, which rejects after an abort; otherwise it is `undefined`.
   */
  readonly pause: () => Promise<void> | undefined;
  /** Reports a diagnostic. */
  readonly report: (diagnostic: Diagnostic) => void;
  /** What plugins ask for headers of this type, in files for this machine; `undefined` if no plugin claims them. */
  readonly claimOn: (p_type: number, e_machine: number) => Segment["claim"];
  /** The most bytes of memory that plugins and stages will take for this file. */
  readonly takes: (file: TakesFor) => number;

  /** The ELF file header, as it is in the file; added by parse. */
  readonly fileHeader: FileHeader;
  /** The program headers, in table order, as they are in the file; added by parse. */
  readonly programHeaders: readonly ProgramHeader[];

  /** Where a stage before sanity-check places a position-independent kernel; `undefined` if it does not. */
  readonly placement: {
    /** Added to every `p_vaddr`; negative for a kernel placed below the address it was linked for. */
    readonly offset: bigint;
  } | undefined;
  /** Number of bytes from the start of the file that a stage before the segments needs to be kept. */
  readonly keepUntil: number;

  /** The program headers, in table order, checked by the rule set; added by sanity-check. */
  readonly segments: readonly Segment[];
  /** What is added to every `p_vaddr`, modulo 2^64: 0, or the base of an `ET_DYN` kernel; added by sanity-check. */
  readonly virtualAddressOffset: bigint;
  /** The same, before reduction modulo 2^64; added by sanity-check. */
  readonly signedOffset: bigint;
  /** Virtual address of the entry point, including the offset; added by sanity-check. */
  readonly entryPoint: bigint;
  /** Low 48 bits of the start of each page to be merged because several segments share it; added by sanity-check. */
  readonly sharedPages: ReadonlySet<number>;
  /**
   * The file pages that a segment must not share with another, by header index, ascending. Each range has the file
   * offsets of its start and end, multiples of 4096. Added by sanity-check.
   */
  readonly unsharedPages: ReadonlyMap<number, readonly { readonly start: number; readonly end: number }[]>;

  /** Memory, frames, page tables and free level-4 entries; provided by the loop over the program headers. */
  readonly addressSpace: AddressSpace;
  /** Number of bytes kept from the start of the file; provided by the loop. */
  readonly keptBytes: number;
  /**
   * Waits for the file bytes of a program header and returns a view of them in physical memory; provided by the loop.
   * Throws a `LoadError` "segment-out-of-file" if the source ends too early.
   */
  readonly fileBytes: (phdr: ProgramHeader) => Promise<Uint8Array>;
  /**
   * v0.11 of the original: clears the marks on copied pages. From then on, copies are recognized by their frames.
   * Returns `undefined` if no marks are in use: under other rules, or after the first call. Provided by the loop.
   */
  readonly endMarks: () => Promise<void> | undefined;

  /** The TLS template of the one `PT_TLS` header; added by tls-extract. */
  readonly tlsTemplate: TlsTemplate;
  /** The level-4 entries in use, including entry 0; added by l4-usage. */
  readonly usedLevel4Entries: UsedLevel4Entries;
}

/**
 * An empty context. It has every name from the start: an object to which names are added one by one takes several times
 * the memory.
 */
export const EMPTY_CONTEXT: { readonly [K in keyof Context]: undefined } = {
  rules: undefined,
  settings: undefined,
  intake: undefined,
  pause: undefined,
  report: undefined,
  claimOn: undefined,
  takes: undefined,
  fileHeader: undefined,
  programHeaders: undefined,
  placement: undefined,
  keepUntil: undefined,
  segments: undefined,
  virtualAddressOffset: undefined,
  signedOffset: undefined,
  entryPoint: undefined,
  sharedPages: undefined,
  unsharedPages: undefined,
  addressSpace: undefined,
  keptBytes: undefined,
  fileBytes: undefined,
  endMarks: undefined,
  tlsTemplate: undefined,
  usedLevel4Entries: undefined,
};

/** What every stage can read. */
export type Base = Pick<Context, "rules" | "settings" | "intake" | "pause" | "report" | "claimOn" | "takes">;

/** What parse adds. */
export type Parsed = Pick<Context, "fileHeader" | "programHeaders">;

/** What a stage that places position-independent kernels adds. */
export type Placed = Pick<Context, "placement">;

/** What a stage before the segments adds if it needs more of the file than the segments do. */
export type Kept = Pick<Context, "keepUntil">;

/** What sanity-check adds. */
export type Checked = Pick<
  Context,
  "segments" | "virtualAddressOffset" | "signedOffset" | "entryPoint" | "sharedPages" | "unsharedPages"
>;

/** A range of the file, in whole pages. */
export type FilePages = NonNullable<ReturnType<Checked["unsharedPages"]["get"]>>[number];

/** What the loop over the program headers provides to the stages in it and after it. */
export type Loading = Pick<Context, "addressSpace" | "keptBytes" | "fileBytes" | "endMarks">;

/** What tls-extract adds. */
export type TlsExtracted = Pick<Context, "tlsTemplate">;

/** What l4-usage adds. */
export type Level4Used = Pick<Context, "usedLevel4Entries">;

/** What `takes` functions get before memory is sized. */
export type TakesFor = Pick<Context, "rules" | "fileHeader" | "segments" | "keptBytes">;

/** A template for thread-local storage: the initial content of each thread's block. */
export interface TlsTemplate {
  /** Virtual address of its first byte. */
  readonly startAddr: bigint;
  /** Number of bytes to copy. */
  readonly fileSize: bigint;
  /** Total number of bytes; those past `fileSize` are zero. */
  readonly memSize: bigint;
  /** Alignment of each thread's block, in bytes. */
  readonly align: bigint;
}
