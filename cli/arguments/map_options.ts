/**
 * What the arguments of `kload map` ask for.
 *
 * @module
 */

import { DEFAULT_LIMIT } from "../../explain/map/map_model.ts";
import { parseFilter } from "../../explain/map/run_filter.ts";
import type { DeepestLevel } from "../../explain/map/table_entries.ts";
import { usageError } from "../output/cli_error.ts";
import { argumentText } from "../output/text.ts";
import { LEVEL_CHOICES } from "./map_command.ts";
import { parseChoice } from "./choice.ts";
import { parseInteger, valueError } from "./numbers.ts";
import type { Arguments } from "./parse_arguments.ts";
import { readValue } from "./read_value.ts";

/** What to show of an address space, and how. */
export interface MapRequest {
  /** The expression that chooses runs, checked. */
  readonly filter?: string;
  /** Whether to show the addresses of gaps. */
  readonly holes: boolean;
  /** Whether to list the page tables. */
  readonly tables: boolean;
  /** Down to which level to show the entries of page tables. */
  readonly level?: DeepestLevel;
  /** Show at most this many runs, tables or entries. */
  readonly limit: number;
  /** Whether to print an image. */
  readonly svg: boolean;
  /** The file to write the image to. */
  readonly path?: string;
}

/** The largest limit. */
const LIMIT_MAX = 2 ** 32;

/**
 * Reads the arguments.
 *
 * @param args The arguments.
 * @returns What they ask for.
 * @throws {CliError} "usage" if a value is malformed, or flags contradict each other.
 */
export function mapRequest({ values, switches }: Arguments): MapRequest {
  const svg = switches.has("svg");
  const path = values.get("output");
  if (svg && switches.has("json") && (path === undefined || path === "-")) {
    const hint = "Only one of them can be printed; -o FILE writes the image to a file.";
    throw usageError("Cannot use --svg: --json was already given", hint, { flag: "svg" });
  }
  if (path !== undefined && !svg) {
    const hint = "Add --svg to write an image; the report and --json go to standard output.";
    throw usageError("Cannot use --output: without --svg, nothing is written", hint, { flag: "output", value: path });
  }
  const onlyRuns = ["filter", "holes", "svg"].find((flag) => values.has(flag) || switches.has(flag));
  if (values.has("level") && onlyRuns !== undefined) {
    const hint = "With --level, the entries of page tables take the place of the runs.";
    throw usageError(`Cannot use --level: --${onlyRuns} is for runs`, hint, { flag: "level" });
  }
  return {
    filter: readValue(values, "filter", checkFilter),
    holes: switches.has("holes"),
    tables: switches.has("tables"),
    level: readValue(values, "level", (flag, text) => Number(parseChoice(flag, text, LEVEL_CHOICES)) as DeepestLevel),
    limit: readValue(values, "limit", parseLimit) ?? DEFAULT_LIMIT,
    svg,
    ...(path === undefined || path === "-" ? {} : { path }),
  };
}

function checkFilter(flag: string, text: string): string {
  const parsed = parseFilter(text);
  if ("filter" in parsed) return text;
  const { at, message } = parsed.fault;
  const where = at >= text.length ? "at its end" : `at character ${[...text.slice(0, at)].length + 1}`;
  throw usageError(
    `Cannot use --${flag} ${argumentText(text)}: ${where}, ${message}`,
    "Examples: 'w&x', '!x & owner:stack', 'section:.text | u'. kload map --help has more.",
    { flag, value: text },
  );
}

function parseLimit(flag: string, text: string): number {
  const value = parseInteger(flag, text);
  if (value >= 1n && value <= LIMIT_MAX) return Number(value);
  throw valueError(flag, text, "must be 1 to 2^32");
}
