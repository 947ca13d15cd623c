/**
 * The plugin eh-frame: finds the tables for unwinding a kernel's stack (`PT_GNU_EH_FRAME`; LSB Core, "DWARF
 * Extensions").
 *
 * @module
 */

import { ELFCLASS64, PT_GNU_EH_FRAME } from "../core/elf/constants.ts";
import type { Segment } from "../core/elf/program_header.ts";
import { LoadError } from "../core/errors.ts";
import { hexAddr } from "../core/hex.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";
import { diagnostic } from "./eh_frame/diagnostics.ts";
import { readFde, type UnwindEntry } from "./eh_frame/fde.ts";
import { readHeader, type SearchTable } from "./eh_frame/header.ts";
import { memoryReader, type ReadMemory } from "./eh_frame/memory_reader.ts";

export type { UnwindEntry };

/** What the plugin eh-frame found. Addresses include the virtual address offset. */
export interface EhFrame {
  /** Virtual address of .eh_frame_hdr. */
  readonly address: bigint;
  /** Number of bytes of .eh_frame_hdr. */
  readonly size: bigint;
  /** Virtual address of .eh_frame, if the header has it. */
  readonly ehFrame?: bigint;
  /** Number of frame description entries in the search table, if there is one. */
  readonly fdeCount?: number;
  /**
   * Finds the frame description entry for a code address; only present with a search table. It reads the current
   * memory, and returns `undefined` if no entry covers the address or the entry cannot be read.
   */
  readonly lookup?: (address: bigint) => UnwindEntry | undefined;
}

/**
 * Finds the tables for unwinding the kernel's stack.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { ehFrame } from "@kload/kload/plugins/eh-frame";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { plugins: [ehFrame()] });
 * const entry = kernel.results["eh-frame"]?.lookup?.(kernel.entryPoint);
 * assertEquals(entry, undefined); // It was compiled with -fno-asynchronous-unwind-tables.
 * ```
 *
 * @returns The plugin; it finds nothing if the kernel has no unwind table.
 */
export function ehFrame(): Plugin<"eh-frame", EhFrame> {
  // Addresses in the table may need relocations, so it is read after they are applied.
  return { name: "eh-frame", handlers: [{ type: PT_GNU_EH_FRAME, phase: "seal", handle }] };
}

function handle(phdr: Segment, context: PluginContext, found: EhFrame | undefined): EhFrame {
  if (found) return found;
  const address = BigInt.asUintN(64, phdr.p_vaddr + context.virtualAddressOffset);
  const size = phdr.p_memsz;
  if (context.fileHeader.EI_CLASS !== ELFCLASS64) {
    reportEncoding(phdr, address, "the file is a 32-bit file", context);
    return { address, size };
  }
  const memory = memoryReader(context.addressSpace.read);
  try {
    const { ehFrame, table, unsupported, faults } = readHeader(address, size, memory);
    for (const problem of faults) reportMalformed(phdr, address, problem, context);
    if (unsupported.length > 0) {
      reportEncoding(phdr, address, `it has unsupported or omitted fields (${unsupported.join(", ")})`, context);
    }
    return {
      address,
      size,
      ...(ehFrame === undefined ? {} : { ehFrame }),
      ...(table ? { fdeCount: table.count, lookup: (code: bigint) => lookup(code, table, memory) } : {}),
    };
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    reportMalformed(phdr, address, error.message, context);
    return { address, size };
  }
}

function lookup(code: bigint, table: SearchTable, memory: ReadMemory): UnwindEntry | undefined {
  try {
    const fde = table.find(code);
    const entry = fde === undefined ? undefined : readFde(fde, memory);
    return entry && code >= entry.start && code < entry.end ? entry : undefined;
  } catch (error) {
    if (error instanceof LoadError) return undefined;
    throw error;
  }
}

function reportMalformed({ index }: Segment, address: bigint, problem: string, { report }: PluginContext): void {
  const message = `The unwind table at ${hexAddr(address)} is malformed: ${problem}.`;
  report(diagnostic("eh-frame-malformed", { index, addresses: [address], message }));
}

function reportEncoding({ index }: Segment, address: bigint, problem: string, { report }: PluginContext): void {
  const message = `The unwind table at ${hexAddr(address)} was not fully read: ${problem}.`;
  report(diagnostic("eh-frame-encoding", { index, addresses: [address], message }));
}
