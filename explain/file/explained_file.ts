/**
 * A file to look things up in: whatever the caller has of it.
 *
 * @module
 */

import { keepFile, type KeepOptions, type KeptFile, type RandomSource } from "../../core/file/kept_file.ts";
import type { KernelSource } from "../../core/intake/source.ts";
import { hasMethod } from "../../core/intake/value_kind.ts";
import { checkKeys, checkSettings } from "../../core/pipeline/settings.ts";

/** A kernel's file: a source, which is released in the end, or a file that is kept, which is not. */
export type ExplainedSource = KernelSource | RandomSource | KeptFile;

/**
 * Opens a file for as long as something is read of it.
 *
 * @param source The file.
 * @param options Limit and signal; for a file that is kept already, only the signal counts.
 * @param work What to read.
 * @returns What it returns.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded", as the file does.
 * @throws {TypeError} If the source is not one, or an option is unknown.
 */
export async function withFile<T>(
  source: ExplainedSource,
  options: KeepOptions,
  work: (file: KeptFile) => Promise<T>,
): Promise<T> {
  checkKeys(options, ["maxMemory", "signal"]);
  const { maxMemory } = checkSettings({ maxMemory: options.maxMemory });
  const { signal } = options;
  signal?.throwIfAborted();
  if (hasMethod(source, "keep")) return await work(source as KeptFile);
  const file = keepFile(source as KernelSource | RandomSource, { maxMemory, signal });
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}
