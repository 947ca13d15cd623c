/**
 * Which part of a compressed file a check is about.
 *
 * @module
 */

import type { CheckReport } from "../../loaders/check_kernel.ts";

/**
 * Whether findings, and the offsets in them, are about the contents of a compressed file.
 *
 * @param report The report.
 * @returns True if the file holds an ELF file.
 */
export function areInside({ inside }: Pick<CheckReport, "inside">): boolean {
  return inside?.format === "elf";
}
