/**
 * The dump: the used memory of a loaded kernel as a file.
 *
 * @module
 */

import { CliError, messageOf } from "./failure.ts";
import type { Kernel } from "./kernel.ts";
import { memoryPieces } from "./memory_pieces.ts";
import { printable } from "./text.ts";

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
  try {
    const { file, created } = await open(path);
    using _closing = file;
    if (await isSame(file, source)) throw new Error("it is the kernel itself");
    const empty = (): Promise<void> => file.truncate().catch(() => {}); // a device or a pipe cannot be
    try {
      await empty();
      for await (const piece of memoryPieces(kernel, signal)) await writeAll(file, piece);
    } catch (error) {
      await (created ? Deno.remove(path).catch(empty) : empty());
      throw error;
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw failed(path, cause);
  }
}

async function open(path: string): Promise<{ file: Deno.FsFile; created: boolean }> {
  try {
    return { file: await Deno.open(path, { write: true, createNew: true }), created: true };
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    return { file: await Deno.open(path, { write: true }), created: false };
  }
}

/** Whether a file is the other one. Without permission to read it that cannot be seen; the other one was read. */
async function isSame(file: Deno.FsFile, other: Deno.FileInfo | undefined): Promise<boolean> {
  const info = await file.stat().catch(() => undefined);
  return Boolean(info?.ino) && info?.ino === other?.ino && info?.dev === other?.dev;
}

async function writeAll(file: Deno.FsFile, piece: Uint8Array): Promise<void> {
  for (let left = piece; left.length > 0;) left = left.subarray(await file.write(left));
}

function failed(path: string, cause: unknown): CliError {
  const name = printable(path);
  const [why, hint] = cause instanceof Deno.errors.NotCapable
    ? ["Deno lacks the permission", `Give Deno the permission: --allow-write=${name}`]
    : [messageOf(cause), "The kernel was loaded; give --dump a path that can be written."];
  return new CliError("dump-failed", `Cannot write the dump ${name}: ${why}`, { hint, detail: { dump: path }, cause });
}
