/**
 * The report of `kload inspect` for people.
 *
 * @module
 */

import type { Headers, ProgramHeader } from "../../mod.ts";
import { errorHint } from "../../core/errors.ts";
import type { Paint } from "../output/paint.ts";
import { grouped, hex } from "../output/text.ts";
import { diagnosticLines, warningCount } from "./diagnostics.ts";
import { fileKind } from "./header_names.ts";
import { headersTable } from "./headers_table.ts";
import type { Findings } from "./json.ts";
import { headline, labelled, remarkLines, sections } from "./report_parts.ts";

/**
 * The report on the headers of a file.
 *
 * @param name The name of the file.
 * @param headers The headers.
 * @param findings What the default rules find in them; `undefined` if they could not be applied.
 * @param paint The colors and the width.
 * @param verbose Whether to show diagnostics of severity "info" too.
 * @returns Lines of text.
 */
export function headersReport(
  name: string,
  headers: Headers,
  findings: Findings | undefined,
  paint: Paint,
  verbose: boolean,
): string {
  const { fileHeader, programHeaders, bytesRead } = headers;
  const { e_entry, e_phnum, e_phoff, e_shnum, e_shoff } = fileHeader;
  const facts: [string, string][] = [
    ["entry point", hex(e_entry)],
    ["program headers", e_phnum === 0 ? "none" : `${e_phnum} at file offset ${hex(e_phoff)}`],
    ["section headers", e_shnum === 0 ? "none" : `${e_shnum} at file offset ${hex(e_shoff)}`],
    ["bytes read", grouped(bytesRead)],
  ];
  const remarks = findings ? findingLines(findings, paint, verbose) : [];
  return sections([
    [...headline(name, [fileKind(fileHeader), ...verdict(findings)], paint), ...labelled(facts, paint)],
    programHeaders.length === 0 ? [] : [
      paint.title("Program headers"),
      ...headersTable(programHeaders, 0n, physicalRemark, paint),
    ],
    remarks.length === 0 ? [] : [paint.title("Findings of the default rules"), ...remarks],
  ]);
}

function verdict(findings: Findings | undefined): readonly string[] {
  if (!findings) return [];
  const objection = findings.objection ? "refused by the default rules" : "nothing in its headers to refuse";
  return [objection, ...warningCount(findings.diagnostics)];
}

function physicalRemark({ p_paddr, p_vaddr }: ProgramHeader): string {
  return p_paddr === p_vaddr ? "" : `p_paddr ${hex(p_paddr)}`;
}

function findingLines({ objection, diagnostics }: Findings, paint: Paint, verbose: boolean): readonly string[] {
  const remarks = diagnosticLines(diagnostics, paint, verbose);
  if (!objection) return remarks;
  const { code, message, detail } = objection;
  return [...remarkLines(`refused[${code}]:`, message, errorHint(code, detail), paint, paint.error), ...remarks];
}
