/**
 * Advice on a file of some format, as it is printed.
 *
 * @module
 */

import type { FormatAdvice, FormatName } from "../../formats/format.ts";
import { quotedPath } from "./shell_quote.ts";

/** The commands that unpack to standard output. */
const CATS: Readonly<Partial<Record<FormatName, string>>> = {
  gzip: "zcat",
  xz: "xzcat",
  zstd: "zstdcat",
  lz4: "lz4cat",
  bzip2: "bzcat",
  lzma: "lzcat",
};

/** The same command for what a compressed file holds; `undefined` if it cannot be said in one line. */
function throughPipe(command: string, layers: readonly FormatName[]): string | undefined {
  if (layers.length === 0 || !/\bFILE\b/.test(command)) return command;
  const [, reader] = /^(.*) < FILE$/.exec(command) ?? [];
  const cat = layers.length === 1 ? CATS[layers[0]] : undefined;
  return reader === undefined || cat === undefined ? undefined : `${cat} FILE | ${reader}`;
}

/**
 * Puts the file's path into the command.
 *
 * @param advice The advice, with the word `FILE` for the path.
 * @param path The path; without it, a command that needs one is left out.
 * @param layers The containers that the file at the path has around what the advice is about.
 * @returns The advice, with a command that can be copied.
 */
export function formatAdvice(
  { hint, command: plain }: FormatAdvice,
  path?: string,
  layers: readonly FormatName[] = [],
): FormatAdvice {
  if (plain === undefined) return { hint };
  const command = throughPipe(plain, layers);
  if (command === undefined) return { hint: hint.replace(/:$/, ".") };
  if (path === undefined && /\bFILE\b/.test(command)) return { hint: hint.replace(/:$/, ".") };
  return { hint, command: command.replaceAll(/\bFILE\b/g, () => quotedPath(path ?? "")) };
}

/**
 * The path of a source.
 *
 * @param name What the source is called.
 * @returns The name; `undefined` if it is standard input or a URL.
 */
export function pathOfSource(name: string): string | undefined {
  return name === "" || name === "standard input" || /^[a-z][a-z0-9+.-]*:\/\//i.test(name) ? undefined : name;
}
