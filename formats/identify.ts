/**
 * Identifies a file by its first bytes.
 *
 * @module
 */

import type { FileFormat } from "./format.ts";
import { headOf } from "./head.ts";
import { ARCHIVES, BOOT_SECTOR, ISO } from "./rows/archives.ts";
import { CONTAINERS, LZMA } from "./rows/containers.ts";
import { EXECUTABLES } from "./rows/executables.ts";
import { ELF_AND_BZIMAGE, FIRMWARE_FILES, FOREIGN_KERNELS } from "./rows/kernels.ts";
import type { FormatRow } from "./rows/row.ts";
import { EMPTY, TEXTS, UNKNOWN } from "./rows/texts.ts";

/** All formats; the first whose test holds is the file's. What is recognized by less comes later. */
const ROWS: readonly FormatRow[] = [
  EMPTY,
  ...ELF_AND_BZIMAGE,
  ISO,
  ...FOREIGN_KERNELS,
  ...EXECUTABLES,
  ...CONTAINERS,
  ...ARCHIVES,
  ...FIRMWARE_FILES,
  ...TEXTS,
  BOOT_SECTOR,
  LZMA,
  UNKNOWN,
];

/**
 * Identifies a file by its first bytes.
 *
 * @param head The first bytes: 0x9000 of them show every format, fewer all but disk images.
 * @param length The length of the whole file, if it is known.
 * @returns The format; "unknown" if it is none of those that are known.
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { identify } from "@kload/kload/formats";
 *
 * const { name, description, advice } = identify(new TextEncoder().encode("!<arch>\n"));
 * assertEquals([name, description, advice?.command], ["ar", "static library (ar)", "ar x FILE"]);
 * ```
 */
export function identify(head: Uint8Array, length?: number): FileFormat {
  const view = headOf(head, length);
  const row = ROWS.find(({ test }) => test(view)) ?? UNKNOWN;
  const advice = row.advise?.(view);
  return { name: row.name, description: row.describe(view), ...(advice === undefined ? {} : { advice }) };
}
