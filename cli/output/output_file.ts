/**
 * Files that commands write: whole, or not at all.
 *
 * @module
 */

import { CliError, messageOf } from "./cli_error.ts";
import { printable } from "./text.ts";

/** A piece of a file; what lies between two of them is zero. */
export interface FilePiece {
  /** Where in the file it starts; behind all pieces before. */
  readonly offset: number;
  /** Its bytes. */
  readonly bytes: Uint8Array;
}

/**
 * Gives pieces that lie one behind the other their offsets.
 *
 * @param pieces The pieces, in order.
 */
export async function* placedPieces(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<FilePiece> {
  let offset = 0;
  for await (const bytes of pieces) {
    yield { offset, bytes };
    offset += bytes.length;
  }
}

/** A file that is to be written. */
export interface OutputFile {
  /** Its path; a file that is there is overwritten. */
  readonly path: string;
  /** The flag that named it, without the dashes. */
  readonly flag: string;
  /** What it is, such as "the image". */
  readonly what: string;
  /** The code of the error where it cannot be written. */
  readonly code: "dump-failed" | "image-failed";
}

/**
 * Writes a file. One that cannot be finished leaves no half of it behind; one that can seek has holes for zeros.
 *
 * @param target The file.
 * @param pieces Its pieces, in order.
 * @param size Its size in bytes, where it ends with zeros behind the last piece; 0 else.
 * @param source The file that the kernel came from, which is not overwritten.
 * @param signal Ends the writing with its reason.
 * @throws {CliError} The target's code where the file cannot be written.
 */
export async function writeOutputFile(
  target: OutputFile,
  pieces: AsyncIterable<FilePiece> | Iterable<FilePiece>,
  size: number,
  source: Deno.FileInfo | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { path } = target;
  try {
    const { file, created } = await open(path);
    using _closing = file;
    if (await isSame(file, source)) throw new Error("it is the kernel itself");
    const empty = (): Promise<void> => file.truncate().catch(() => {}); // a device or a pipe cannot be
    try {
      await writePieces(file, pieces, size, signal);
    } catch (error) {
      await (created ? Deno.remove(path).catch(empty) : empty());
      throw error;
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw failed(target, cause);
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

/** The most bytes that are written before other work gets its turn. */
const PORTION = 32 * 2 ** 20;

async function writePieces(
  file: Deno.FsFile,
  pieces: AsyncIterable<FilePiece> | Iterable<FilePiece>,
  size: number,
  signal: AbortSignal,
): Promise<void> {
  const regular = await file.truncate().then(() => true, () => false); // a device or a pipe cannot be
  let at = 0;
  const skip = async (to: number): Promise<void> => {
    if (regular) await file.seek(to, Deno.SeekMode.Start);
    else for (; at < to; at += PORTION) await writeAll(file, new Uint8Array(Math.min(PORTION, to - at)), signal);
    at = to;
  };
  for await (const { offset, bytes } of pieces) {
    if (offset > at) await skip(offset);
    await writeAll(file, bytes, signal);
    at = offset + bytes.length;
  }
  if (at < size) await (regular ? file.truncate(size) : skip(size));
}

async function writeAll(file: Deno.FsFile, piece: Uint8Array, signal: AbortSignal): Promise<void> {
  for (let left = piece; left.length > 0;) {
    signal.throwIfAborted();
    left = left.subarray(await file.write(left.subarray(0, PORTION)));
  }
}

function failed({ path, flag, what, code }: OutputFile, cause: unknown): CliError {
  const name = printable(path);
  const [why, hint] = cause instanceof Deno.errors.NotCapable
    ? ["Deno lacks the permission", `Give Deno the permission: --allow-write=${name}`]
    : [messageOf(cause), `The kernel was loaded; give --${flag} a path that can be written.`];
  return new CliError(code, `Cannot write ${what} ${name}: ${why}`, { hint, detail: { [flag]: path }, cause });
}
