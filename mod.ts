/**
 * Loads a 64-bit ELF kernel from a byte stream into physical memory held in a typed array, and builds real x86-64 page
 * tables for it there.
 *
 * {@linkcode loadKernel} takes bytes, a stream, an open file, a `Blob` or a `Response`, and gives what a CPU, an emulator
 * or a person needs: the entry point, the TLS template, the memory, the page tables in it, and what there is to say
 * about the file. A file that cannot be loaded gives one {@linkcode LoadError} with code, field and value.
 *
 * A load is a {@linkcode Pipeline} of stages, and stages of your own fit in anywhere.
 *
 * @example Load a kernel and look at it
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 *
 * // What a CPU needs: CR3, RIP, and the memory that both speak of.
 * const { level4Frame, entryPoint, memory } = kernel;
 * assertEquals(memory.bytes(level4Frame, 4096).length, 4096);
 *
 * // The page tables are real: walk them, or read through them.
 * const text = kernel.pageTable.translate(entryPoint);
 * assertEquals(text.mapped && text.pageSize, 4096);
 * assertEquals(kernel.read(entryPoint, 16), text.mapped ? memory.bytes(text.phys, 16) : undefined);
 *
 * // And what a person needs.
 * for (const { virt, size, writable, executable } of kernel.mappings()) {
 *   console.log(virt.toString(16), size, `R${writable ? "W" : "-"}${executable ? "X" : "-"}`);
 * }
 * for (const { message, hint } of kernel.diagnostics) console.log(message, hint);
 * ```
 *
 * @module
 */

export {
  type CoreStageName,
  defaultPipeline,
  type DefaultStages,
  type Level4Field,
  type LoadedKernel,
  loadKernel,
  type LoadOptions,
  type StageResults,
} from "./core/load_kernel.ts";
export { parse } from "./core/stages/parse.ts";
export { sanityCheck } from "./core/stages/sanity_check.ts";
export { mapLoad } from "./core/stages/map_load.ts";
export { bssFixup } from "./core/stages/bss_fixup.ts";
export { tlsExtract } from "./core/stages/tls_extract.ts";
export { l4Usage } from "./core/stages/l4_usage.ts";
export { type Headers, readHeaders } from "./core/read_headers.ts";

export { ERROR_CODES, type ErrorCode, errorHint, LoadError, type LoadErrorDetails } from "./core/errors.ts";
export type {
  ClashPlace,
  ErrorPlace,
  LimitPlace,
  PagePlace,
  RecordPlace,
  RelocationPlace,
} from "./core/error_details.ts";
export type { LoadErrorOptions } from "./core/errors.ts";
export type { Diagnostic, Report } from "./core/diagnostics.ts";
export { RULES, type Rules, type RuleSetName } from "./core/rules.ts";

export type { FileHeader } from "./core/elf/file_header.ts";
export type { HeaderClaim, LoadRange, ProgramHeader, Segment } from "./core/elf/program_header.ts";
export { segmentTypeName } from "./core/elf/constants.ts";

export type { ByteReader, KernelSource, NodeFileHandle } from "./core/intake/source.ts";
export type { Intake, Progress } from "./core/intake/intake.ts";

export { type PhysicalMemory, physicalMemory } from "./core/memory/physical_memory.ts";
export {
  ascendingFrames,
  type FrameAllocator,
  type FrameLedger,
  type FrameOwner,
  type FrameRun,
} from "./core/memory/frame_allocator.ts";

export {
  ACCESSED,
  BIT_10,
  BIT_11,
  BIT_9,
  BITS_52_TO_58,
  DIRTY,
  GLOBAL,
  HUGE_PAGE,
  HUGE_PAGE_PAT,
  NO_CACHE,
  NO_EXECUTE,
  type PageSize,
  PAT,
  PRESENT,
  PROTECTION_KEY,
  USER_ACCESSIBLE,
  WRITABLE,
  WRITE_THROUGH,
} from "./core/paging/entry.ts";
export type { Leaf, Mapping, Table } from "./core/paging/listing.ts";
export type { FreshRun } from "./core/paging/map_run.ts";
export type { MapOptions, Mapper, Translation, WalkStep } from "./core/paging/mapper.ts";
export { type UsedLevel4Entries, usedLevel4Entries } from "./core/paging/used_level4_entries.ts";

export {
  type AddsOf,
  type Around,
  type Find,
  type Grown,
  type InOrder,
  type NeedsOf,
  type Pipeline,
  pipeline,
  type Put,
  type StageName,
} from "./core/pipeline/pipeline.ts";
export type {
  AnyHandler,
  AnyPlugin,
  Handler,
  Phase,
  PlacedStage,
  Plugin,
  PluginContext,
  PluginEntry,
  PluginResults,
  ResultOf,
  StagesOf,
} from "./core/plugin/plugin.ts";
export type { MemoryWindow } from "./core/pipeline/settings.ts";
export type {
  AnyImageStage,
  AnySegmentStage,
  Base,
  Checked,
  ImageStage,
  Kept,
  Level4Used,
  Loading,
  LoadSettings,
  Parsed,
  Placed,
  Placement,
  Reserved,
  SegmentStage,
  Stage,
  TlsExtracted,
  TlsTemplate,
} from "./core/pipeline/stage.ts";
