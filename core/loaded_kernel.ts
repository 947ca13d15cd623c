/**
 * What a load returns.
 *
 * @module
 */

import type { AddressSpace } from "./address_space/address_space.ts";
import type { Diagnostic } from "./diagnostics.ts";
import type { FileHeader } from "./elf/file_header.ts";
import type { ProgramHeader } from "./elf/program_header.ts";
import type { FrameRun } from "./memory/frame_allocator.ts";
import type { PhysicalMemory } from "./memory/physical_memory.ts";
import type { Mapping } from "./paging/listing.ts";
import type { Mapper } from "./paging/mapper.ts";
import type { UsedLevel4Entries } from "./paging/used_level4_entries.ts";
import type { Base, Checked, Level4Used, Loading, Parsed, TlsExtracted, TlsTemplate } from "./pipeline/context.ts";
import type { Grown } from "./pipeline/order.ts";
import type { Outcome } from "./pipeline/run_pipeline.ts";
import type { AddsOf, Stage } from "./pipeline/stage.ts";
import type { PluginEntry, PluginResults } from "./plugin/plugin.ts";
import type { RuleSetName } from "./rules.ts";
import type { DefaultStages } from "./stages/default_pipeline.ts";

/** A kernel in physical memory, with page tables. */
export interface LoadedKernel<P extends readonly PluginEntry[] = [], S extends readonly Stage[] = DefaultStages> {
  /** The rule set that it was loaded by. */
  readonly rules: RuleSetName;
  /** Virtual address of the entry point, including the offset. */
  readonly entryPoint: bigint;
  /** What was added to every `p_vaddr`, modulo 2^64; 0 for a kernel that was not moved. */
  readonly virtualAddressOffset: bigint;
  /** The template for thread-local storage, if the kernel has one. */
  readonly tlsTemplate?: TlsTemplate;
  /** The level-4 entries in use; also finds free ones. `undefined` if the pipeline has no l4-usage. */
  readonly usedLevel4Entries: number extends S["length"] ? UsedLevel4Entries
    : Grown<S> extends { readonly usedLevel4Entries: UsedLevel4Entries } ? UsedLevel4Entries
    : undefined;
  /** Physical address of the level-4 table: the value for CR3. */
  readonly level4Frame: number;
  /** Number of frames allocated so far, not counting a level-4 frame that the caller chose. */
  readonly framesAllocated: number;
  /** Physical address of the first frame that has not been handed out. */
  readonly nextFrame: number;
  /** The physical memory that holds everything. */
  readonly memory: PhysicalMemory;
  /** The page tables. */
  readonly pageTable: Mapper;
  /** Memory, frames, page tables and free level-4 entries as one object, for adding to the loaded kernel. */
  readonly addressSpace: AddressSpace;
  /**
   * Reads bytes at a virtual address through the page tables, across pages, and returns a copy. Throws a `LoadError`
   * "page-not-mapped", "frame-out-of-memory", "address-not-canonical" or "address-overflow".
   */
  readonly read: (virt: bigint, length: number) => Uint8Array;
  /** The mappings as merged runs, ascending by virtual address. */
  readonly mappings: () => Iterable<Mapping>;
  /** Every frame in use, as runs by owner: the file's bytes, page tables, copies, bss, and what was added later. */
  readonly frameRuns: () => readonly FrameRun[];
  /** The ELF file header. */
  readonly fileHeader: FileHeader;
  /** The program headers, in table order. */
  readonly programHeaders: readonly ProgramHeader[];
  /** Number of bytes taken from the source. */
  readonly bytesRead: number;
  /** What was reported about the file. */
  readonly diagnostics: readonly Diagnostic[];
  /** What plugins and your own stages found, by name. The built-in stages have their own fields. */
  readonly results:
    & PluginResults<P>
    & (number extends S["length"] ? Readonly<Record<string, Readonly<Record<string, unknown>>>>
      : {
        readonly [T in S[number] as T["name"] extends DefaultStages[number]["name"] ? never : T["name"]]: AddsOf<T>;
      });
}

/** What the default pipeline leaves in the context; with other pipelines, the last two may be missing. */
type Context = Base & Parsed & Checked & Loading & Partial<TlsExtracted> & Partial<Level4Used>;

/**
 * Builds what a load returns.
 *
 * @param context The context at the end of the pipeline.
 * @param diagnostics What was reported about the file.
 * @param results What plugins and stages found, by name.
 * @returns The kernel, frozen.
 */
export function loadedKernel(
  context: Outcome["context"],
  diagnostics: readonly Diagnostic[],
  results: Readonly<Record<string, unknown>>,
): LoadedKernel {
  // checkOrder and checkLoads guarantee that the context has these.
  return Object.freeze(new Kernel(context as unknown as Context, diagnostics, results));
}

/** The counts of a kernel, which grow with what is added to it. */
const COUNTS: PropertyDescriptorMap & ThisType<Kernel> = {
  framesAllocated: {
    enumerable: true,
    get() {
      return this.addressSpace.frames.framesAllocated;
    },
  },
  nextFrame: {
    enumerable: true,
    get() {
      return this.addressSpace.frames.nextFrame;
    },
  },
};

/** A class, because an object literal with getters takes longer to create. */
class Kernel implements LoadedKernel {
  readonly rules: RuleSetName;
  readonly entryPoint: bigint;
  readonly virtualAddressOffset: bigint;
  declare readonly tlsTemplate?: TlsTemplate; // absent if there is none
  readonly usedLevel4Entries: UsedLevel4Entries;
  readonly level4Frame: number;
  declare readonly framesAllocated: number;
  declare readonly nextFrame: number;
  readonly memory: PhysicalMemory;
  readonly pageTable: Mapper;
  readonly addressSpace: AddressSpace;
  readonly read: LoadedKernel["read"];
  readonly mappings: LoadedKernel["mappings"];
  readonly frameRuns: LoadedKernel["frameRuns"];
  readonly fileHeader: FileHeader;
  readonly programHeaders: readonly ProgramHeader[];
  readonly bytesRead: number;
  readonly diagnostics: readonly Diagnostic[];
  readonly results: LoadedKernel["results"];

  constructor(found: Context, diagnostics: readonly Diagnostic[], results: Readonly<Record<string, unknown>>) {
    const { addressSpace, tlsTemplate } = found;
    const { pageTable } = addressSpace;
    this.rules = found.rules.name;
    this.entryPoint = found.entryPoint;
    this.virtualAddressOffset = found.virtualAddressOffset;
    if (tlsTemplate) this.tlsTemplate = tlsTemplate;
    this.usedLevel4Entries = found.usedLevel4Entries as UsedLevel4Entries;
    this.level4Frame = pageTable.level4Frame;
    this.memory = addressSpace.memory;
    this.pageTable = pageTable;
    this.addressSpace = addressSpace;
    this.read = addressSpace.read;
    this.mappings = () => pageTable.mappings();
    this.frameRuns = addressSpace.frameRuns;
    this.fileHeader = found.fileHeader;
    this.programHeaders = found.programHeaders;
    this.bytesRead = found.intake.bytesRead;
    this.diagnostics = Object.freeze(diagnostics);
    this.results = Object.freeze(results) as LoadedKernel["results"];
    Object.defineProperties(this, COUNTS);
  }
}
