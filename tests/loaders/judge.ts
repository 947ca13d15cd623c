/** Asks one loader about a file in memory. */

import { readModel } from "../../core/file/file_model.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import { DEFAULT_MEMORY } from "../../loaders/check_options.ts";
import type { Judgement, Loader } from "../../loaders/loader.ts";

/** The loader's verdict; what it reads of the file is only what it says that it reads. */
export async function judgeFile(loader: Loader, bytes: Uint8Array, memory = DEFAULT_MEMORY): Promise<Judgement> {
  // A stream keeps only what was asked for, as a file on a disk does.
  const readAt = (offset: number, buffer: Uint8Array): number => {
    const piece = bytes.subarray(offset, offset + buffer.length);
    buffer.set(piece);
    return piece.length;
  };
  const file = keepFile({ size: bytes.length, readAt });
  return await loader.judge(await readModel(file, loader.parts), { memory }, file);
}
