/**
 * What was found in a file, as a sentence that stands by itself.
 *
 * @module
 */

import type { FormatAdvice } from "../../formats/format.ts";
import type { Breach, Verdict } from "../../loaders/mod.ts";
import { formatAdvice, pathOfSource } from "../output/format_advice.ts";

/**
 * The message of a verdict or finding, with the program header in front that it is about, unless it names that itself.
 *
 * @param breach The message and the header's index.
 * @returns Such as "Program header 1: p_offset is 0x1000, past the end of the file."
 */
export function breachText({ index, message }: Partial<Pick<Breach, "index" | "message">>): string {
  const text = message ?? "";
  if (index === undefined || new RegExp(`\\bprogram header ${index}\\b`, "i").test(text)) return text;
  return `Program header ${index}: ${text}`;
}

/**
 * What to do about a verdict, with the file's path in the command.
 *
 * @param verdict The verdict.
 * @param name The name of the file.
 * @returns The hint, and the command after it.
 */
export function verdictAdvice(
  { hint, command, unpacked }: Pick<Verdict, "hint" | "command" | "unpacked">,
  name: string,
): Partial<FormatAdvice> {
  return hint === undefined ? {} : formatAdvice({ hint, command }, pathOfSource(name), unpacked);
}
