/**
 * The report of `kload inspect` for people.
 *
 * @module
 */

import type { ProgramHeader } from "../../mod.ts";
import { errorHint } from "../../core/errors.ts";
import type { FormatName } from "../../formats/format.ts";
import type { Paint } from "../output/paint.ts";
import { grouped, hex, listed, printable } from "../output/text.ts";
import { diagnosticLines, warningCount } from "./diagnostics.ts";
import type { ExaminedFile, Findings, InspectedFile } from "./examined_file.ts";
import { fileKind } from "../../core/elf/header_names.ts";
import { headersTable } from "./headers_table.ts";
import { protocolFacts, unpackedFacts, userProgram } from "./file_facts.ts";
import { formatAdvice } from "../output/format_advice.ts";
import { refusalOf, type RefusalText } from "./refusal_of.ts";
import { headline, labelled, remarkLines, sections } from "./report_parts.ts";

/** What a report shows besides the file. */
export interface About {
  /** The name of the file. */
  readonly name: string;
  /** Its path, if it is one that commands can be given. */
  readonly path?: string;
  /** Whether to show diagnostics of severity "info" too. */
  readonly verbose: boolean;
}

/**
 * The report on what a file is.
 *
 * @param file The file.
 * @param about What the report shows besides it.
 * @param paint The colors and the width.
 * @returns Lines of text.
 */
export function inspectReport(file: InspectedFile, about: About, paint: Paint): string {
  const layers = layersOf(file);
  const innermost = layers[layers.length - 1];
  const { elf, findings } = innermost;
  const facts: (readonly [string, string])[] = [
    ...unpackedFacts(layers.slice(0, -1).map(({ format }) => format)),
    ...layers.flatMap(({ protocols }) => protocolFacts(protocols)),
    ...headerFacts(innermost),
    ["bytes read", grouped(file.bytesRead)],
  ];
  const remarks = elf && findings
    ? findingLines(findings, innermost, about, paint)
    : adviceLines(innermost, layers.slice(0, -1).map(({ format }) => format.name), about, paint);
  return sections([
    [...headline(about.name, headlineOf(innermost), paint), ...labelled(facts, paint)],
    !elf || elf.programHeaders.length === 0 ? [] : [
      paint.title("Program headers"),
      ...headersTable(elf.programHeaders, 0n, physicalRemark, paint),
    ],
    remarks,
  ]);
}

/** A file and the file inside it, one after the other. */
function layersOf(file: InspectedFile): readonly InspectedFile[] {
  const layers = [file];
  for (let inside = file.inside; inside; inside = inside.inside) layers.push(inside);
  return layers;
}

function headlineOf(file: InspectedFile): readonly string[] {
  const { format, elf, findings, obstacle } = file;
  if (obstacle) return [printable(format.description), "its contents cannot be read"];
  if (!elf) return [printable(format.description)];
  const objection = findings?.objection ? "refused by the default rules" : "nothing in its headers to refuse";
  const about = userProgram(file);
  return [
    ...(about === undefined ? [] : [about]),
    fileKind(elf.fileHeader),
    ...(findings ? [objection, ...warningCount(findings.diagnostics)] : []),
  ];
}

function headerFacts({ elf, unread }: ExaminedFile): readonly (readonly [string, string])[] {
  if (!elf) return [];
  const { e_entry, e_phnum, e_phoff, e_shnum, e_shoff } = elf.fileHeader;
  return [
    ["entry point", hex(e_entry)],
    ["program headers", e_phnum === 0 ? "none" : `${e_phnum} at file offset ${hex(e_phoff)}`],
    ["section headers", e_shnum === 0 ? "none" : `${e_shnum} at file offset ${hex(e_shoff)}`],
    ...(unread.length === 0 ? [] : [["not read", `${listed(unread)}: more than the 512 MiB that are kept`] as const]),
  ];
}

function physicalRemark({ p_paddr, p_vaddr }: ProgramHeader): string {
  return p_paddr === p_vaddr ? "" : `p_paddr ${hex(p_paddr)}`;
}

function findingLines(
  { objection, diagnostics }: Findings,
  file: ExaminedFile,
  { path, verbose }: About,
  paint: Paint,
): readonly string[] {
  const remarks = diagnosticLines(diagnostics, paint, verbose);
  const lines = objection ? [...objectionLines(objection, file, path, paint), ...remarks] : remarks;
  return lines.length === 0 ? [] : [paint.title("Findings of the default rules"), ...lines];
}

function objectionLines(
  { code, message, detail }: NonNullable<Findings["objection"]>,
  file: ExaminedFile,
  path: string | undefined,
  paint: Paint,
): readonly string[] {
  const text = refusalOf(code, { message, hint: errorHint(code, detail) }, file, path);
  return [
    ...remarkLines(`refused[${code}]:`, text.message, text.hint, paint, paint.error),
    ...(text.command === undefined ? [] : [`      ${text.command}`]),
  ];
}

/** What to do with a file that is not ELF, or that holds what cannot be read. */
function adviceLines(
  file: InspectedFile,
  layers: readonly FormatName[],
  { path }: About,
  paint: Paint,
): readonly string[] {
  const { obstacle } = file;
  if (!obstacle) return hintLines(refusalOf("not-elf", { message: "" }, file, path, layers), paint);
  const { message, advice } = obstacle;
  const hints = advice ? hintLines(formatAdvice(advice, path, layers), paint) : [];
  return [...remarkLines("error:", message, undefined, paint, paint.error), ...hints];
}

function hintLines({ hint, command }: Pick<RefusalText, "hint" | "command">, paint: Paint): readonly string[] {
  if (hint === undefined) return [];
  return [
    ...remarkLines("hint:", hint, undefined, paint, paint.label),
    ...(command === undefined ? [] : [`    ${command}`]),
  ];
}
