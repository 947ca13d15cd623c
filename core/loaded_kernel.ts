/**
 * What a load hands back.
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
import type { DefaultStages } from "./stages/default_pipeline.ts";

/** A kernel in physical memory, with page tables. */
export interface LoadedKernel<P extends readonly PluginEntry[] = [], S extends readonly Stage[] = DefaultStages> {
  /** Virtual address of the entry point, the offset included. */
  readonly entryPoint: bigint;
  /** What was added to every `p_vaddr`, modulo 2^64: 0, or the base of a position-independent kernel. */
  readonly virtualAddressOffset: bigint;
  /** The template for thread-local storage, if the kernel has one. */
  readonly tlsTemplate?: TlsTemplate;
  /** The level-4 entries that are in use, and the way to free ones. `undefined` only if l4-usage was left out. */
  readonly usedLevel4Entries: number extends S["length"] ? UsedLevel4Entries
    : Grown<S> extends { readonly usedLevel4Entries: UsedLevel4Entries } ? UsedLevel4Entries
    : undefined;
  /** Physical address of the level-4 table: the value for CR3. */
  readonly level4Frame: number;
  /** Number of frames allocated so far; a level-4 frame that the caller gave is not counted. */
  readonly framesAllocated: number;
  /** Physical address of the first frame that was never handed out. */
  readonly nextFrame: number;
  /** The physical memory that everything lies in. */
  readonly memory: PhysicalMemory;
  /** The page tables. */
  readonly pageTable: Mapper;
  /** Memory, frames, page tables and free level-4 entries as one thing, to add to what was loaded. */
  readonly addressSpace: AddressSpace;
  /**
   * Reads bytes by their virtual address through the page tables, across pages; a copy. Throws a `LoadError`
   * "page-not-mapped" if a page is missing, "frame-out-of-memory", "address-not-canonical" or "address-overflow".
   */
  readonly read: (virt: bigint, length: number) => Uint8Array;
  /** The mappings as merged runs, ascending by virtual address. */
  readonly mappings: () => Iterable<Mapping>;
  /** Every frame in use as runs by owner: the file's bytes, page tables, copies, bss, and what was added. */
  readonly frameRuns: () => readonly FrameRun[];
  /** The ELF file header. */
  readonly fileHeader: FileHeader;
  /** The program headers, in table order. */
  readonly programHeaders: readonly ProgramHeader[];
  /** Number of bytes taken from the source. */
  readonly bytesRead: number;
  /** What was found about the file. */
  readonly diagnostics: readonly Diagnostic[];
  /** What plugins and stages of your own found, by their names; those of the default pipeline have fields of their own. */
  readonly results:
    & PluginResults<P>
    & (number extends S["length"] ? Readonly<Record<string, Readonly<Record<string, unknown>>>>
      : {
        readonly [T in S[number] as T["name"] extends DefaultStages[number]["name"] ? never : T["name"]]: AddsOf<T>;
      });
}

/** What the default pipeline leaves in the context; others may lack the last two. */
type Context = Base & Parsed & Checked & Loading & Partial<TlsExtracted> & Partial<Level4Used>;

/**
 * Composes what a load hands back.
 *
 * @param context The context at the end of the pipeline.
 * @param diagnostics What was found about the file.
 * @param results What plugins and stages found, by name.
 * @returns The kernel, frozen.
 */
export function loadedKernel(
  context: Outcome["context"],
  diagnostics: readonly Diagnostic[],
  results: Readonly<Record<string, unknown>>,
): LoadedKernel {
  // checkOrder and checkLoads have seen to it that the context has these.
  const { tlsTemplate, usedLevel4Entries, addressSpace, intake, ...found } = context as unknown as Context;
  const { memory, pageTable, frames } = addressSpace;
  return Object.freeze({
    entryPoint: found.entryPoint,
    virtualAddressOffset: found.virtualAddressOffset,
    ...(tlsTemplate ? { tlsTemplate } : {}),
    usedLevel4Entries: usedLevel4Entries as UsedLevel4Entries,
    level4Frame: pageTable.level4Frame,
    get framesAllocated() {
      return frames.framesAllocated;
    },
    get nextFrame() {
      return frames.nextFrame;
    },
    memory,
    pageTable,
    addressSpace,
    read: addressSpace.read,
    mappings: () => pageTable.mappings(),
    frameRuns: addressSpace.frameRuns,
    fileHeader: found.fileHeader,
    programHeaders: found.programHeaders,
    bytesRead: intake.bytesRead,
    diagnostics: Object.freeze(diagnostics),
    results: Object.freeze(results) as LoadedKernel["results"],
  });
}
