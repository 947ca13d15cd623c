/**
 * Replaces a file as a whole: writes a new one next to it, and renames that.
 *
 * @module
 */

import { type FilePieces, holedFile, writePieces } from "./file_pieces.ts";
import { withFileSizeErrors } from "./file_size_limit.ts";
import { onExit } from "./on_exit.ts";

/** A file to replace, or to create. */
export interface ReplacedFile {
  /** Its path. */
  readonly path: string;
  /** The folder that it is in. */
  readonly folder: string;
  /** The file that is there, if there is one. */
  readonly existing?: Deno.FileInfo;
}

/** The cause of a failure to create a file in a folder. */
export class FolderError extends Error {
  /** Always "FolderError". */
  override readonly name = "FolderError";

  /**
   * Creates an error.
   *
   * @param cause What the system says.
   */
  constructor(cause: unknown) {
    super("no file can be created in its folder", { cause });
  }
}

/** The mode of a new file, before the umask. */
const NEW_MODE = 0o666;
const ONLY_OWNER = 0o600;
const MODE_BITS = 0o7777;
const SET_ID_BITS = 0o6000;

/**
 * Writes a file so that, at any moment, its path has either all of it or what was there before. An existing file's mode
 * and, where possible, owner stay. What was written is on the disk before it takes the path.
 *
 * @param target The file.
 * @param pieces Its pieces, in order.
 * @param size Its size in bytes if zeros follow the last piece, else 0.
 * @param signal Ends the writing with its reason.
 * @throws {FolderError} If no new file can be created in the folder.
 */
export async function replaceFile(
  { path, folder, existing }: ReplacedFile,
  pieces: FilePieces,
  size: number,
  signal: AbortSignal,
): Promise<void> {
  if (existing) (await Deno.open(path, { write: true })).close(); // refuses to replace a read-only file
  const temporary = `${folder}/.kload-${crypto.randomUUID().slice(0, 13)}`;
  const callOff = onExit(() => removeQuietly(temporary));
  try {
    using file = create(temporary, existing ? ONLY_OWNER : NEW_MODE);
    await withFileSizeErrors(() => writePieces(holedFile(file), pieces, size, signal));
    await file.syncData(); // some file systems notice only now that the disk is full
    if (existing) keepOwnerAndMode(temporary, existing);
    signal.throwIfAborted();
    Deno.renameSync(temporary, path);
  } catch (error) {
    removeQuietly(temporary);
    throw error;
  } finally {
    callOff();
  }
}

/** Synchronous, like the renaming: at no moment does the file exist while nothing would remove it. */
function create(path: string, mode: number): Deno.FsFile {
  try {
    return Deno.openSync(path, { write: true, createNew: true, mode });
  } catch (cause) {
    throw cause instanceof Deno.errors.NotCapable ? cause : new FolderError(cause);
  }
}

/** File systems without owners or modes refuse to set them. */
function keepOwnerAndMode(path: string, { mode, uid, gid }: Deno.FileInfo): void {
  if (Deno.build.os === "windows" || mode === null) return;
  const isOwned = quietly(() => Deno.chownSync(path, uid, gid));
  quietly(() => Deno.chmodSync(path, mode & (isOwned ? MODE_BITS : MODE_BITS & ~SET_ID_BITS)));
}

function removeQuietly(path: string): void {
  quietly(() => Deno.removeSync(path));
}

function quietly(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
