/**
 * Prints what went wrong: as text on standard error or, with --json, as an object on standard output.
 *
 * @module
 */

import type { RuleSetName } from "../../mod.ts";
import type { Output } from "../output/output.ts";
import { printable, wrap } from "../output/text.ts";
import { diagnosticLines } from "./diagnostics.ts";
import { errorJson } from "./json.ts";
import type { Problem } from "./problem.ts";
import { headline } from "./report_parts.ts";

/** What the other rule sets do with a refused file. */
export interface OtherRules {
  /** Those that load it correctly. */
  readonly accepting: readonly RuleSetName[];
  /** Whether all of them refuse it. */
  readonly allRefuse: boolean;
}

/** Finds out what the other rule sets do with the file; resolves to `undefined` if that cannot be determined. */
export type FindOtherRules = () => Promise<OtherRules | undefined>;

/**
 * Prints a problem: with --json as an object on standard output, otherwise as text on standard error.
 *
 * @param problem The problem.
 * @param output Where to print.
 * @param findOtherRules Finds what the note on other rule sets says; the other text is printed before it resolves.
 * @returns The exit status.
 */
export async function printError(
  problem: Problem,
  output: Output,
  findOtherRules?: FindOtherRules,
): Promise<number> {
  if (output.json && problem.code !== "output-failed") {
    const shown = output.verbose ? problem : { ...problem, stack: undefined };
    await output.print(errorJson(shown, (await findOtherRules?.())?.accepting));
  } else if (problem.code !== "interrupted") {
    await output.printError(problemText(problem, output));
    const others = await findOtherRules?.();
    if (others) await output.printError(noteText(others, output));
  }
  return problem.status;
}

function problemText(problem: Problem, { paintError: paint, verbose }: Output): string {
  const { name, verdict = "", about, code, message, detail, cause, hint, command, stack, diagnostics = [], listing } =
    problem;
  // The command line's own messages are short: in a pipe, each stays on one line, however long the names in it are.
  const width = problem.diagnostics || paint.folds ? paint.width : Infinity;
  const whole = Object.values(detail).filter((value) => typeof value === "string").map(printable);
  const lines = (label: string, text: string, color: (text: string) => string): readonly string[] => {
    const shown = printable(label);
    const [first, ...more] = wrap(`${shown} ${printable(text)}`, width - 2, [shown, ...whole]);
    return [color(shown) + first.slice(shown.length), ...more.map((line) => `  ${line}`)];
  };
  return [
    ...(name === undefined
      ? []
      : about === undefined
      ? [`${paint.title(printable(name))}: ${verdict}`]
      : headline(name, [about, verdict], { ...paint, width })),
    ...lines(`error[${code}]:`, message, paint.error),
    ...(cause === undefined ? [] : lines("cause:", cause, paint.label)),
    ...(verbose && stack !== undefined ? stack.split("\n").map((frame) => `  ${printable(frame)}`) : []),
    ...(hint === undefined ? [] : lines("hint:", hint, paint.label)),
    ...(command === undefined ? [] : [`  ${command}`]),
    ...(verbose || stack === undefined ? [] : lines("hint:", "--verbose shows the error's stack.", paint.label)),
    ...diagnosticLines(diagnostics, paint, verbose, listing),
  ].map((line) => `${line}\n`).join("");
}

function noteText({ accepting, allRefuse }: OtherRules, { paintError: paint }: Output): string {
  const notes = accepting.map((name) => `--rules ${name} would accept this file`);
  if (allRefuse) notes.push("no other rule set accepts this file");
  return notes.map((note) => `${paint.label("note:")} ${note}\n`).join("");
}
