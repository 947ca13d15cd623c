/**
 * Loads a kernel: the default pipeline, its options, and what it hands back.
 *
 * @module
 */

import { checkDiagnostic, type Diagnostic } from "./diagnostics.ts";
import { amended, LoadError } from "./errors.ts";
import type { FileHeader } from "./elf/file_header.ts";
import type { ProgramHeader } from "./elf/program_header.ts";
import { openIntake, type Progress } from "./intake/intake.ts";
import { type KernelSource, openSource } from "./intake/source.ts";
import { alignUp, PAGE_SIZE } from "./memory/addresses.ts";
import type { FrameAllocator, FrameRun } from "./memory/frame_allocator.ts";
import type { PhysicalMemory } from "./memory/physical_memory.ts";
import type { Mapping } from "./paging/listing.ts";
import type { Mapper } from "./paging/mapper.ts";
import type { UsedLevel4Entries } from "./paging/used_level4_entries.ts";
import { readVirtual } from "./address_space/virtual_memory.ts";
import { handlerStages } from "./plugin/handlers.ts";
import { type AddsOf, checkOrder, type Grown, type InOrder, type Pipeline, pipeline } from "./pipeline/pipeline.ts";
import { checkPlugins, type PluginEntry, type PluginResults } from "./plugin/plugin.ts";
import { type Outcome, runPipeline } from "./pipeline/run_pipeline.ts";
import { checkSettings, type MemoryWindow } from "./pipeline/settings.ts";
import type { Base, Checked, Level4Used, Loading, Parsed, Stage } from "./pipeline/stage.ts";
import type { TlsExtracted, TlsTemplate } from "./pipeline/stage.ts";
import { RULES, type RuleSetName } from "./rules.ts";
import { HANDLER_STAGES, withPlugins } from "./plugin/with_plugins.ts";
import { bssFixup } from "./stages/bss_fixup.ts";
import { l4Usage } from "./stages/l4_usage.ts";
import { mapLoad } from "./stages/map_load.ts";
import { parse } from "./stages/parse.ts";
import { sanityCheck } from "./stages/sanity_check.ts";
import { tlsExtract } from "./stages/tls_extract.ts";

/** The stages of the default pipeline, in order. */
export type DefaultStages = readonly [
  typeof parse,
  typeof sanityCheck,
  typeof mapLoad,
  typeof bssFixup,
  typeof tlsExtract,
  typeof l4Usage,
];

/** The default pipeline: parse, sanity-check, map-load, bss-fixup, tls-extract, l4-usage. */
export const defaultPipeline: Pipeline<DefaultStages> = pipeline(
  parse,
  sanityCheck,
  mapLoad,
  bssFixup,
  tlsExtract,
  l4Usage,
);

/** How a kernel is loaded. Every option can be left out. */
export interface LoadOptions<P extends readonly PluginEntry[] = [], S extends readonly Stage[] = DefaultStages> {
  /** What is accepted, and how the original's faults are treated; "default". */
  readonly rules?: RuleSetName;
  /** Memory of the caller's, or where ours is to start (0) and how many bytes it has (as many as the kernel needs). */
  readonly memory?: PhysicalMemory | MemoryWindow;
  /** The most bytes of memory that are allocated; 4 GiB. */
  readonly maxMemory?: number;
  /** Physical address of the file's first byte, a multiple of 4096; 2 MiB above the start of memory. */
  readonly kernelOffset?: number;
  /** Physical address of the level-4 table; the first frame allocated. */
  readonly level4Frame?: number;
  /** Hands out frames; ascending from the first page behind the file's bytes, `level4Frame` left out. */
  readonly frames?: FrameAllocator;
  /** Added to every `p_vaddr` of an `ET_DYN` kernel, a multiple of 4096 and of its largest `p_align`; 0. */
  readonly kernelBase?: bigint;
  /** Handlers for more program header types, and more stages; none. Falsy entries are skipped. */
  readonly plugins?: P;
  /** The stages; {@linkcode defaultPipeline}. */
  readonly pipeline?: Pipeline<S> & InOrder<S>;
  /** Ends the load: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after every read. */
  readonly onProgress?: (progress: Progress) => void;
}

/** The name of a stage of the default pipeline. */
export type CoreStageName = DefaultStages[number]["name"];

/** What the stages of a pipeline found, by their names; those of the default pipeline have fields of their own. */
export type StageResults<S extends readonly Stage[]> = number extends S["length"]
  ? Readonly<Record<string, Readonly<Record<string, unknown>>>>
  : { readonly [T in S[number] as T["name"] extends CoreStageName ? never : T["name"]]: AddsOf<T> };

/** The bookkeeping of level-4 entries, unless the pipeline is known to leave l4-usage out. */
export type Level4Field<S extends readonly Stage[]> = number extends S["length"] ? UsedLevel4Entries
  : Grown<S> extends Level4Used ? UsedLevel4Entries
  : undefined;

/** A kernel in physical memory, with page tables. */
export interface LoadedKernel<P extends readonly PluginEntry[] = [], S extends readonly Stage[] = DefaultStages> {
  /** Virtual address of the entry point, the offset included. */
  readonly entryPoint: bigint;
  /** What was added to every `p_vaddr`: 0, or the base of a position-independent kernel. */
  readonly virtualAddressOffset: bigint;
  /** The template for thread-local storage, where the kernel has one. */
  readonly tlsTemplate?: TlsTemplate;
  /** The level-4 entries that are in use, and the way to free ones. `undefined` only where l4-usage was left out. */
  readonly usedLevel4Entries: Level4Field<S>;
  /** Physical address of the level-4 table: what CR3 gets. */
  readonly level4Frame: number;
  /** Number of frames allocated so far; a level-4 frame that the caller gave is not counted. */
  readonly framesAllocated: number;
  /** Physical address of the first frame that was never handed out. */
  readonly nextFrame: number;
  /** The physical memory that everything lies in. */
  readonly memory: PhysicalMemory;
  /** The page tables. */
  readonly pageTable: Mapper;
  /**
   * Reads bytes by their virtual address through the page tables, across pages; a copy. Throws a `LoadError`
   * "page-not-mapped" where a page is missing.
   */
  readonly read: (virt: bigint, length: number) => Uint8Array;
  /** The mappings as merged runs, ascending by virtual address. */
  readonly mappings: () => Iterable<Mapping>;
  /** Every frame in use as runs by owner: the file's bytes, page tables, copies, bss. */
  readonly frameRuns: () => readonly FrameRun[];
  /** The ELF file header. */
  readonly fileHeader: FileHeader;
  /** The program headers, in table order. */
  readonly programHeaders: readonly ProgramHeader[];
  /** Number of bytes taken from the source. */
  readonly bytesRead: number;
  /** What there is to say about the file. */
  readonly diagnostics: readonly Diagnostic[];
  /** What plugins and stages of your own found, by their names. */
  readonly results: PluginResults<P> & StageResults<S>;
}

/**
 * Loads a 64-bit ELF kernel into physical memory and builds its page tables there.
 *
 * The file's first byte lies at `kernelOffset`; its pages are mapped where they lie, and only what has to differ from
 * the file gets frames of its own. Nothing is read past the last byte that is needed, and the source is let go.
 *
 * @example A kernel of one page, from bytes
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file);
 * assertEquals(kernel.entryPoint, 0xffffffff80000000n);
 * assertEquals(kernel.pageTable.translate(kernel.entryPoint).mapped, true);
 * ```
 *
 * @example Into memory of one's own, at an address of one's own
 * ```ts
 * import { loadKernel, physicalMemory } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const memory = physicalMemory({ base: 0x10_0000, buffer: new SharedArrayBuffer(0x40_0000) });
 * using file = await Deno.open("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { memory, kernelOffset: 0x20_0000 });
 * assertEquals(kernel.memory, memory);
 * ```
 *
 * @param source Bytes, a stream of them, an open file or anything with `read(buffer)`, a `Blob`, or a `Response`.
 * @param options Rules, memory, addresses, stages, signal and progress.
 * @returns The kernel in memory.
 * @throws {LoadError} Where the file is refused, the source fails, or memory does not suffice.
 * @throws {TypeError} Where the source or an option is of the wrong kind, or the pipeline is out of order.
 * @throws {RangeError} Where an option's value is out of bounds.
 */
export async function loadKernel<
  const P extends readonly PluginEntry[] = [],
  const S extends readonly Stage[] = DefaultStages,
>(
  source: KernelSource,
  options: LoadOptions<P, S> = {},
): Promise<LoadedKernel<P, S>> {
  const settings = checkSettings(options);
  const name = options.rules ?? "default";
  if (!Object.hasOwn(RULES, name)) {
    throw new TypeError(`Cannot use "${name}" as rules: there are ${Object.keys(RULES).join(", ")}`);
  }
  const list = checkPlugins(options.plugins ?? []);
  const handlers = handlerStages(list);
  const given = options.pipeline ?? defaultPipeline;
  if (!Array.isArray(given.stages)) throw new TypeError("Cannot use the pipeline: pass what pipeline() makes");
  const stages = withPlugins(given.stages, list, handlers);
  checkOrder(stages);
  const { signal, onProgress } = options;
  if (signal !== undefined && typeof signal?.throwIfAborted !== "function") {
    throw new TypeError("Cannot use the signal: it is no AbortSignal");
  }
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw new TypeError("Cannot use onProgress: it is no function");
  }
  signal?.throwIfAborted();

  const diagnostics: Diagnostic[] = [];
  const report = (diagnostic: Diagnostic): void => void diagnostics.push(checkDiagnostic(diagnostic));
  const intake = openIntake(openSource(source), { maxMemory: settings.maxMemory, signal, onProgress });
  const base: Base = { rules: RULES[name], settings, intake, report, claimOn: list.claimOn };
  try {
    const outcome = await runPipeline(stages, base, signal);
    await intake.close();
    const kernel = loadedKernel(outcome, handlers.results, base, diagnostics);
    return kernel as unknown as LoadedKernel<P, S>; // the types of results are the compiler's alone
  } catch (error) {
    await intake.close(error).catch(() => {});
    signal?.throwIfAborted();
    throw error instanceof LoadError && diagnostics.length > 0 ? amended(error, { diagnostics }) : error;
  }
}

/** What the default pipeline leaves in the context; others may lack the last two. */
type Context = Base & Parsed & Checked & Loading & Partial<TlsExtracted> & Partial<Level4Used>;

function loadedKernel(
  { context, additions }: Outcome,
  byPlugins: ReadonlyMap<string, unknown>,
  base: Base,
  diagnostics: Diagnostic[],
): LoadedKernel {
  // checkOrder has seen to it that the context has these.
  const { tlsTemplate, usedLevel4Entries, ...found } = context as unknown as Context;
  const { memory, pageTable, frames, keptBytes } = found;
  const { kernelOffset, level4Frame } = base.settings;
  const builtIn = new Set<string>([...defaultPipeline.stages.map((stage) => stage.name), ...HANDLER_STAGES]);
  const results = Object.fromEntries([...[...additions].filter(([name]) => !builtIn.has(name)), ...byPlugins]);
  const given: FrameRun[] = [{ phys: kernelOffset, size: alignUp(keptBytes), owner: "file" }];
  if (level4Frame !== undefined) given.push({ phys: level4Frame, size: PAGE_SIZE, owner: "table" });
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
    read: (virt: bigint, length: number) => readVirtual(memory, pageTable, virt, length),
    mappings: () => pageTable.mappings(),
    frameRuns: () => [...given, ...frames.runs()],
    fileHeader: found.fileHeader,
    programHeaders: found.programHeaders,
    bytesRead: base.intake.bytesRead,
    diagnostics: Object.freeze(diagnostics),
    results: Object.freeze(results) as LoadedKernel["results"],
  });
}
