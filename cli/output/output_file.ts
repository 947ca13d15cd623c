/**
 * Writes the files that commands produce: whole, or not at all.
 *
 * @module
 */

import { CliError, type CliErrorOptions, messageOf } from "./cli_error.ts";
import { type FilePieces, writePieces } from "./file_pieces.ts";
import { withFileSizeErrors } from "./file_size_limit.ts";
import { type OutputPlace, outputPlace } from "./output_place.ts";
import { permissionAdvice, permissionFlag } from "./permission_flag.ts";
import { FolderError, replaceFile } from "./replace_file.ts";
import { type FileIdentity, identityOf, identityOfOpen, type KeptFile, sameFile } from "./same_file.ts";
import { printable } from "./text.ts";

/** A file to write. */
export interface OutputFile {
  /** Its path; an existing file is replaced. */
  readonly path: string;
  /** The flag that names it, without the dashes. */
  readonly flag: string;
  /** What it is, such as "the image". */
  readonly what: string;
  /** The code of the error if it cannot be written. */
  readonly code: "dump-failed" | "image-failed" | "fix-failed";
}

/**
 * Writes a file. A regular file is whole or as it was before: it is written next to its path, with holes between the
 * pieces, and renamed. A symbolic link stays, and what it points to is replaced. Devices and pipes are written as they
 * are.
 *
 * @param target The file.
 * @param pieces Its pieces, in order.
 * @param size Its size in bytes if zeros follow the last piece, else 0.
 * @param kept The files that the command read, which are never replaced.
 * @param signal Ends the writing with its reason.
 * @throws {CliError} The target's code if the file cannot be written.
 */
export async function writeOutputFile(
  target: OutputFile,
  pieces: FilePieces,
  size: number,
  kept: readonly KeptFile[],
  signal: AbortSignal,
): Promise<void> {
  const needed = new Set<string>();
  try {
    const place = await outputPlace(target.path, (folder) => needed.add(folder));
    if (place.kind === "device") needed.clear();
    if (place.kind !== "file") needed.add(place.path);
    await refuseKept(target, place, kept);
    if (place.kind !== "file") return await withFileSizeErrors(() => writeDevice(place, pieces, size, signal));
    requireFolder(place.folder);
    await replaceFile(place, pieces, size, signal);
  } catch (cause) {
    signal.throwIfAborted();
    throw cause instanceof CliError ? cause : failed(target, [...needed], cause);
  }
}

/** Where the command prints to, if that is a file. */
const PRINTED: readonly KeptFile[] = [
  { what: "the file that standard output goes to", identity: () => identityOfOpen(1) },
  { what: "the file that standard error goes to", identity: () => identityOfOpen(2) },
];

async function refuseKept(target: OutputFile, place: OutputPlace, kept: readonly KeptFile[]): Promise<void> {
  const identity = place.kind === "descriptor"
    ? await identityOfDescriptor(place)
    : place.kind === "device"
    ? identityOf(place.info)
    : place.existing && identityOf(place.existing);
  const same = await sameFile(identity, place.kind === "file" ? [...kept, ...PRINTED] : kept);
  if (!same) return;
  throw refused(target, `it is ${same.what}`, { hint: `Give --${target.flag} the path of another file.` });
}

/** Of descriptors, Deno knows only the standard streams by number: others are files to it, by their path. */
async function identityOfDescriptor(
  { path, descriptor }: Extract<OutputPlace, { kind: "descriptor" }>,
): Promise<FileIdentity | undefined> {
  return descriptor <= 2 ? await identityOfOpen(descriptor) : identityOf(await Deno.stat(path));
}

async function writeDevice(
  place: Exclude<OutputPlace, { kind: "file" }>,
  pieces: FilePieces,
  size: number,
  signal: AbortSignal,
): Promise<void> {
  // Opened again, a file would be written from its start, over what is there.
  if (place.kind === "descriptor" && place.descriptor === 1) {
    return await writePieces(Deno.stdout, pieces, size, signal);
  }
  if (place.kind === "descriptor" && place.descriptor === 2) {
    return await writePieces(Deno.stderr, pieces, size, signal);
  }
  using file = await Deno.open(place.path, { write: true });
  if (place.kind === "descriptor") await file.truncate().catch(() => {}); // it may be a file, or else a pipe
  await writePieces({ write: (bytes) => file.write(bytes) }, pieces, size, signal);
}

/** Renaming needs both permissions for the folder: asks for them before anything is written. */
function requireFolder(path: string): void {
  for (const name of ["read", "write"] as const) {
    if (Deno.permissions.requestSync({ name, path }).state === "granted") continue;
    throw new Deno.errors.NotCapable(`Requires ${name} access to ${path}`);
  }
}

function failed(target: OutputFile, needed: readonly string[], cause: unknown): CliError {
  if (cause instanceof Deno.errors.NotCapable) return lacksPermission(target, needed, cause);
  const hint = cause instanceof FolderError
    ? `A new file is written next to it and renamed, so that it is never half written; give --${target.flag} a path ` +
      "in a folder that is writable."
    : `The kernel was ${target.code === "fix-failed" ? "read" : "loaded"}; give --${target.flag} a writable path.`;
  return refused(target, messageOf(cause), { hint, cause });
}

function lacksPermission(target: OutputFile, needed: readonly string[], cause: Error): CliError {
  const missing = needed.flatMap((path) => {
    const names = (["read", "write"] as const).filter((name) => {
      return Deno.permissions.querySync({ name, path }).state !== "granted";
    });
    return names.map((name) => permissionFlag(name, path));
  });
  const { why, ...advice } = permissionAdvice(missing);
  return refused(target, why, { ...advice, cause });
}

function refused({ path, flag, what, code }: OutputFile, why: string, options: CliErrorOptions): CliError {
  const detail = { flag, value: path };
  return new CliError(code, `Cannot write ${what} ${printable(path)}: ${why}`, { ...options, detail });
}
