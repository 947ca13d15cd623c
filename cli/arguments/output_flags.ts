/**
 * The flags that control output. They are read before the arguments are checked, so that even an unknown flag is
 * reported in JSON or in color if asked for.
 *
 * @module
 */

import type { Command } from "./flag.ts";
import { COLOR_CHOICES } from "../output/color.ts";
import type { OutputFlags } from "../output/output.ts";
import { tokens } from "./tokens.ts";

/**
 * Reads the flags that control output, ignoring whatever is malformed.
 *
 * @param command The command.
 * @param args The arguments after its name.
 * @returns The flags.
 */
export function outputFlags({ flags }: Command, args: readonly string[]): OutputFlags {
  const given = tokens(args, flags).filter((token) => token.kind === "flag");
  const has = (name: string): boolean => given.some(({ flag }) => flag.name === name);
  const color = given.find(({ flag }) => flag.name === "color")?.value;
  return {
    json: has("json"),
    quiet: has("quiet"),
    verbose: has("verbose"),
    color: COLOR_CHOICES.find((choice) => choice === color) ?? "auto",
  };
}
