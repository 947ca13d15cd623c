/**
 * The plugin relocate: places a position-independent kernel and applies its relocations (System V ABI, AMD64 supplement,
 * "Relocation"; gABI, "Dynamic Section" for `DT_RELR`).
 *
 * @module
 */

import { ELFCLASS64, ET_DYN, PT_DYNAMIC } from "../core/elf/constants.ts";
import type { Segment } from "../core/elf/program_header.ts";
import { LoadError } from "../core/errors.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";
import type { TakesFor } from "../core/pipeline/context.ts";
import { unshareDemand } from "../core/pipeline/frame_demand.ts";
import { applyRela } from "./relocate/apply_rela.ts";
import { applyRelr } from "./relocate/apply_relr.ts";
import { type DynamicTable, readDynamicTable } from "./relocate/dynamic_table.ts";
import { placeStage } from "./relocate/place.ts";
import { readName } from "./relocate/symbols.ts";
import { relocationTarget } from "./relocate/target.ts";

/** What the plugin relocate did. */
export interface Relocations {
  /** What was added to every address. */
  readonly virtualAddressOffset: bigint;
  /** Number of relocations applied, by the type's name; those of `DT_RELR` count as "RELR". */
  readonly counts: Readonly<Record<string, number>>;
  /** Names of the shared libraries that the kernel asks for, and does not get. */
  readonly needed: readonly string[];
}

/** How kernels are placed. */
export interface RelocateOptions {
  /** Places kernels at random: the place follows from this 64-bit number. The first free place where it is left out. */
  readonly seed?: bigint;
}

/** The plugin relocate. */
export type RelocatePlugin = Plugin<"relocate", Relocations>;

/**
 * Makes the plugin relocate.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { relocate } from "@kload/kload/plugins/relocate";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello-pie.elf");
 * const kernel = await loadKernel(file, { plugins: [relocate()] });
 * assertEquals(kernel.virtualAddressOffset, 0x80_0000_0000n);
 * assertEquals(kernel.results.relocate?.counts, { R_X86_64_RELATIVE: 5 });
 * ```
 *
 * @param options How kernels are placed; `kernelBase` goes before it.
 * @returns The plugin.
 * @throws {TypeError} Where the seed is no `bigint`.
 */
export function relocate({ seed }: RelocateOptions = {}): RelocatePlugin {
  if (seed !== undefined && typeof seed !== "bigint") {
    throw new TypeError(`Cannot use ${seed} as a seed: it is no bigint`);
  }
  return {
    name: "relocate",
    stages: [{ before: "sanity-check", stage: placeStage(seed) }],
    handlers: [{ type: PT_DYNAMIC, phase: "relocate", readsFile: true, handle }],
    takes,
  };
}

/** Every page of the segments may have a relocation, and is unshared for it. */
function takes({ rules, fileHeader, segments }: TakesFor): number {
  const isDynamic = segments.some(({ p_type }) => p_type === PT_DYNAMIC);
  const isMovable = fileHeader.e_type === ET_DYN || rules.relocation === "bootloader-0.11";
  return isDynamic && isMovable ? unshareDemand(rules, segments) : 0;
}

async function handle(
  phdr: Segment,
  context: PluginContext,
  found: Relocations | undefined,
): Promise<Relocations> {
  const { rules, fileHeader, virtualAddressOffset } = context;
  if (fileHeader.EI_CLASS !== ELFCLASS64) {
    throw new LoadError("class-unsupported", { index: phdr.index, field: "EI_CLASS", value: fileHeader.EI_CLASS });
  }
  const table = readDynamicTable(await context.fileBytes(phdr), phdr.p_offset, phdr.index, rules.relocation);
  const target = relocationTarget(phdr.index, context);
  const needed = table.needed.map((offset) => readName(offset, table, target));
  reportTable(phdr, table, needed, context);
  const counts = new Map(Object.entries(found?.counts ?? {}));
  // The addresses of an ET_EXEC kernel are fixed: whatever relocations it keeps are for others.
  if (target.original || fileHeader.e_type === ET_DYN) {
    if (table.relr) applyRelr(table.relr, target, counts);
    for (const range of table.rela) applyRela(range, table, target, counts);
  } else if (table.relr || table.rela.length > 0) {
    reportFixed(phdr, context);
  }
  return { virtualAddressOffset, counts: Object.fromEntries(counts), needed: [...found?.needed ?? [], ...needed] };
}

function reportFixed({ index, p_vaddr }: Segment, { report }: PluginContext): void {
  report({
    code: "relocations-of-fixed-kernel",
    severity: "info",
    index,
    addresses: [p_vaddr],
    message: `Program header ${index}: the kernel's addresses are fixed (ET_EXEC); its relocations were left alone.`,
    hint: "Leave it if the kernel relocates itself; else link it without --emit-relocs and dynamic sections.",
  });
}

function reportTable(
  { index, p_vaddr }: Segment,
  { textRelocations }: DynamicTable,
  needed: readonly string[],
  { virtualAddressOffset, report }: PluginContext,
): void {
  const addresses = [BigInt.asUintN(64, p_vaddr + virtualAddressOffset)];
  if (needed.length > 0) {
    report({
      code: "shared-libraries-needed",
      severity: "warning",
      index,
      addresses,
      message: `The file asks for shared libraries: ${needed.join(", ")}; none is loaded.`,
      hint: "Link the kernel statically (-static-pie).",
    });
  }
  if (textRelocations) {
    report({
      code: "text-relocations",
      severity: "warning",
      index,
      addresses,
      message: "The file has relocations in segments that are not writable; they were applied all the same.",
      hint: "Compile the kernel as position-independent (-fPIE).",
    });
  }
}
