/**
 * The report on the headers of a file, for people.
 *
 * @module
 */

import { errorHint, type Headers, type ProgramHeader } from "../../mod.ts";
import { headersTable } from "./headers_table.ts";
import type { Findings } from "./json.ts";
import { fileKind } from "./header_names.ts";
import type { Paint } from "../output/paint.ts";
import { diagnosticLines, headline, labelled, sections } from "./report_parts.ts";
import { WIDTH } from "../output/table.ts";
import { count, hex, printable, wrap } from "../output/text.ts";

/**
 * The report on the headers of a file.
 *
 * @param name What to call the file.
 * @param headers The headers.
 * @param findings What the default rules find in them; `undefined` where they could not be asked.
 * @param paint The colours.
 * @returns Lines of text, no wider than 100 columns unless a name is.
 */
export function headersReport(name: string, headers: Headers, findings: Findings | undefined, paint: Paint): string {
  const { fileHeader, programHeaders, bytesRead } = headers;
  const { e_entry, e_phnum, e_phoff, e_shnum, e_shoff } = fileHeader;
  const facts: [string, string][] = [
    ["entry point", hex(e_entry)],
    ["program headers", e_phnum === 0 ? "none" : `${e_phnum} at file offset ${hex(e_phoff)}`],
    ["section headers", e_shnum === 0 ? "none" : `${e_shnum} at file offset ${hex(e_shoff)}`],
  ];
  return sections([
    [
      ...headline(name, [fileKind(fileHeader), `${count(bytesRead, "byte")} read`], paint),
      ...labelled(facts, paint),
    ],
    programHeaders.length === 0 ? [] : [
      paint.title("Program headers"),
      ...headersTable(programHeaders, 0n, physicalRemark, paint),
    ],
    findings ? [paint.title("By the default rules"), ...findingLines(findings, paint)] : [],
  ]);
}

function physicalRemark({ p_paddr, p_vaddr }: ProgramHeader): string {
  return p_paddr === p_vaddr ? "" : `p_paddr ${hex(p_paddr)}`;
}

function findingLines({ objection, diagnostics }: Findings, paint: Paint): readonly string[] {
  const remarks = diagnosticLines(diagnostics, paint);
  if (!objection) return ["  The headers give no reason to refuse the file.", ...remarks];
  const label = `refused[${objection.code}]:`;
  const [first, ...more] = wrap(`${label} ${printable(objection.message)}`, WIDTH - 4);
  return [
    `  ${paint.error(label)}${first.slice(label.length)}`,
    ...more.map((line) => `    ${line}`),
    ...wrap(`hint: ${errorHint(objection.code)}`, WIDTH - 4).map((line) => `    ${paint.faint(line)}`),
    ...remarks,
  ];
}
