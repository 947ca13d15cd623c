/**
 * Recognizes the boot protocols of a kernel that was loaded. Commands import it while the kernel is being loaded.
 *
 * @module
 */

import type { FilePart } from "../../core/file/file_model.ts";
import { keepFile, type KeptFile } from "../../core/file/kept_file.ts";
import { LoadError } from "../../core/errors.ts";
import { recognizeShown } from "../../protocols/recognize_shown.ts";
import { SIGN_PARTS } from "../../protocols/signs.ts";
import type { RandomFile } from "../input/random_file.ts";
import type { Source } from "../input/source.ts";
import type { Kernel } from "../report/kernel.ts";
import type { Recognized } from "../report/recognized.ts";
import { interpreterOf } from "./interpreter_of.ts";

/** The most bytes to read of a file besides those that were loaded. */
const MOST_READ = 2 ** 26;

/** The parts that lie in what was loaded, but for section names at the end of the file. */
const LOADED_PARTS: readonly FilePart[] = SIGN_PARTS.filter((part) => part !== "sections");

/**
 * Recognizes boot protocols in the bytes that a kernel was loaded from. They lie unchanged in its memory: pages are
 * copied before anything is written to them.
 *
 * @param kernel The kernel, whose file pages are as they were loaded.
 * @param source Its file. The rest of a regular file is read as far as section names need it; of any other, nothing.
 * @returns What was recognized.
 */
export async function recognizeLoaded(kernel: Kernel, source: Source): Promise<Recognized> {
  const opened: RandomFile[] = [];
  const { layers, random, size } = source;
  const isWhole = random !== undefined && size !== undefined;
  const openRest = async (): Promise<KeptFile | undefined> => {
    if (!isWhole) return undefined;
    const file = await random();
    opened.push(file);
    return keepFile(file, { maxMemory: MOST_READ });
  };
  const file = loadedFile(kernel, openRest, isWhole ? size : undefined);
  try {
    const { protocols } = await recognizeShown(file, isWhole ? SIGN_PARTS : LOADED_PARTS);
    return { layers, protocols, ...await interpreterOf(file, kernel.programHeaders) };
  } catch (error) {
    if (error instanceof LoadError) return { layers, protocols: [] }; // the file is gone, or larger than is worth it
    throw error;
  } finally {
    for (const rest of opened) rest.close();
  }
}

/** The first bytes of a file as they lie in memory, and the rest of it. */
function loadedFile(
  { memory, addressSpace: { file: { phys, size } }, bytesRead }: Kernel,
  openRest: () => Promise<KeptFile | undefined>,
  fileLength: number | undefined,
): KeptFile {
  const loaded = memory.bytes(phys, Math.min(size, bytesRead));
  const length = fileLength ?? loaded.length;
  let rest: KeptFile | undefined;
  return {
    length,
    isWhole: fileLength !== undefined,
    bytesRead,
    reach: () => Promise.resolve(),
    keep: async (offset, count) => {
      if (Math.min(offset + count, length) <= loaded.length) return;
      rest ??= await openRest();
      await rest?.keep(offset, count);
    },
    bytes: (offset, count) => {
      const isLoaded = Math.min(offset + count, length) <= loaded.length;
      return isLoaded || !rest ? loaded.subarray(offset, offset + count) : rest.bytes(offset, count);
    },
    whole: () => undefined,
    reader: () => ({ read: () => null }),
    close: () => Promise.resolve(),
  };
}
