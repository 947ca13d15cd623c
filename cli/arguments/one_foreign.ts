/**
 * The foreign page tables of a command that looks at one set of them.
 *
 * @module
 */

import { usageError } from "../output/cli_error.ts";
import { type ForeignSource, foreignSources } from "./foreign_tables.ts";
import { isGiven } from "./is_given.ts";
import type { Arguments } from "./parse_arguments.ts";
import { BOOT_FLAGS, KERNEL_FLAGS, MEMORY_FLAGS } from "./shared_flags.ts";

/** Flags that change only what kload loads or adds itself. */
const OF_LOADS = [...KERNEL_FLAGS, ...MEMORY_FLAGS].map(({ name }) => name);
const OF_RUNS = ["as-run", ...BOOT_FLAGS.map(({ name }) => name)];

/**
 * Reads the flags of foreign page tables.
 *
 * @param args The arguments.
 * @param hasFile Whether a kernel's file is given too, for the names in it.
 * @returns Where the page tables are; `undefined` if neither `--memory` nor `--gdb` is given.
 * @throws {CliError} "usage" if both are given, a value is malformed, or another flag would change nothing.
 */
export function oneForeign(args: Arguments, hasFile: boolean): ForeignSource | undefined {
  const [first, second] = foreignSources(args);
  const useless = (hasFile ? OF_RUNS : [...OF_LOADS, ...OF_RUNS]).find((flag) => isGiven(args, flag));
  if (first && useless !== undefined) {
    const flag = first.gdb ? "gdb" : "memory";
    const hint = `Leave it out; with --${flag}, a FILE only names what is mapped.`;
    throw usageError(`Cannot use --${useless}: --${flag} reads page tables as they are`, hint, {
      flag: useless,
    });
  }
  if (!second) return first;
  throw usageError("Cannot use --gdb: --memory was already given", "Page tables are read from one of them.", {
    flag: "gdb",
  });
}
