/**
 * Building blocks of reports.
 *
 * @module
 */

import type { Paint } from "../output/paint.ts";
import { printable, wrap } from "../output/text.ts";

/** Labels, and the texts next to them. */
export type Facts = readonly (readonly [label: string, text: string])[];

/**
 * Joins the sections of a report.
 *
 * @param parts The lines of each section; empty sections are omitted.
 * @returns The text, with a blank line between two sections.
 */
export function sections(parts: readonly (readonly string[])[]): string {
  return parts.filter((lines) => lines.length > 0).map((lines) => lines.join("\n") + "\n").join("\n");
}

/**
 * The first line of a report: a file's name, and the verdict on it.
 *
 * @param name The name of the file.
 * @param facts The verdict, or what the file is.
 * @param paint The colors and the width.
 * @returns One line, or more if the name is long; the name is never wrapped.
 */
export function headline(name: string, facts: readonly string[], paint: Paint): readonly string[] {
  const title = printable(name);
  const rest = facts.join(", ");
  if (title.length + 2 + rest.length <= paint.width) return [`${paint.title(title)}: ${rest}`];
  return [`${paint.title(title)}:`, ...wrap(rest, paint.width - 2).map((line) => `  ${line}`)];
}

/**
 * Lays out texts next to their labels.
 *
 * @param facts Labels and texts.
 * @param paint The colors and the width.
 * @param whole Parts of the texts that are never wrapped, such as paths.
 * @returns The lines.
 */
export function labelled(
  facts: Facts,
  paint: Paint,
  whole: readonly string[] = [],
): readonly string[] {
  const width = Math.max(...facts.map(([label]) => label.length));
  return facts.flatMap(([label, text]) => {
    const [first, ...more] = wrap(text, paint.width - width - 4, whole);
    return [`  ${paint.faint(label.padEnd(width))}  ${first}`, ...more.map((line) => " ".repeat(width + 4) + line)];
  });
}

/**
 * Lays out a remark next to its label, with its hint below.
 *
 * @param label Such as "warning[stack-executable]:".
 * @param text The remark.
 * @param hint What to do about it, if anything; an empty one is left out.
 * @param paint The colors and the width.
 * @param color Colors the label.
 * @returns The lines.
 */
export function remarkLines(
  label: string,
  text: string,
  hint: string | undefined,
  paint: Paint,
  color: (text: string) => string,
): readonly string[] {
  const shown = printable(label);
  const [first, ...more] = wrap(`${shown} ${printable(text)}`, paint.width - 4, [shown]);
  const hints = hint ? wrap(`hint: ${printable(hint)}`, paint.width - 4) : [];
  return [
    `  ${color(shown)}${first.slice(shown.length)}`,
    ...more.map((line) => `    ${line}`),
    ...hints.map((line) => `    ${paint.faint(line)}`),
  ];
}
