/**
 * Fixes what can be fixed in a file, in a copy.
 *
 * @module
 */

import { keepFile } from "../../core/file/kept_file.ts";
import { applyFixes, findFixes } from "../../loaders/fixes.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import type { Source } from "../input/source.ts";
import { writeOutputFile } from "../output/output_file.ts";
import type { MendedFile } from "../report/fix_report.ts";
import { keptFiles } from "./kept_files.ts";

/**
 * Reads a file, and writes it to another with its mistakes fixed.
 *
 * @param source The file, which is never replaced.
 * @param path The path of the other file.
 * @param args The arguments.
 * @param maxMemory The most bytes to read.
 * @param signal Ends the work with its reason.
 * @returns What was changed, and the bytes that were written.
 * @throws {CliError} "fix-failed" if the other file cannot be written.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded".
 */
export async function mendFile(
  source: Source,
  path: string,
  args: Arguments,
  maxMemory: number | undefined,
  signal: AbortSignal,
): Promise<MendedFile & { readonly bytes: Uint8Array }> {
  const file = keepFile(source.reader, { maxMemory, signal });
  await file.reach(Infinity);
  await source.check();
  const read = file.bytes(0, file.length);
  const changes = findFixes(read);
  const bytes = changes.length === 0 ? read : applyFixes(read, changes);
  const target = { path, flag: "output", what: "the fixed file", code: "fix-failed" } as const;
  await writeOutputFile(target, [{ offset: 0, bytes }], 0, keptFiles(source, args), signal);
  return { output: path, changes, bytes };
}
