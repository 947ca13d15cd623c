/**
 * The two sides of `kload diff`, read from its arguments.
 *
 * @module
 */

import { usageError } from "../output/cli_error.ts";
import { count } from "../output/text.ts";
import { FOREIGN_FLAGS, type ForeignSource, foreignSources } from "./foreign_tables.ts";
import { isGiven } from "./is_given.ts";
import { parseBytes } from "./numbers.ts";
import type { Arguments } from "./parse_arguments.ts";
import { readValue } from "./read_value.ts";

/** One side: a kernel with the arguments of its load, or foreign page tables. */
export type DiffSide =
  | {
    readonly kind: "kernel";
    readonly args: Arguments;
    /** The flags that it is loaded with, such as "--rules bootloader-0.11". */
    readonly flags: readonly string[];
  }
  | { readonly kind: "tables"; readonly source: ForeignSource };

/** What is to be compared, and how. */
export interface DiffRequest {
  /** A and B. */
  readonly sides: readonly [DiffSide, DiffSide];
  /** What counts, and how much to list. */
  readonly options: {
    readonly absolute: boolean;
    readonly accessed: boolean;
    readonly physical: boolean;
    readonly limit?: number;
  };
}

/** The flags that can be given twice. */
const PER_SIDE = ["rules", "kernel-offset", "kernel-base"];
/** All flags of a load that make a difference, in the order in which a report names them. */
const LOAD_FLAGS = [
  ...PER_SIDE,
  ...["memory-base", "memory-size", "level4-frame", "stack-size", "framebuffer", "ramdisk"],
  ...["as-run", "identity", "physical-memory", "plugin", "no-plugin"],
];
const FOREIGN = FOREIGN_FLAGS.map(({ name }) => name);

const EXAMPLES = "kload diff --help shows examples.";

/**
 * Reads what is to be compared.
 *
 * @param args The arguments.
 * @returns The sides and the options.
 * @throws {CliError} "usage" if there are not two sides, or a flag is for a side that does not take it.
 */
export function diffRequest(args: Arguments): DiffRequest {
  const { switches, values } = args;
  const foreign = foreignSources(args);
  const files = [args.source, ...args.operands ?? []].filter((name) => name !== "");
  const limit = readValue(values, "limit", parseBytes);
  return {
    sides: sidesOf(args, files, foreign),
    options: {
      absolute: switches.has("absolute"),
      accessed: switches.has("accessed"),
      physical: switches.has("physical"),
      ...(limit === undefined ? {} : { limit }),
    },
  };
}

function sidesOf(
  args: Arguments,
  files: readonly string[],
  foreign: readonly ForeignSource[],
): DiffRequest["sides"] {
  const [a, b] = files;
  const given = LOAD_FLAGS.filter((flag) => isGiven(args, flag));
  const tables = foreign.map((source): DiffSide => ({ kind: "tables", source }));
  if (files.length + foreign.length > 2) {
    const dumps = foreign.length === 0 ? "" : ` and ${count(foreign.length, "dump")}`;
    throw usageError(`Cannot compare ${count(files.length, "file")}${dumps}: kload diff takes two sides`, EXAMPLES);
  }
  if (files.filter((name) => name === "-").length > 1) {
    throw usageError("Cannot read both sides from standard input", "Save one of them to a file.");
  }
  if (a === undefined) {
    if (tables.length < 2) throw usageError("Cannot run kload diff: A and B are missing", EXAMPLES);
    const [flag] = given;
    if (flag === undefined) return [tables[0], tables[1]];
    throw usageError(`Cannot use --${flag}: both sides are page tables, and no kernel is loaded`, undefined, { flag });
  }
  if (tables.length === 1) {
    const flag = PER_SIDE.find((flag) => countOf(args, flag) > 1);
    if (flag === undefined) return [kernelSide(args, a, given, 0), tables[0]];
    throw usageError(`Cannot use --${flag} twice: only one kernel is loaded`, undefined, { flag });
  }
  for (const flag of PER_SIDE) {
    if (countOf(args, flag) > 2) {
      throw usageError(`Cannot use --${flag} ${countOf(args, flag)} times: there are two sides`, undefined, { flag });
    }
  }
  if (b !== undefined) return [kernelSide(args, a, given, 0), kernelSide(args, b, given, 1)];
  if (given.length === 0) {
    const hint = "Give a second FILE, flags to load it by, or page tables by --memory or --gdb.";
    throw usageError("Cannot run kload diff: there is nothing to compare the file with", hint);
  }
  if (a === "-") {
    throw usageError("Cannot load standard input twice", "Save it to a file.");
  }
  const plain = given.filter((flag) => countOf(args, flag) > 1 && PER_SIDE.includes(flag));
  return [kernelSide(args, a, plain, 0), kernelSide(args, a, given, 1)];
}

function countOf({ lists }: Arguments, flag: string): number {
  return lists.get(flag)?.length ?? 0;
}

/** The arguments of a load: those of the given flags, of which side 0 takes the first value and side 1 the last. */
function kernelSide(args: Arguments, source: string, given: readonly string[], side: 0 | 1): DiffSide {
  const isFor = (flag: string): boolean =>
    given.includes(flag) || !(LOAD_FLAGS.includes(flag) || FOREIGN.includes(flag));
  const values = new Map([...args.values].filter(([flag]) => isFor(flag)));
  for (const flag of PER_SIDE.filter(isFor)) {
    const text = args.lists.get(flag)?.at(side === 0 ? 0 : -1);
    if (text !== undefined) values.set(flag, text);
  }
  const lists = new Map([...args.lists].filter(([flag]) => isFor(flag) && !PER_SIDE.includes(flag)));
  const switches = new Set([...args.switches].filter(isFor));
  const flags = given.flatMap((flag) => {
    const texts = lists.get(flag) ?? (values.has(flag) ? [values.get(flag) as string] : []);
    return texts.length === 0 ? [`--${flag}`] : texts.map((text) => `--${flag} ${text}`);
  });
  return { kind: "kernel", args: { source, values, lists, switches }, flags };
}
