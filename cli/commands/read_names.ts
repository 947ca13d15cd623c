/**
 * Reads the names in a kernel's file after it was loaded. Commands import it when there is something to explain.
 *
 * @module
 */

import { LoadError } from "../../core/errors.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import type { ExplainedSource } from "../../explain/file/explained_file.ts";
import type { KernelSymbols } from "../../explain/symbols/kernel_symbols.ts";
import { readSymbols } from "../../explain/symbols/read_symbols.ts";
import type { Source } from "../input/source.ts";

/** How long to wait for the rest of a stream, in milliseconds: it may never end. */
const PATIENCE = 2000;

/**
 * Reads the sections and symbols of a kernel's file.
 *
 * @param source The file that was loaded.
 * @param kept What was kept of it, if it is a stream.
 * @param signal Ends reading.
 * @returns The names; `undefined` if the file is gone, was replaced or changed since, or cannot be read.
 */
export async function readNames(
  source: Source,
  kept: KeptFile | undefined,
  signal: AbortSignal,
): Promise<KernelSymbols | undefined> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  try {
    if (kept) return await readSymbols(kept, { signal: limit });
    if (await hasChanged(source)) return undefined;
    const opened = await openAgain(source);
    if (!opened) return undefined;
    try {
      const names = await readSymbols(opened.source, { signal });
      return await hasChanged(source) ? undefined : names;
    } finally {
      opened.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LoadError || error === limit.reason || isOfSystem(error)) return undefined;
    throw error;
  }
}

/** The file may be gone, or no longer be readable. */
function isOfSystem(error: unknown): boolean {
  return Object.values(Deno.errors).some((kind) => error instanceof kind);
}

async function openAgain(
  { layers, random, again }: Source,
): Promise<{ readonly source: ExplainedSource; readonly close: () => void } | undefined> {
  if (layers.length === 0 && random) {
    const file = await random();
    return { source: file, close: file.close };
  }
  const opened = await again();
  return opened && { source: opened.reader, close: opened.close };
}

/** A kernel that was built anew while the old one ran has other names. */
async function hasChanged({ name, file }: Source): Promise<boolean> {
  if (!file) return false;
  const now = await Deno.stat(/^file:/i.test(name) ? new URL(name) : name);
  return now.size !== file.size || now.ino !== file.ino || now.mtime?.getTime() !== file.mtime?.getTime();
}
