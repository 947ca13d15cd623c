/**
 * The parts that reports are made of.
 *
 * @module
 */

import type { Diagnostic } from "../../mod.ts";
import type { Paint } from "../output/paint.ts";
import { WIDTH } from "../output/table.ts";
import { printable, wrap } from "../output/text.ts";

/**
 * Puts sections under each other.
 *
 * @param parts The lines of each; one without lines is left out.
 * @returns The text, with a blank line between two sections.
 */
export function sections(parts: readonly (readonly string[])[]): string {
  return parts.filter((lines) => lines.length > 0).map((lines) => lines.join("\n") + "\n").join("\n");
}

/**
 * The first line of a report: a file's name, and what it is.
 *
 * @param name What to call the file.
 * @param facts What there is to say of it.
 * @param paint The colours.
 * @returns One line, or two where the name is long.
 */
export function headline(name: string, facts: readonly string[], paint: Paint): readonly string[] {
  const title = printable(name);
  const rest = facts.join(", ");
  return title.length + 2 + rest.length <= WIDTH ? [`${paint.title(title)}: ${rest}`] : [paint.title(title), rest];
}

/**
 * Texts behind their labels.
 *
 * @param facts Labels and texts.
 * @param paint The colours.
 * @returns The lines.
 */
export function labelled(facts: readonly (readonly [string, string])[], paint: Paint): readonly string[] {
  const width = Math.max(...facts.map(([label]) => label.length));
  return facts.flatMap(([label, text]) => {
    const [first, ...more] = wrap(text, WIDTH - width - 4);
    return [`  ${paint.faint(label.padEnd(width))}  ${first}`, ...more.map((line) => " ".repeat(width + 4) + line)];
  });
}

/**
 * Diagnostics, each with its hint.
 *
 * @param diagnostics The diagnostics.
 * @param paint The colours.
 * @returns The lines.
 */
export function diagnosticLines(diagnostics: readonly Diagnostic[], paint: Paint): readonly string[] {
  return diagnostics.flatMap(({ code, severity, message, hint }) => {
    const label = `${severity}[${code}]:`;
    const [first, ...more] = wrap(`${label} ${printable(message)}`, WIDTH - 4);
    const painted = (severity === "warning" ? paint.warning : paint.label)(label);
    return [
      `  ${painted}${first.slice(label.length)}`,
      ...more.map((line) => `    ${line}`),
      ...(hint === undefined ? [] : wrap(`hint: ${printable(hint)}`, WIDTH - 4)).map((line) =>
        `    ${paint.faint(line)}`
      ),
    ];
  });
}
