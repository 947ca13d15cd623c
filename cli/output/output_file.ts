/**
 * Writes the files that commands produce: whole, or not at all.
 *
 * @module
 */

import { CliError, type CliErrorOptions, messageOf } from "./cli_error.ts";
import { permissionFlag } from "./permission_flag.ts";
import { printable } from "./text.ts";

/** A piece of a file; the bytes between two pieces are zero. */
export interface FilePiece {
  /** Where in the file it starts, at or after the end of the piece before. */
  readonly offset: number;
  /** Its bytes. */
  readonly bytes: Uint8Array;
}

/**
 * Adds offsets to consecutive pieces.
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

/** A file to write. */
export interface OutputFile {
  /** Its path; an existing file is overwritten. */
  readonly path: string;
  /** The flag that names it, without the dashes. */
  readonly flag: string;
  /** What it is, such as "the image". */
  readonly what: string;
  /** The code of the error if it cannot be written. */
  readonly code: "dump-failed" | "image-failed";
}

/**
 * Writes a file. If it cannot be finished, no partial file stays on disk. A regular file gets holes between the pieces.
 *
 * @param target The file.
 * @param pieces Its pieces, in order.
 * @param size Its size in bytes if zeros follow the last piece, else 0.
 * @param source The file that the kernel came from, which is never overwritten.
 * @param signal Ends the writing with its reason.
 * @throws {CliError} The target's code if the file cannot be written.
 */
export async function writeOutputFile(
  target: OutputFile,
  pieces: AsyncIterable<FilePiece> | Iterable<FilePiece>,
  size: number,
  source: Deno.FileInfo | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { path, flag } = target;
  try {
    const { file, created } = await open(path);
    using _closing = file;
    if (await isSame(file, source)) {
      throw refused(target, "it is the kernel file itself", { hint: `Give --${flag} the path of another file.` });
    }
    const empty = (): Promise<void> => file.truncate().catch(() => {}); // fails for a device or a pipe
    try {
      await writePieces(file, pieces, size, signal);
    } catch (error) {
      await (created ? Deno.remove(path).catch(empty) : empty());
      throw error;
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw cause instanceof CliError ? cause : failed(target, cause);
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

/** Whether two files are the same; false if the file cannot be read, as the kernel's file was. */
async function isSame(file: Deno.FsFile, other: Deno.FileInfo | undefined): Promise<boolean> {
  const info = await file.stat().catch(() => undefined);
  return Boolean(info?.ino) && info?.ino === other?.ino && info?.dev === other?.dev;
}

/** The most bytes to write before yielding to the event loop. */
const PORTION = 32 * 2 ** 20;

async function writePieces(
  file: Deno.FsFile,
  pieces: AsyncIterable<FilePiece> | Iterable<FilePiece>,
  size: number,
  signal: AbortSignal,
): Promise<void> {
  const regular = await file.truncate().then(() => true, () => false); // fails for a device or a pipe
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

function failed(target: OutputFile, cause: unknown): CliError {
  if (!(cause instanceof Deno.errors.NotCapable)) {
    const hint = `The kernel was loaded; give --${target.flag} a writable path.`;
    return refused(target, messageOf(cause), { hint, cause });
  }
  const hint = "Give Deno the permission:";
  return refused(target, "Deno lacks the permission", { hint, command: permissionFlag("write", target.path), cause });
}

function refused({ path, flag, what, code }: OutputFile, why: string, options: CliErrorOptions): CliError {
  const detail = { flag, value: path };
  return new CliError(code, `Cannot write ${what} ${printable(path)}: ${why}`, { ...options, detail });
}
