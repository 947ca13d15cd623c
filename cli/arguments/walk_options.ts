/**
 * The values of the flags of `kload walk`.
 *
 * @module
 */

import { usageError } from "../output/cli_error.ts";
import { parseBytes } from "./numbers.ts";
import { readValue } from "./read_value.ts";

const LIMIT = 16;

/**
 * Reads the value of `--limit`.
 *
 * @param values The values as typed, by flag name.
 * @param physical Whether `--physical` is given, which alone lists anything.
 * @returns The limit.
 * @throws {CliError} "usage" if it is not a number, or there is nothing to limit.
 */
export function readLimit(values: ReadonlyMap<string, string>, physical: boolean): number {
  const limit = readValue(values, "limit", parseBytes);
  if (limit === undefined || physical) return limit ?? LIMIT;
  throw usageError("Cannot use --limit: it only limits the list of --physical", undefined, { flag: "limit" });
}
