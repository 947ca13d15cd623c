/**
 * Reads regular files at any offset.
 *
 * @module
 */

import type { RandomSource } from "../../core/file/kept_file.ts";

/** An open file that can be read at any offset. */
export interface RandomFile extends RandomSource {
  /** Closes it. */
  readonly close: () => void;
}

/**
 * Opens a regular file.
 *
 * @param path Its path, or its file URL.
 * @returns The file, with the length that it has now.
 */
export async function openRandomFile(path: string | URL): Promise<RandomFile> {
  const file = await Deno.open(path);
  try {
    const { size } = await file.stat();
    return {
      size,
      readAt: async (offset, buffer) => {
        await file.seek(offset, Deno.SeekMode.Start);
        return await file.read(buffer) ?? 0;
      },
      close: () => file[Symbol.dispose](),
    };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}
