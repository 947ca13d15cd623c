/**
 * The report of `kload load` for people.
 *
 * @module
 */

import type { AnyPlugin, FrameRun, RuleSetName } from "../../mod.ts";
import type { Mapping } from "../../core/paging/mod.ts";
import { ET_DYN, PT_LOAD } from "../../core/elf/constants.ts";
import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { Paint } from "../output/paint.ts";
import { type Row, table } from "../output/table.ts";
import { count, exactSize, grouped, hex, hexRange, indexRanges, printable } from "../output/text.ts";
import { describeResults } from "./describe_results.ts";
import { diagnosticsSection, warningCount } from "./diagnostics.ts";
import { fileKind } from "../../core/elf/header_names.ts";
import { mappingLetters } from "../../core/elf/permission_letters.ts";
import { headersTable } from "./headers_table.ts";
import type { Kernel } from "./kernel.ts";
import { protocolFacts, unpackedFacts, userProgram } from "./file_facts.ts";
import type { Recognized } from "./recognized.ts";
import { OWNER_TEXTS, ownerText } from "./owner_text.ts";
import { headline, labelled, sections } from "./report_parts.ts";
import { segmentOutcomes } from "./segment_outcomes.ts";

/** What a report needs besides the kernel. */
export interface About {
  /** The name of the file. */
  readonly name: string;
  /** What was recognized of it. */
  readonly recognized: Recognized;
  /** The rule set that it was loaded by. */
  readonly rules: RuleSetName;
  /** The plugins that it was loaded with. */
  readonly plugins: readonly AnyPlugin[];
  /** The value of --kernel-base, if given. */
  readonly kernelBase?: bigint;
  /** The file that memory was written to, and its size in bytes, if any. */
  readonly dump?: { readonly path: string; readonly size: number };
  /** Whether to show diagnostics of severity "info" too. */
  readonly verbose: boolean;
  /** Whether a warning makes the exit status 1. */
  readonly strict: boolean;
}

/** The most ranges to list in a cell. */
const MOST_RANGES = 2;

/**
 * The report on a loaded kernel: the verdict first, then facts, tables and remarks.
 *
 * @param kernel The kernel.
 * @param about What the report needs besides the kernel.
 * @param paint The colors and the width.
 * @returns Lines of text.
 */
export function loadReport(kernel: Kernel, about: About, paint: Paint): string {
  const { programHeaders, virtualAddressOffset, diagnostics } = kernel;
  const { rules, plugins, verbose } = about;
  const results = describeResults(kernel.results);
  const mappings = [...kernel.mappings()];
  return sections([
    [...verdictLines(kernel, about, paint), ...factLines(kernel, about, paint)],
    [
      paint.title("Program headers"),
      ...headersTable(programHeaders, virtualAddressOffset, segmentOutcomes(kernel, rules, plugins, mappings), paint),
    ],
    [paint.title("Mappings"), ...mappingLines(mappings, paint)],
    [paint.title("Frames"), ...frameLines(kernel, paint)],
    results.length === 0 ? [] : [paint.title("Found by plugins"), ...labelled(results, paint)],
    diagnosticsSection(diagnostics, paint, verbose),
  ]);
}

function verdictLines({ diagnostics }: Kernel, { name, recognized, strict }: About, paint: Paint): readonly string[] {
  const warnings = warningCount(diagnostics);
  const consequence = strict && warnings.length > 0 ? ["exit status 1 because of --strict"] : [];
  const about = userProgram(recognized);
  return headline(name, [...(about === undefined ? [] : [about]), "loads", ...warnings, ...consequence], paint);
}

function factLines(kernel: Kernel, { recognized, rules, kernelBase, dump }: About, paint: Paint): readonly string[] {
  const { fileHeader, bytesRead, entryPoint, memory, tlsTemplate, level4Frame, nextFrame, framesAllocated } = kernel;
  const entry = kernel.pageTable.translate(entryPoint);
  const facts: (readonly [string, string])[] = [
    ["file", `${fileKind(fileHeader)}, ${count(bytesRead, "byte")} read`],
    ...unpackedFacts(recognized.layers),
    ...protocolFacts(recognized.protocols),
    ["rules", rules],
    ["entry point", `${hex(entryPoint)}, ${entry.mapped ? `physical ${hex(entry.phys)}` : "not mapped"}`],
    ["kernel base", baseFact(kernel, rules, kernelBase)],
  ];
  if (tlsTemplate) {
    const { startAddr, fileSize, memSize, align } = tlsTemplate;
    const sizes = `${count(fileSize, "byte")}, ${grouped(memSize)} in memory, align ${hex(align)}`;
    facts.push(["TLS template", `${hex(startAddr)}: ${sizes}`]);
  }
  facts.push(
    ["level-4 table", `${hex(level4Frame)}, entries in use: ${indexRanges(kernel.usedLevel4Entries).join(", ")}`],
    ["next free frame", `${hex(nextFrame)}, ${count(framesAllocated, "frame")} allocated`],
    ["memory", `${hexRange(memory.base, memory.size)}, ${exactSize(memory.size)}`],
  );
  if (dump) facts.push(["dump", `${printable(dump.path)}, ${exactSize(dump.size)}`]);
  return labelled(facts, paint, dump ? [printable(dump.path)] : []);
}

function baseFact(kernel: Kernel, rules: RuleSetName, kernelBase: bigint | undefined): string {
  const { fileHeader, virtualAddressOffset } = kernel;
  if (kernelBase === undefined && fileHeader.e_type !== ET_DYN) return "none: the file's addresses are fixed";
  const automatic = canBeGiven(kernel, rules)
    ? "automatic; --kernel-base overrides it"
    : "automatic, and none that --kernel-base takes";
  return `${hex(virtualAddressOffset)}, added to every p_vaddr (${
    kernelBase === undefined ? automatic : "set by --kernel-base"
  })`;
}

/** The rules of bootloader 0.11 choose unaligned bases, and bases below 0, but do not take them. */
function canBeGiven({ programHeaders, virtualAddressOffset }: Kernel, rules: RuleSetName): boolean {
  if (rules !== "bootloader-0.11") return true;
  const loads = programHeaders.filter(({ p_type }) => p_type === PT_LOAD);
  const align = loads.reduce((largest, { p_align }) => p_align > largest ? p_align : largest, 1n);
  return virtualAddressOffset % align === 0n &&
    loads.every(({ p_vaddr }) => p_vaddr + virtualAddressOffset < 1n << 64n);
}

function mappingLines(mappings: readonly Mapping[], paint: Paint): readonly string[] {
  const toRow = (mapping: Mapping): Row => {
    const { virt, phys, size, writable, executable } = mapping;
    const cells = [hexRange(virt, size), hex(phys), exactSize(size), mappingLetters(mapping)];
    return { cells, remark: writable && executable ? "writable and executable" : "" };
  };
  return table(["virtual range", "physical", "size", "flags"], mappings, toRow, paint);
}

function frameLines(kernel: Kernel, paint: Paint): readonly string[] {
  const owners = new Map<string, FrameRun[]>([...OWNER_TEXTS.keys()].map((owner) => [owner, []]));
  for (const run of kernel.frameRuns()) {
    const runs = owners.get(run.owner);
    if (runs) runs.push(run);
    else owners.set(run.owner, [run]);
  }
  const toRow = ([owner, runs]: readonly [string, readonly FrameRun[]]): Row => {
    const size = runs.reduce((sum, run) => sum + run.size, 0);
    const ranges = runs.slice(0, MOST_RANGES).map((run) => hexRange(run.phys, run.size)).join(", ");
    const more = runs.length > MOST_RANGES ? ` and ${grouped(runs.length - MOST_RANGES)} more` : "";
    const cells = [ownerText(owner), grouped(size / PAGE_SIZE), exactSize(size), ranges + more];
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
