/**
 * Recognizes the boot protocols of a kernel that was loaded. Commands import it while the kernel is being loaded.
 *
 * @module
 */

import { LoadError } from "../../core/errors.ts";
import { keepFile, type KeptFile } from "../../core/file/kept_file.ts";
import { recognizeFile } from "../../protocols/recognize.ts";
import type { Source } from "../input/source.ts";
import type { Kernel } from "../report/kernel.ts";
import type { Recognized } from "../report/recognized.ts";
import { programOf } from "./program_of.ts";

/** The most bytes to read of a file besides those that were loaded. */
const MOST_READ = 2 ** 26;

/**
 * Recognizes boot protocols in the bytes that a kernel was loaded from. They lie unchanged in its memory: pages are
 * copied before anything is written to them.
 *
 * @param kernel The kernel, whose file pages are as they were loaded.
 * @param source Its file. Of the rest of a regular file, the section headers and their names are read; any other counts
 * as one that has none.
 * @returns What was recognized.
 */
export async function recognizeLoaded(kernel: Kernel, source: Source): Promise<Recognized> {
  const { layers, random, size } = source;
  // The file may be gone, or no longer be readable.
  const rest = size === undefined ? undefined : await random?.().catch(() => undefined);
  try {
    if (rest) {
      const whole = loadedFile(kernel, keepFile(rest, { maxMemory: MOST_READ }));
      return { layers, ...await recognize(whole, kernel) };
    }
  } catch (error) {
    if (!(error instanceof LoadError)) throw error; // it changed, or has more section headers than are worth it
  } finally {
    rest?.close();
  }
  return { layers, ...await recognize(loadedFile(kernel), kernel) };
}

async function recognize(file: KeptFile, { programHeaders }: Kernel): Promise<Omit<Recognized, "layers">> {
  const { model, protocols } = await recognizeFile(file);
  return { protocols, ...await programOf(file, programHeaders, model) };
}

/** The first bytes of a file as they lie in memory, and the rest of it, if it is there. */
function loadedFile(
  { memory, addressSpace: { file: { phys, size } }, bytesRead }: Kernel,
  rest?: KeptFile,
): KeptFile {
  const loaded = memory.bytes(phys, Math.min(size, bytesRead));
  const length = rest?.length ?? loaded.length;
  const isLoaded = (offset: number, count: number): boolean => Math.min(offset + count, length) <= loaded.length;
  return {
    length,
    isWhole: rest !== undefined,
    bytesRead,
    reach: () => Promise.resolve(),
    keep: async (offset, count) => {
      if (!isLoaded(offset, count)) await rest?.keep(offset, count);
    },
    bytes: (offset, count) =>
      rest && !isLoaded(offset, count) ? rest.bytes(offset, count) : loaded.subarray(offset, offset + count),
    whole: () => undefined,
    reader: () => ({ read: () => null }),
    close: () => Promise.resolve(),
  };
}
