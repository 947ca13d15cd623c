/**
 * Prints what went wrong: as text on standard error, or as the JSON object that a program asked for.
 *
 * @module
 */

import type { RuleSetName } from "../../mod.ts";
import type { Output } from "../output/output.ts";
import { printable, wrap } from "../output/text.ts";
import { diagnosticLines } from "./diagnostics.ts";
import { errorJson } from "./json.ts";
import type { Problem } from "./problem.ts";

/** What the other rule sets do with a file that was refused. */
export interface OtherRules {
  /** Those by which it loads rightly. */
  readonly accepting: readonly RuleSetName[];
  /** Whether all of them refuse it. */
  readonly allRefuse: boolean;
}

/** Finds out what the other rule sets do with the file; `undefined` if that cannot be known. */
export type FindOtherRules = () => Promise<OtherRules | undefined>;

/**
 * Prints a problem: in JSON on standard output if that was asked for, else in words on standard error.
 *
 * @param problem The problem.
 * @param output Where to print.
 * @param findOtherRules Asked for the note on other rule sets; the words are printed before it answers.
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
  const { name, verdict, code, message, detail, cause, hint, command, stack, diagnostics = [] } = problem;
  // What the command line says of names and values is short: piped, it stays on one line, whatever a name looks like.
  const width = problem.diagnostics || paint.folds ? paint.width : Infinity;
  const whole = Object.values(detail).filter((value) => typeof value === "string").map(printable);
  const lines = (label: string, text: string, colour: (text: string) => string): readonly string[] => {
    const [first, ...more] = wrap(`${label} ${printable(text)}`, width - 2, whole);
    return [colour(label) + first.slice(label.length), ...more.map((line) => `  ${line}`)];
  };
  return [
    ...(name === undefined ? [] : [`${paint.title(printable(name))}: ${verdict}`]),
    ...lines(`error[${code}]:`, message, paint.error),
    ...(cause === undefined ? [] : lines("cause:", cause, paint.label)),
    ...(verbose && stack !== undefined ? stack.split("\n").map((frame) => `  ${printable(frame)}`) : []),
    ...(hint === undefined ? [] : lines("hint:", hint, paint.label)),
    ...(command === undefined ? [] : [`  ${command}`]),
    ...(verbose || stack === undefined ? [] : lines("hint:", "--verbose shows the stack of the error.", paint.label)),
    ...diagnosticLines(diagnostics, paint, verbose),
  ].map((line) => `${line}\n`).join("");
}

function noteText({ accepting, allRefuse }: OtherRules, { paintError: paint }: Output): string {
  const notes = accepting.map((name) => `--rules ${name} would accept this file`);
  if (allRefuse) notes.push("no other rule set accepts it");
  return notes.map((note) => `${paint.label("note:")} ${note}\n`).join("");
}
