/**
 * Advice on a file of some format, as it is printed.
 *
 * @module
 */

import type { FormatAdvice } from "../../formats/mod.ts";
import { quotedPath } from "./shell_quote.ts";

/**
 * Puts the file's path into the command.
 *
 * @param advice The advice, if any.
 * @param name What the source is called: a path, unless it is standard input or a URL.
 * @returns The advice, with a command that can be copied.
 */
export function formatAdvice(advice: FormatAdvice | undefined, name: string): FormatAdvice | undefined {
  if (advice?.command === undefined) return advice;
  const isPath = name !== "" && name !== "standard input" && !/^[a-z][a-z0-9+.-]*:\/\//i.test(name);
  return isPath ? { ...advice, command: advice.command.replace(/\bFILE\b/, () => quotedPath(name)) } : advice;
}
