/**
 * Loads a 64-bit ELF kernel from a byte stream into physical memory held in a typed array, and builds real x86-64 page
 * tables for it there.
 *
 * {@linkcode loadKernel} takes bytes, a stream, an open file, a `Blob` or a `Response`, and returns what a CPU, an
 * emulator or a person needs: the entry point, the TLS template, the memory, the page tables in it, and diagnostics
 * about the file. A file that cannot be loaded is refused with a {@linkcode LoadError} that has a code, a field and a
 * value.
 *
 * A load is a pipeline of stages; to add your own, see `@kload/kload/stages`.
 *
 * @example Load a kernel and look at it
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 *
 * // What a CPU needs: CR3, RIP, and the memory that both point into.
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

export { loadKernel, type LoadOptions } from "./core/load_kernel.ts";
export type { LoadedKernel } from "./core/loaded_kernel.ts";
export { type Headers, readHeaders } from "./core/read_headers.ts";

export { type ErrorCode, errorHint, LoadError, type LoadErrorDetails } from "./core/errors.ts";
export type { ErrorPlace, LimitPlace } from "./core/error_details.ts";
export type { Diagnostic } from "./core/diagnostics.ts";
export type { RuleSetName } from "./core/rules.ts";

export type { FileHeader } from "./core/elf/file_header.ts";
export type { ProgramHeader, Segment } from "./core/elf/program_header.ts";
export { segmentTypeName } from "./core/elf/constants.ts";

export type { ByteReader, KernelSource, NodeFileHandle } from "./core/intake/source.ts";
export type { Progress } from "./core/intake/intake.ts";

export { type PhysicalMemory, physicalMemory } from "./core/memory/physical_memory.ts";
export { ascendingFrames, type FrameAllocator, type FrameOwner, type FrameRun } from "./core/memory/frame_allocator.ts";
export type { FrameLedger } from "./core/memory/frame_ledger.ts";
export type { AddressSpace } from "./core/address_space/address_space.ts";
export type { TlsTemplate } from "./core/pipeline/context.ts";

export type {
  AnyPlugin,
  Handler,
  PlacedStage,
  Plugin,
  PluginEntry,
  PluginResult,
  PluginResults,
} from "./core/plugin/plugin.ts";
export type { PluginContext } from "./core/plugin/plugin_context.ts";
