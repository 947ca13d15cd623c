/**
 * What was found in a file, as a sentence that stands by itself.
 *
 * @module
 */

import type { Breach } from "../../loaders/mod.ts";

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
