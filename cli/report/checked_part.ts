/**
 * Which part of a compressed file a check is about.
 *
 * @module
 */

import type { CheckReport } from "../../loaders/check_kernel.ts";

/**
 * Whether findings are about what a compressed file holds, and so are the offsets in them.
 *
 * @param report The report.
 * @returns True if the file holds an ELF file.
 */
export function areInside({ inside }: Pick<CheckReport, "inside">): boolean {
  return inside?.format === "elf";
}
