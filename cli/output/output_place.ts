/**
 * Where an output goes: to a file, which is replaced as a whole, or to a device, a pipe or an open descriptor, which is
 * written as it is.
 *
 * @module
 */

/** Where an output goes. */
export type OutputPlace =
  | {
    /** A regular file, or none yet. */
    readonly kind: "file";
    /** Its path, whose last part is not a symbolic link. */
    readonly path: string;
    /** The folder that it is in. */
    readonly folder: string;
    /** The file that is there, if there is one. */
    readonly existing?: Deno.FileInfo;
  }
  | {
    /** A device, a pipe or a socket. */
    readonly kind: "device";
    /** Its path. */
    readonly path: string;
    /** What it is. */
    readonly info: Deno.FileInfo;
  }
  | {
    /** An open descriptor of this process. */
    readonly kind: "descriptor";
    /** Its path. */
    readonly path: string;
    /** Its number. */
    readonly descriptor: number;
  };

/** Paths that mean an open descriptor, and are links to it on most systems. */
const DESCRIPTOR = /^\/(?:dev\/fd|proc\/(?:self|thread-self)\/fd)\/(\d+)$/;
const STANDARD: ReadonlyMap<string, number> = new Map([["/dev/stdin", 0], ["/dev/stdout", 1], ["/dev/stderr", 2]]);

/** The most symbolic links to follow, as on Linux. */
const MOST_LINKS = 40;

/**
 * Finds out where an output goes, following symbolic links.
 *
 * @param path The path as given.
 * @param onFolder Called with the folder of the path, and of what each link points to, before Deno is asked about it.
 * @returns The place.
 * @throws {Error} If there is a directory, or a symbolic link that leads nowhere.
 */
export async function outputPlace(path: string, onFolder: (folder: string) => void): Promise<OutputPlace> {
  for (let at = path, links = 0;; links++) {
    const descriptor = STANDARD.get(at) ?? DESCRIPTOR.exec(at)?.[1];
    if (descriptor !== undefined) return { kind: "descriptor", path: at, descriptor: Number(descriptor) };
    const folder = folderOf(at);
    onFolder(folder);
    const info = await Deno.lstat(at).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    });
    if (!info && links > 0) throw new Error("it is a symbolic link to a file that does not exist");
    if (!info) return { kind: "file", path: at, folder };
    if (info.isDirectory) throw new Error("it is a directory");
    if (info.isFile) return { kind: "file", path: at, folder, existing: info };
    if (!info.isSymlink) return { kind: "device", path: at, info };
    if (links === MOST_LINKS) throw new Error("there are too many levels of symbolic links");
    const target = await Deno.readLink(at);
    at = isAbsolute(target) ? target : `${folder}/${target}`;
  }
}

const isWindows = Deno.build.os === "windows";
const ROOTED = isWindows ? /^(?:[a-z]:)?[\\/]/i : /^\//;
const NAME = isWindows ? /[^\\/:]*$/ : /[^/]*$/;
const LAST_SEPARATORS = isWindows ? /(?<=[^\\/:])[\\/]+$/ : /(?<=[^/])\/+$/;

function isAbsolute(path: string): boolean {
  return ROOTED.test(path);
}

/** The folder part of a path, as written: `..` after a symbolic link is left to the system. */
function folderOf(path: string): string {
  const folder = path.replace(NAME, "");
  return folder === "" ? "." : folder.replace(LAST_SEPARATORS, "");
}
