/**
 * The dump: the used memory of a loaded kernel as a file.
 *
 * @module
 */

import type { Kernel } from "../commands/load_by_preset.ts";
import { memoryPieces } from "./memory_pieces.ts";
import { placedPieces, writeOutputFile } from "./output_file.ts";

/**
 * Writes the memory from its base to the next free frame. A dump that cannot be finished leaves no half of it behind.
 *
 * @param kernel The kernel.
 * @param path Where to; a file that is there is overwritten.
 * @param source The file that the kernel came from, which is not.
 * @param signal Ends the writing with its reason.
 * @throws {CliError} "dump-failed" where the file cannot be written.
 */
export async function writeDump(
  kernel: Kernel,
  path: string,
  source: Deno.FileInfo | undefined,
  signal: AbortSignal,
): Promise<void> {
  const target = { path, flag: "dump", what: "the dump", code: "dump-failed" } as const;
  await writeOutputFile(target, placedPieces(memoryPieces(kernel, signal)), 0, source, signal);
}
