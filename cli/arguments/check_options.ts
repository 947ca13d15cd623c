/**
 * What the arguments of `kload check` ask for.
 *
 * @module
 */

import type { LoaderName } from "../../loaders/mod.ts";
import { usageError } from "../output/cli_error.ts";
import { FAIL_ON_CHOICES, LOADER_NAMES } from "./check_commands.ts";
import { parseChoice } from "./choice.ts";
import { parseAddress, parseBytes } from "./numbers.ts";
import { outputPath } from "./output_path.ts";
import type { Arguments } from "./parse_arguments.ts";
import { readValue } from "./read_value.ts";

/** The least memory that a PC can have; what lies below it belongs to the firmware. */
const MEMORY_MIN = 2 ** 20;

/** What to check, and what to do with the result. */
export interface CheckRequest {
  /** The loaders to ask; `undefined` for all. */
  readonly loaders?: readonly LoaderName[];
  /** The machine's memory in bytes. */
  readonly memory?: number;
  /** Where kload places a position-independent kernel. */
  readonly kernelBase?: bigint;
  /** The most bytes to allocate. */
  readonly maxMemory?: number;
  /** Which findings make the exit status 1. */
  readonly failOn: typeof FAIL_ON_CHOICES[number];
  /** Whether to print a SARIF log. */
  readonly sarif: boolean;
  /** Where to write the fixed file. */
  readonly fixTo?: string;
}

/**
 * Reads the arguments.
 *
 * @param args The arguments.
 * @returns What they ask for.
 * @throws {CliError} "usage" if a value is malformed, or flags contradict each other.
 */
export function checkRequest({ values, lists, switches }: Arguments): CheckRequest {
  const named = lists.get("for");
  if (switches.has("sarif") && switches.has("json")) {
    throw usageError("Cannot use --sarif: --json was already given", "Only one of them can be printed.", {
      flag: "sarif",
    });
  }
  return {
    loaders: named && [...new Set(named.flatMap(loaderNames))],
    memory: readValue(values, "memory", (flag, text) => parseBytes(flag, text, MEMORY_MIN)),
    kernelBase: readValue(values, "kernel-base", parseAddress),
    maxMemory: readValue(values, "max-memory", (flag, text) => parseBytes(flag, text, 1)),
    failOn: readValue(values, "fail-on", (flag, text) => parseChoice(flag, text, FAIL_ON_CHOICES)) ?? "error",
    sarif: switches.has("sarif"),
    fixTo: fixedPath(values, switches.has("fix")),
  };
}

function loaderNames(list: string): readonly LoaderName[] {
  return list.split(",").map((name) => parseChoice("for", name.trim(), LOADER_NAMES));
}

function fixedPath(values: ReadonlyMap<string, string>, fixes: boolean): string | undefined {
  if (fixes) return outputPath(values, "check --fix");
  const path = values.get("output");
  if (path === undefined) return undefined;
  const hint = "Add --fix to write a fixed copy; --json and --sarif print to standard output.";
  throw usageError("Cannot use --output: without --fix, nothing is written", hint, { flag: "output", value: path });
}
