/**
 * The report on a loaded kernel, for people.
 *
 * @module
 */

import type { AnyPlugin, FrameRun, Mapping, Placed, RuleSetName } from "../../mod.ts";
import { ET_DYN } from "../../core/elf/constants.ts";
import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import { fates } from "./segment_outcomes.ts";
import { headersTable } from "./headers_table.ts";
import type { Kernel } from "../commands/load_by_preset.ts";
import { fileKind, mappingLetters } from "./header_names.ts";
import type { Paint } from "../output/paint.ts";
import { diagnosticLines, headline, labelled, sections } from "./report_parts.ts";
import { describe, holdsSomething } from "./describe_results.ts";
import { type Row, table } from "../output/table.ts";
import { count, exactSize, grouped, hex, hexRange, indexRanges, printable } from "../output/text.ts";

/** What a report says beside what is in the kernel. */
export interface About {
  /** What to call the file. */
  readonly name: string;
  /** The rule set that it was loaded by. */
  readonly rules: RuleSetName;
  /** The plugins that it was loaded with. */
  readonly plugins: readonly AnyPlugin[];
  /** Where it was asked to be placed, where it was. */
  readonly kernelBase?: bigint;
  /** Where its memory was written to, and how many bytes. */
  readonly dump?: { readonly path: string; readonly size: number };
}

/** The most ranges that are listed in a cell. */
const MOST_RANGES = 2;

/** What the owners of frames are called, in the order of the report. */
const OWNERS: ReadonlyMap<string, string> = new Map([
  ["file", "file"],
  ["table", "page tables"],
  ["copy", "copies"],
  ["bss", "bss"],
]);

/**
 * The report on a loaded kernel.
 *
 * @param kernel The kernel.
 * @param about What there is to say beside.
 * @param paint The colours.
 * @returns Lines of text, no wider than 100 columns unless a name is.
 */
export function loadReport(kernel: Kernel, about: About, paint: Paint): string {
  const { programHeaders, virtualAddressOffset, diagnostics } = kernel;
  const results = Object.entries(kernel.results).filter(([, found]) => holdsSomething(found))
    .map(([name, found]) => [name, describe(found)] as const);
  return sections([
    [...titleLines(kernel, about, paint), ...factLines(kernel, about, paint)],
    [
      paint.title("Program headers"),
      ...headersTable(programHeaders, virtualAddressOffset, fates(kernel, about.rules, about.plugins), paint),
    ],
    [paint.title("Mappings"), ...mappingLines(kernel, paint)],
    [paint.title("Frames"), ...frameLines(kernel, paint)],
    results.length === 0 ? [] : [paint.title("Found by plugins"), ...labelled(results, paint)],
    diagnostics.length === 0 ? [] : [paint.title("Diagnostics"), ...diagnosticLines(diagnostics, paint)],
  ]);
}

function titleLines({ fileHeader, bytesRead }: Kernel, { name, rules }: About, paint: Paint): readonly string[] {
  return headline(name, [fileKind(fileHeader), `${count(bytesRead, "byte")} read`, `${rules} rules`], paint);
}

function factLines(kernel: Kernel, { kernelBase, dump }: About, paint: Paint): readonly string[] {
  const { entryPoint, memory, tlsTemplate, level4Frame, nextFrame, framesAllocated, pageTable } = kernel;
  const entry = pageTable.translate(entryPoint);
  const facts: [string, string][] = [
    ["entry point", `${hex(entryPoint)}, ${entry.mapped ? `physical ${hex(entry.phys)}` : "not mapped"}`],
    ["address offset", offsetFact(kernel, kernelBase)],
    ["level-4 table", `${hex(level4Frame)}, entries in use: ${indexRanges(kernel.usedLevel4Entries)}`],
    ["next free frame", `${hex(nextFrame)}, ${count(framesAllocated, "frame")} allocated`],
    ["memory", `${hexRange(memory.base, memory.size)}, ${exactSize(memory.size)}`],
  ];
  if (tlsTemplate) {
    const { startAddr, fileSize, memSize, align } = tlsTemplate;
    const sizes = `${count(fileSize, "byte")}, ${grouped(memSize)} in memory, align ${hex(align)}`;
    facts.splice(2, 0, ["TLS template", `${hex(startAddr)}: ${sizes}`]);
  }
  if (dump) facts.push(["dump", `${printable(dump.path)}, ${exactSize(dump.size)}`]);
  return labelled(facts, paint);
}

function offsetFact({ fileHeader, virtualAddressOffset, results }: Kernel, kernelBase: bigint | undefined): string {
  const offset = hex(virtualAddressOffset);
  const { placement } = (results as { readonly place?: Partial<Placed> }).place ?? {};
  if (placement) return `${offset}, the first place that was free; --kernel-base sets another`;
  if (kernelBase !== undefined) return `${offset}, as --kernel-base says`;
  if (fileHeader.e_type === ET_DYN) return `${offset}, unless --kernel-base says otherwise`;
  return `${offset}, its addresses are fixed`;
}

function mappingLines(kernel: Kernel, paint: Paint): readonly string[] {
  const toRow = (mapping: Mapping): Row => {
    const { virt, phys, size, writable, executable } = mapping;
    const cells = [hexRange(virt, size), hex(phys), exactSize(size), mappingLetters(mapping)];
    return { cells, remark: writable && executable ? "writable and executable" : "" };
  };
  return table(["virtual range", "physical", "size", "flags"], [...kernel.mappings()], toRow, paint);
}

function frameLines(kernel: Kernel, paint: Paint): readonly string[] {
  const owners = new Map<string, FrameRun[]>([...OWNERS.keys()].map((owner) => [owner, []]));
  for (const run of kernel.frameRuns()) {
    const runs = owners.get(run.owner);
    if (runs) runs.push(run);
    else owners.set(run.owner, [run]);
  }
  const toRow = ([owner, runs]: readonly [string, readonly FrameRun[]]): Row => {
    const size = runs.reduce((sum, run) => sum + run.size, 0);
    const ranges = runs.slice(0, MOST_RANGES).map((run) => hexRange(run.phys, run.size)).join(", ");
    const more = runs.length > MOST_RANGES ? ` and ${grouped(runs.length - MOST_RANGES)} more` : "";
    const cells = [printable(OWNERS.get(owner) ?? owner), grouped(size / PAGE_SIZE), exactSize(size), ranges + more];
    return { cells, remark: owner === "table" ? tableLevels(kernel) : "" };
  };
  const used = [...owners].filter(([, runs]) => runs.length > 0);
  return table(["owner", "pages", "size", "physical"], used, toRow, paint);
}

function tableLevels({ pageTable }: Kernel): string {
  const levels = [0, 0, 0, 0, 0];
  for (const { level } of pageTable.tables()) levels[level]++;
  return [4, 3, 2, 1].map((level) => `level ${level}: ${grouped(levels[level])}`).join(", ");
}
