/**
 * Reads whole files other than the kernel.
 *
 * @module
 */

import { concat } from "@std/bytes/concat";
import { CliError, messageOf, usageError } from "../output/cli_error.ts";
import { neededFlag } from "../output/permission_flag.ts";
import { exactSize, printable } from "../output/text.ts";

/**
 * Reads the file that a flag names.
 *
 * @param flag The flag's name, without the dashes.
 * @param path The file's path.
 * @param most The most bytes that it may have.
 * @returns Its bytes, at least one.
 * @throws {CliError} "source-failed" if it cannot be read, "usage" if it is empty or too large.
 */
export async function readWholeFile(flag: string, path: string, most: number): Promise<Uint8Array> {
  const detail = { flag, value: path };
  const refuse = (why: string) => usageError(`Cannot use --${flag} ${printable(path)}: ${why}`, undefined, detail);
  const tooLarge = (size: number) => refuse(`the file is ${exactSize(size)}, and the limit is ${exactSize(most)}`);
  const read = async (): Promise<Uint8Array> => {
    const { size } = await Deno.stat(path);
    if (size > most) throw tooLarge(size);
    return await readUpTo(path, most + 1);
  };
  const bytes = await read().catch((cause) => {
    if (cause instanceof CliError) throw cause;
    const command = neededFlag(cause, path);
    const why = command === undefined ? messageOf(cause) : "Deno lacks the permission";
    const hint = command === undefined ? undefined : "Give Deno the permission:";
    const message = `Cannot read the file of --${flag} ${printable(path)}: ${why}`;
    throw new CliError("source-failed", message, { hint, command, detail, cause });
  });
  if (bytes.length === 0) throw refuse("the file is empty");
  // A pipe or a device has no size.
  if (bytes.length > most) throw refuse(`the file is larger than the limit, which is ${exactSize(most)}`);
  return bytes;
}

/** The most bytes to read at a time. */
const CHUNK = 2 ** 20;

async function readUpTo(path: string, most: number): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const chunks: Uint8Array[] = [];
  for (let left = most; left > 0;) {
    const chunk = new Uint8Array(Math.min(left, CHUNK));
    const count = await file.read(chunk);
    if (count === null) break;
    chunks.push(chunk.slice(0, count));
    left -= count;
  }
  return concat(chunks);
}
