/**
 * The flag that names the file to write.
 *
 * @module
 */

import { usageError } from "../output/cli_error.ts";

/**
 * Reads the path that `--output` names.
 *
 * @param values The values of the flags.
 * @param command The command, for the hint.
 * @returns The path.
 * @throws {CliError} "usage" if it is missing, or standard output.
 */
export function outputPath(values: ReadonlyMap<string, string>, command: string): string {
  const path = values.get("output");
  const hint = `Name a file: kload ${command} kernel.elf -o FILE`;
  if (path === undefined) throw usageError("Cannot write the file: no -o FILE given", hint, { flag: "output" });
  if (path !== "-") return path;
  throw usageError("Cannot use --output -: the file cannot be written to standard output", hint, {
    flag: "output",
    value: path,
  });
}
