/**
 * Writes the used memory of a loaded kernel to a file.
 *
 * @module
 */

import { memoryPieces, type UsedMemory } from "./memory_pieces.ts";
import { placedPieces, writeOutputFile } from "./output_file.ts";

/**
 * Writes memory from its base up to the next free frame. A dump that cannot be finished leaves no partial file.
 *
 * @param kernel The kernel.
 * @param path The path; an existing file is overwritten.
 * @param source The file that the kernel came from, which is never overwritten.
 * @param signal Ends the writing with its reason.
 * @throws {CliError} "dump-failed" if the file cannot be written.
 */
export async function writeDump(
  kernel: UsedMemory,
  path: string,
  source: Deno.FileInfo | undefined,
  signal: AbortSignal,
): Promise<void> {
  const target = { path, flag: "dump", what: "the dump", code: "dump-failed" } as const;
  await writeOutputFile(target, placedPieces(memoryPieces(kernel, signal)), 0, source, signal);
}
