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
import { checkKeys, wrongKind } from "../core/pipeline/settings.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";
import type { TakesFor } from "../core/pipeline/context.ts";
import { unshareDemand } from "../core/pipeline/frame_demand.ts";
import { applyRela } from "./relocate/apply_rela.ts";
import { applyRelr } from "./relocate/apply_relr.ts";
import { placeStage } from "./relocate/choose_base.ts";
import { diagnostic } from "./relocate/diagnostics.ts";
import { readName } from "./relocate/find_symbol.ts";
import { checkTable, readRelocationTables, type RelocationTables } from "./relocate/relocation_tables.ts";
import { type RelocationTarget, relocationTarget } from "./relocate/relocation_target.ts";

/** What the plugin relocate did. */
export interface Relocations {
  /** What was added to every address, modulo 2^64. */
  readonly virtualAddressOffset: bigint;
  /** Number of relocations applied, by type name; those of `DT_RELR` count as "RELR". */
  readonly counts: Readonly<Record<string, number>>;
  /** Names of the shared libraries that the kernel needs, none of which is loaded. */
  readonly needed: readonly string[];
}

/** How to place kernels. */
export interface RelocateOptions {
  /** Places kernels at a random address that this number determines. Default: the first free address. */
  readonly seed?: bigint;
}

/**
 * Places position-independent kernels at a free address and applies their relocations.
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
 * @param options How to place kernels; the option `kernelBase` of a load takes precedence.
 * @returns The plugin.
 * @throws {TypeError} If an option is unknown, or the seed is not a `bigint`.
 */
export function relocate(options: RelocateOptions = {}): Plugin<"relocate", Relocations> {
  checkKeys(options, ["seed"]);
  const { seed } = options;
  if (seed !== undefined && typeof seed !== "bigint") throw wrongKind("seed", seed, "it must be a bigint");
  return {
    name: "relocate",
    stages: [{ before: "sanity-check", stage: placeStage(seed) }],
    handlers: [{ type: PT_DYNAMIC, phase: "relocate", readsFile: true, handle }],
    takes,
  };
}

/** Every page of the segments may need to be unshared for a relocation. */
function takes({ rules, fileHeader, segments }: TakesFor): number {
  const isDynamic = segments.some(({ p_type }) => p_type === PT_DYNAMIC);
  const isMovable = fileHeader.e_type === ET_DYN || rules.relocatesFixed;
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
  const tables = readRelocationTables(await context.fileBytes(phdr), phdr, rules);
  const target = relocationTarget(phdr.index, context);
  const needed = tables.needed.map((offset) => readName(offset, tables, target) || `#${offset}`);
  if (needed.length > 0) reportNeeded(phdr, needed, context);
  const counts = new Map(Object.entries(found?.counts ?? {}));
  // The addresses of an ET_EXEC kernel are fixed: any relocations in it are not meant for its loader.
  if (rules.relocatesFixed || fileHeader.e_type === ET_DYN) {
    apply(tables, target, counts, context);
    if (tables.textRelocations) reportTextRelocations(phdr, context);
  } else if (tables.relr || tables.rela.length > 0) {
    reportFixed(phdr, context);
  }
  return { virtualAddressOffset, counts: Object.fromEntries(counts), needed: [...found?.needed ?? [], ...needed] };
}

function apply(
  tables: RelocationTables,
  target: RelocationTarget,
  counts: Map<string, number>,
  { rules, segments }: PluginContext,
): void {
  const { rela, relr } = tables;
  if (rules.checksRelocationTables) {
    for (const range of relr ? [relr, ...rela] : rela) checkTable(range, target.index, segments);
  }
  if (relr) applyRelr(relr, target, counts);
  for (const range of rela) applyRela(range, tables, target, counts);
}

function reportNeeded(phdr: Segment, needed: readonly string[], context: PluginContext): void {
  const libraries = needed.map((name) => JSON.stringify(name)).join(", ");
  const message = `The file needs shared libraries, which are not loaded: ${libraries}.`;
  report("shared-libraries-needed", message, phdr, context);
}

function reportTextRelocations(phdr: Segment, context: PluginContext): void {
  const message = "The relocations may modify segments that are not writable; they were applied.";
  report("text-relocations", message, phdr, context);
}

function reportFixed(phdr: Segment, context: PluginContext): void {
  const message = "The kernel's addresses are fixed (ET_EXEC); its relocations were not applied.";
  report("relocations-of-fixed-kernel", message, phdr, context);
}

function report(
  code: Parameters<typeof diagnostic>[0],
  message: string,
  { index, p_vaddr }: Segment,
  { virtualAddressOffset, report }: PluginContext,
): void {
  const addresses = [BigInt.asUintN(64, p_vaddr + virtualAddressOffset)];
  report(diagnostic(code, { index, addresses, message }));
}
