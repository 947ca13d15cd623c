/**
 * Tells of what went wrong: as text on standard error, or as the JSON object that a program asked for.
 *
 * @module
 */

import type { RuleSetName } from "../../mod.ts";
import type { Problem } from "../output/cli_error.ts";
import { spellFlags } from "../output/flag_names.ts";
import { errorJson } from "./json.ts";
import type { Output } from "../output/output.ts";
import type { Paint } from "../output/paint.ts";
import { printable } from "../output/text.ts";

/** Finds out which other rule sets accept the file; `undefined` where that cannot be known. */
export type FindOtherRules = () => Promise<readonly RuleSetName[] | undefined>;

/**
 * Tells of a problem: in JSON on standard output where that was asked for, else in words on standard error.
 *
 * @param problem The problem.
 * @param output Where to.
 * @param findOtherRules Asked for the note on other rule sets; words do not wait for it.
 * @returns The exit status.
 */
export async function tell(problem: Problem, output: Output, findOtherRules?: FindOtherRules): Promise<number> {
  if (output.json && problem.code !== "output-failed") {
    const shown = output.verbose ? problem : { ...problem, stack: undefined };
    await output.print(errorJson(shown, await findOtherRules?.()));
  } else if (problem.code !== "interrupted") {
    await output.printError(problemText(problem, output));
    const names = await findOtherRules?.();
    if (names) await output.printError(noteText(names, output.paintError));
  }
  return problem.status;
}

function problemText({ code, message, cause, hint, stack }: Problem, { paintError: paint, verbose }: Output): string {
  const lines = [paint.error(`error[${code}]:`) + ` ${printable(spellFlags(message))}`];
  if (cause !== undefined) lines.push(`${paint.label("cause:")} ${printable(cause)}`);
  if (stack !== undefined && verbose) lines.push(...stack.split("\n").map((frame) => `  ${printable(frame)}`));
  if (hint !== undefined) lines.push(`${paint.label("hint:")} ${printable(spellFlags(hint))}`);
  if (stack !== undefined && !verbose) lines.push(`${paint.label("hint:")} --verbose shows the stack of the error.`);
  return lines.join("\n") + "\n";
}

function noteText(names: readonly RuleSetName[], paint: Paint): string {
  const lines = names.map((name) => `--rules ${name} would accept this file`);
  if (names.length === 0) lines.push("no other rule set accepts it");
  return lines.map((line) => `${paint.label("note:")} ${line}\n`).join("");
}
