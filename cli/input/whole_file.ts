/**
 * Reads whole files other than the kernel.
 *
 * @module
 */

import { concat } from "@std/bytes/concat";
import { CliError, messageOf, usageError } from "../output/cli_error.ts";
import { neededFlag, permissionAdvice } from "../output/permission_flag.ts";
import { type FileIdentity, identityOf } from "../output/same_file.ts";
import { exactSize, printable } from "../output/text.ts";

/** A file that was read. */
export interface WholeFile {
  /** Its bytes. */
  readonly bytes: Uint8Array;
  /** What tells it from other files, unless it is a device. */
  readonly identity?: FileIdentity;
}

/**
 * Reads the file that a flag names.
 *
 * @param flag The flag's name, without the dashes.
 * @param path The file's path.
 * @param most The most bytes that it may have.
 * @returns The file, with at least one byte.
 * @throws {CliError} "source-failed" if it cannot be read, "usage" if it is empty or too large.
 */
export async function readWholeFile(flag: string, path: string, most: number): Promise<WholeFile> {
  const detail = { flag, value: path };
  const refuse = (why: string) => usageError(`Cannot use --${flag} ${printable(path)}: ${why}`, undefined, detail);
  const tooLarge = (size: number) => refuse(`the file is ${exactSize(size)}, and the limit is ${exactSize(most)}`);
  const read = async (): Promise<WholeFile> => {
    const info = await Deno.stat(path);
    if (info.size > most) throw tooLarge(info.size);
    return { bytes: await readUpTo(path, most + 1), identity: identityOf(info) };
  };
  const file = await read().catch((cause) => {
    if (cause instanceof CliError) throw cause;
    const missing = neededFlag(cause, path);
    const { why, ...advice } = missing === undefined
      ? { why: messageOf(cause) }
      : permissionAdvice(missing === "--allow-all" ? [] : [missing]);
    const message = `Cannot read the file of --${flag} ${printable(path)}: ${why}`;
    throw new CliError("source-failed", message, { ...advice, detail, cause });
  });
  if (file.bytes.length === 0) throw refuse("the file is empty");
  // A pipe or a device has no size.
  if (file.bytes.length > most) throw refuse(`the file is larger than the limit, which is ${exactSize(most)}`);
  return file;
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
