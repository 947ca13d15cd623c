/**
 * The owners of frames, as reports name them.
 *
 * @module
 */

import { printable } from "../output/text.ts";

/** The owners that have other names in reports, in the order of the reports. */
export const OWNER_TEXTS: ReadonlyMap<string, string> = new Map([
  ["file", "file"],
  ["table", "page tables"],
  ["copy", "copies"],
  ["bss", "bss"],
]);

/**
 * Names the owner of frames.
 *
 * @param owner The owner.
 * @returns Its name in reports, printable.
 */
export function ownerText(owner: string): string {
  return printable(OWNER_TEXTS.get(owner) ?? owner);
}
