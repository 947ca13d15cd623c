/**
 * The options of a check, checked.
 *
 * @module
 */

import { checkKeys, checkSettings, outOfBounds, wrongKind } from "../core/pipeline/settings.ts";
import { LOADERS } from "./all_loaders.ts";
import type { Circumstances, LoaderName } from "./loader.ts";

/** How to check a file. Every option is optional. */
export interface CheckOptions extends Partial<Circumstances> {
  /** The loaders to ask, which are then those that the file is meant for. Default: all; its protocols decide. */
  readonly loaders?: readonly LoaderName[];
}

/** The names of all loaders, in the order of reports. */
export const LOADER_NAMES: readonly LoaderName[] = Object.freeze(LOADERS.map(({ name }) => name));

/** The machine's memory without an option, in bytes: 256 MiB. */
export const DEFAULT_MEMORY: number = 2 ** 28;

/** The least memory that a PC can have: what lies below it belongs to the firmware. */
const MEMORY_MIN = 2 ** 20;

const OPTIONS: readonly (keyof CheckOptions)[] = ["loaders", "memory", "kernelBase", "maxMemory", "signal", "liblzma"];

/**
 * Checks the options of a check.
 *
 * @param options What the caller passed.
 * @returns What verdicts depend on, with defaults.
 * @throws {TypeError} If an option does not exist or is of the wrong kind.
 * @throws {RangeError} If an option's value is out of bounds, or a loader is named twice.
 */
export function checkCheckOptions(options: CheckOptions): Circumstances {
  checkKeys(options, OPTIONS);
  const { loaders, memory = DEFAULT_MEMORY, kernelBase, maxMemory, signal, liblzma } = options;
  if (loaders !== undefined) checkLoaders(loaders);
  if (typeof memory !== "number") throw wrongKind("memory", memory, "it must be a number of bytes");
  if (!Number.isSafeInteger(memory) || memory < MEMORY_MIN) {
    throw outOfBounds("memory", memory, "it must be an integer of at least 0x100000 (1 MiB)");
  }
  checkSettings({ kernelBase, maxMemory });
  if (signal !== undefined && typeof signal?.throwIfAborted !== "function") {
    throw wrongKind("signal", signal, "pass an AbortSignal");
  }
  if (liblzma !== undefined && typeof liblzma !== "function") throw wrongKind("liblzma", liblzma, "pass a function");
  return { memory, kernelBase, maxMemory, signal, liblzma };
}

function checkLoaders(loaders: unknown): void {
  if (!Array.isArray(loaders)) throw wrongKind("loaders", loaders, "it must be an array of names");
  if (loaders.length === 0) throw outOfBounds("loaders", loaders, "it must have a name");
  for (const [index, name] of loaders.entries()) {
    if (!LOADER_NAMES.includes(name)) {
      throw wrongKind("an entry of loaders", name, `it must be one of ${LOADER_NAMES.join(", ")}`);
    }
    if (loaders.indexOf(name) < index) throw outOfBounds("loaders", name, "it is named twice");
  }
}
