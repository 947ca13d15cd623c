/**
 * `kload explain`: prints what a code means.
 *
 * @module
 */

import { closest } from "../arguments/closest.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { usageError } from "../output/cli_error.ts";
import type { Output } from "../output/output.ts";
import { argumentText } from "../output/text.ts";
import { codeList, explanation } from "../report/explain_report.ts";
import { versionedJson } from "../report/json.ts";
import { allTopics, type Topic } from "../report/topics.ts";

/**
 * Prints the documentation of a code, or the list of all codes.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @returns The exit status.
 */
export async function explain({ source: typed }: Arguments, output: Output): Promise<number> {
  const topics = allTopics();
  const code = codeIn(typed);
  const wanted = code === "" ? topics : topics.filter((topic) => topic.code === code);
  if (wanted.length === 0) throw unknownCode(code, topics);
  if (output.json) {
    await output.print(versionedJson({ ...(code === "" ? {} : { code }), topics: wanted }));
  } else if (!output.quiet) {
    await output.print(code === "" ? codeList(topics, output.paint) : explanation(wanted, output.paint));
  }
  return 0;
}

/** A code may be copied with what reports have around it, such as "error[not-elf]:". */
function codeIn(typed: string): string {
  return /^\w+\[([^\]]+)\]:?$/.exec(typed)?.[1] ?? typed;
}

function unknownCode(code: string, topics: readonly Topic[]): Error {
  const guess = closest(code, topics.map((topic) => topic.code));
  const hint = guess === undefined ? "kload explain lists all codes." : `Did you mean kload explain ${guess}?`;
  return usageError(`Cannot explain ${argumentText(code)}: there is no such code`, hint, { code });
}
