/**
 * The plugin relocate: places a position-independent kernel and applies its relocations (System V ABI, AMD64
 * supplement, "Relocation"; gABI, "Dynamic Section" for `DT_RELR`).
 *
 * @module
 */

import { ELFCLASS64, ET_DYN, PT_DYNAMIC } from "../core/elf/constants.ts";
import type { Segment } from "../core/elf/program_header.ts";
import { LoadError } from "../core/errors.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import { checkKeys, checkSeed } from "../core/pipeline/settings.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";
import type { TakesFor } from "../core/pipeline/context.ts";
import { unshareDemand } from "../core/pipeline/frame_demand.ts";
import { applyRela } from "./relocate/apply_rela.ts";
import { applyRelr } from "./relocate/apply_relr.ts";
import { placeStage } from "./relocate/choose_base.ts";
import { diagnostic } from "./relocate/diagnostics.ts";
import { dynamicHeaders, type DynamicTable, readDynamicTables } from "./relocate/dynamic_headers.ts";
import { readName } from "./relocate/find_symbol.ts";
import { checkTable, type RelocationTables } from "./relocate/relocation_tables.ts";
import { type RelocationTarget, relocationTargets } from "./relocate/relocation_target.ts";
import { entriesOf, limited, mostRelocations, tooMany, withoutRepeated } from "./relocate/repeated_tables.ts";

/** How many names of shared libraries to show in a message. */
const NAMES_SHOWN = 8;

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
  /** Places kernels at a random address that this 64-bit number determines. Default: the first free address. */
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
 * @throws {RangeError} If the seed does not fit in 64 bits.
 */
export function relocate(options: RelocateOptions = {}): Plugin<"relocate", Relocations> {
  checkKeys(options, ["seed"]);
  const { seed } = options;
  checkSeed(seed);
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

/** Handles all `PT_DYNAMIC` headers when the first one comes. */
async function handle(
  first: Segment,
  context: PluginContext,
  found: Relocations | undefined,
): Promise<Relocations> {
  if (found) return found;
  const { rules, fileHeader, virtualAddressOffset } = context;
  if (fileHeader.EI_CLASS !== ELFCLASS64) {
    throw new LoadError("class-unsupported", { index: first.index, field: "EI_CLASS", value: fileHeader.EI_CLASS });
  }
  const { read, error } = await readDynamicTables(dynamicHeaders(first, context), context);
  const targetOf = relocationTargets(context);
  // The addresses of an ET_EXEC kernel are fixed: any relocations in it are not meant for its loader.
  const applies = rules.relocatesFixed || fileHeader.e_type === ET_DYN;
  const distinct = read.filter(({ isRepeated }) => !isRepeated);
  const needed: string[] = [];
  for (const { header, tables } of distinct) needed.push(...await namesNeeded(tables, targetOf(header.index), context));
  const counts = applies ? await applyAll(read, targetOf, context) : {};
  for (const { header, tables } of distinct) {
    if (applies && tables.textRelocations) reportTextRelocations(header, context);
    if (!applies && (tables.relr || tables.rela.length > 0)) reportFixed(header, context);
  }
  if (error) throw error;
  return { virtualAddressOffset, counts, needed };
}

/** Reads the names of the shared libraries that a table asks for, and reports them. */
async function namesNeeded(
  tables: RelocationTables,
  target: RelocationTarget,
  context: PluginContext,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const offset of tables.needed) {
    names.push(readName(offset, tables, target) || `#${offset}`);
    const pausing = context.pause();
    if (pausing) await pausing;
  }
  if (names.length > 0) reportNeeded(context.segments[target.index], names, context);
  return names;
}

/** Applies the relocations of all tables and counts them by type name. */
async function applyAll(
  read: readonly DynamicTable[],
  targetOf: (index: number) => RelocationTarget,
  context: PluginContext,
): Promise<Readonly<Record<string, number>>> {
  const counts = new Map<string, number>();
  if (context.rules.dynamicHeaders === "each") await applyEach(read, targetOf, counts, context);
  else for (const table of read) await applyTables(table, targetOf, counts, context);
  return Object.fromEntries(counts);
}

/** Applies the tables of the one `PT_DYNAMIC` header that counts. */
async function applyTables(
  { header, tables }: DynamicTable,
  targetOf: (index: number) => RelocationTarget,
  counts: Map<string, number>,
  { rules, segments, pause }: PluginContext,
): Promise<void> {
  const { rela, relr } = tables;
  const target = targetOf(header.index);
  if (rules.checksRelocationTables) {
    for (const range of relr ? [relr, ...rela] : rela) checkTable(range, target.index, segments);
  }
  if (relr) await applyRelr(relr, target, counts, pause);
  for (const range of rela) await applyRela(range, tables, target, counts, pause);
}

/** Applies the tables of all headers, up to the most relocations for a file of this size. */
async function applyEach(
  read: readonly DynamicTable[],
  targetOf: (index: number) => RelocationTarget,
  counts: Map<string, number>,
  { addressSpace, pause }: PluginContext,
): Promise<void> {
  const all = read.flatMap(({ header, tables }) => {
    const target = targetOf(header.index);
    return tables.rela.map((range) => ({ target, range, tables }));
  });
  const most = mostRelocations(addressSpace.file.size);
  const applications = await withoutRepeated(all, most, pause);
  let left = most;
  for (const { target, range, tables } of applications) {
    const part = limited(range, left);
    await applyRela(part, tables, target, counts, pause);
    if (part !== range) throw tooMany(target, most);
    left -= entriesOf([{ range }]);
  }
  if (applications === all) return;
  for (const name of counts.keys()) counts.set(name, Number(entriesOf(all))); // each is R_X86_64_RELATIVE
}

function reportNeeded(phdr: Segment, needed: readonly string[], context: PluginContext): void {
  const others = needed.length - NAMES_SHOWN;
  const libraries = needed.slice(0, NAMES_SHOWN).map((name) => JSON.stringify(name)).join(", ") +
    (others > 0 ? ` and ${others} more` : "");
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
