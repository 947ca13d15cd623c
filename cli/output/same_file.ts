/**
 * Whether two names mean the same file: an input must never be overwritten by an output.
 *
 * @module
 */

/** What tells one file from all others. */
export interface FileIdentity {
  /** The device. */
  readonly dev: number;
  /** The inode number. */
  readonly ino: number;
}

/** A file that no output may replace. */
export interface KeptFile {
  /** What it is, such as "the kernel file". */
  readonly what: string;
  /** Finds its identity; resolves to `undefined` if it has none, like a terminal or a response from a server. */
  readonly identity: () => Promise<FileIdentity | undefined>;
}

/**
 * The identity of a file.
 *
 * @param info Its metadata.
 * @returns The identity; `undefined` for a character device, which writing does not change, and on file systems
 * without inode numbers.
 */
export function identityOf({ dev, ino, isCharDevice }: Deno.FileInfo): FileIdentity | undefined {
  return ino === null || ino === 0 || isCharDevice ? undefined : { dev, ino };
}

/**
 * The identity of a file that is open already, or that Deno may read but not describe. Needs no permission beyond that
 * to read it.
 *
 * @param file A descriptor, such as 0 for standard input, or a path.
 * @returns The identity; `undefined` as for {@linkcode identityOf}, or if the descriptor is closed.
 */
export async function identityOfOpen(file: number | string | URL): Promise<FileIdentity | undefined> {
  const { closeSync, fstatSync, openSync } = await import("node:fs"); // takes 10 ms, and few commands need it
  try {
    const descriptor = typeof file === "number" ? file : openSync(file, "r");
    try {
      const info = fstatSync(descriptor);
      return info.ino === 0 || info.isCharacterDevice() ? undefined : { dev: info.dev, ino: info.ino };
    } finally {
      if (descriptor !== file) closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}

/**
 * Finds the file that an output would replace.
 *
 * @param output The identity of the output.
 * @param kept The files that no output may replace.
 * @returns The first of them that is the same file; `undefined` if none is.
 */
export async function sameFile(
  output: FileIdentity | undefined,
  kept: readonly KeptFile[],
): Promise<KeptFile | undefined> {
  if (!output) return undefined;
  for (const file of kept) {
    const identity = await file.identity();
    if (identity?.ino === output.ino && identity.dev === output.dev) return file;
  }
  return undefined;
}
