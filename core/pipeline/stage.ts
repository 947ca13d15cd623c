/**
 * Stages: the steps of a load, and the context that they read and grow.
 *
 * @module
 */

import type { Report } from "../diagnostics.ts";
import type { FileHeader } from "../elf/file_header.ts";
import type { HeaderClaim, ProgramHeader, Segment } from "../elf/program_header.ts";
import type { Intake } from "../intake/intake.ts";
import type { FrameAllocator, FrameLedger } from "../memory/frame_allocator.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import type { Mapper } from "../paging/mapper.ts";
import type { UsedLevel4Entries } from "../paging/used_level4_entries.ts";
import type { Rules } from "../rules.ts";

/** The caller's options, checked and with their defaults. */
export interface LoadSettings {
  /** The caller's memory, where there is one. */
  readonly memory?: PhysicalMemory;
  /** Physical address of the memory's first byte. */
  readonly base: number;
  /** Size of the memory in bytes, where the caller gave one. */
  readonly size?: number;
  /** The most bytes of memory that are allocated. */
  readonly maxMemory: number;
  /** Physical address of the file's first byte. */
  readonly kernelOffset: number;
  /** Physical address of the level-4 table, where the caller gave one. */
  readonly level4Frame?: number;
  /** The caller's frame allocator, where there is one. */
  readonly frames?: FrameAllocator;
  /** Added to every `p_vaddr` of an `ET_DYN` kernel, where the caller gave one. */
  readonly kernelBase?: bigint;
}

/** What every stage can see. */
export interface Base {
  /** The rule set. */
  readonly rules: Rules;
  /** The caller's options. */
  readonly settings: LoadSettings;
  /** The file's bytes, as they arrive. */
  readonly intake: Intake;
  /** Takes a diagnostic. */
  readonly report: Report;
  /** How plugins claim headers of this type in files for this machine, where one does. */
  readonly claimOn: (p_type: number, e_machine: number) => HeaderClaim | undefined;
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
  /** Added to every `p_vaddr`; may be negative where a kernel is linked above the place that it gets. */
  readonly offset: bigint;
}

/** What a stage adds that places a position-independent kernel. */
export interface Placed {
  /** The place, where the kernel is one that can be placed. */
  readonly placement: Placement | undefined;
}

/** What a stage before the segments adds that needs more of the file than they do. */
export interface Kept {
  /** Number of the file's bytes, from the first on, that are to be kept at least. */
  readonly keepUntil: number;
}

/** What sanity-check adds. */
export interface Checked {
  /** The program headers, in table order, checked by the rule set. */
  readonly segments: readonly Segment[];
  /** What is added to every `p_vaddr`: 0, or the base of an `ET_DYN` kernel. */
  readonly virtualAddressOffset: bigint;
  /** The same before it is taken modulo 2^64: negative for a kernel that is placed below where it was linked. */
  readonly signedOffset: bigint;
  /** Virtual address of the entry point, the offset included. */
  readonly entryPoint: bigint;
  /** Low 48 bits of the start of each page that several segments share and that is to be merged. */
  readonly sharedPages: ReadonlySet<number>;
}

/** What the loop over the program headers provides for the stages in it, and leaves behind. */
export interface Loading {
  /** The physical memory. */
  readonly memory: PhysicalMemory;
  /** The frames, checked, zeroed and entered by their owner. */
  readonly frames: FrameLedger;
  /** The page tables in that memory. */
  readonly pageTable: Mapper;
  /** Number of file bytes that are kept, from the first on. */
  readonly keptBytes: number;
  /**
   * Waits for the file bytes of a program header and gives a view of them in physical memory. Throws a `LoadError`
   * "segment-out-of-file" where the source ends before.
   */
  readonly fileBytes: (phdr: ProgramHeader) => Promise<Uint8Array>;
}

/** What handlers of plugins add. */
export interface Reserved {
  /** The level-4 entries in use, with those that handlers have taken. */
  readonly reservedLevel4Entries: UsedLevel4Entries;
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

/**
 * A stage that runs once.
 *
 * `Needs` is the part of the context that it reads, `Adds` what it returns; their names stand in `needs` and `adds`
 * for the check at run time.
 */
export interface ImageStage<Needs, Adds, Name extends string = string> {
  /** Name in kebab-case, unique in a pipeline. */
  readonly name: Name;
  /** Names of what has to be in the context. */
  readonly needs: readonly (keyof Needs & string)[];
  /** Names of what it adds to the context. */
  readonly adds: readonly (keyof Adds & string)[];
  /** Does the work. */
  readonly run: (context: Needs) => Adds | Promise<Adds>;
}

/**
 * A stage that runs for each program header, in table order, after all the segment stages before it have run for that
 * header. It can rely on {@linkcode Loading}.
 */
export interface SegmentStage<Needs, Adds, Name extends string = string> {
  /** Name in kebab-case, unique in a pipeline. */
  readonly name: Name;
  /** Names of what has to be in the context. */
  readonly needs: readonly (keyof Needs & string)[];
  /** Names of what it may add to the context. */
  readonly adds: readonly (keyof Adds & string)[];
  /** Does the work for one program header. */
  readonly segment: (phdr: Segment, context: Needs) => Partial<Adds> | Promise<Partial<Adds>>;
}

/** Any stage that runs once. */
export interface AnyImageStage {
  /** Name in kebab-case. */
  readonly name: string;
  /** Names of what has to be in the context. */
  readonly needs: readonly string[];
  /** Names of what it adds. */
  readonly adds: readonly string[];
  /** Does the work. */
  readonly run: (context: never) => unknown;
}

/** Any stage that runs for each program header. */
export interface AnySegmentStage {
  /** Name in kebab-case. */
  readonly name: string;
  /** Names of what has to be in the context. */
  readonly needs: readonly string[];
  /** Names of what it may add. */
  readonly adds: readonly string[];
  /** Does the work for one program header. */
  readonly segment: (phdr: Segment, context: never) => unknown;
}

/** Any stage. */
export type Stage = AnyImageStage | AnySegmentStage;
