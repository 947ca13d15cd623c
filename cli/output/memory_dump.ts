/**
 * Writes the used memory of a loaded kernel to a file.
 *
 * @module
 */

import { memoryPieces, type UsedMemory } from "./memory_pieces.ts";
import { placedPieces } from "./file_pieces.ts";
import { writeOutputFile } from "./output_file.ts";
import type { KeptFile } from "./same_file.ts";

/**
 * Writes memory from its base up to the next free frame. A dump that cannot be finished changes nothing.
 *
 * @param kernel The kernel.
 * @param path The path; an existing file is replaced.
 * @param kept The files that the command read, which are never replaced.
 * @param signal Ends the writing with its reason.
 * @throws {CliError} "dump-failed" if the file cannot be written.
 */
export async function writeDump(
  kernel: UsedMemory,
  path: string,
  kept: readonly KeptFile[],
  signal: AbortSignal,
): Promise<void> {
  const target = { path, flag: "dump", what: "the dump", code: "dump-failed" } as const;
  await writeOutputFile(target, placedPieces(memoryPieces(kernel, signal)), 0, kept, signal);
}
