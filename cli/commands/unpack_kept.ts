/**
 * Opens what a compressed file holds, as a file that is kept too.
 *
 * @module
 */

import { keepFile } from "../../core/file/kept_file.ts";
import { contentOf } from "../input/content.ts";
import type { OpenInside } from "./inspect_file.ts";

/** The most bytes to keep of a file, and of what it holds: 512 MiB. */
export const MOST_KEPT: number = 2 ** 29;

/**
 * Opens what compressed files hold.
 *
 * @param signal Ends the reading.
 * @returns A function that opens it.
 */
export function unpackKept(signal: AbortSignal): OpenInside {
  return async (file, { name }) => {
    if (name !== "gzip") return undefined;
    const content = await contentOf(file.reader());
    return { file: keepFile(content.reader, { maxMemory: MOST_KEPT, signal }), close: content.close };
  };
}
