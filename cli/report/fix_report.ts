/**
 * What `kload check --fix` changed in a file.
 *
 * @module
 */

import type { Fix } from "../../loaders/fixes.ts";
import type { Paint } from "../output/paint.ts";
import { count, hex, printable } from "../output/text.ts";
import { headline, remarkLines } from "./report_parts.ts";

/** A file that was written. */
export interface MendedFile {
  /** Its path. */
  readonly output: string;
  /** What differs from the file that was read. */
  readonly changes: readonly Fix[];
}

/**
 * The report on a fixed file, which comes before the report on what loaders will do with it.
 *
 * @param mended The file, and what was changed.
 * @param name The name of the file that was read.
 * @param paint The colors and the width.
 * @returns Lines of text.
 */
export function fixReport({ output, changes }: MendedFile, name: string, paint: Paint): readonly string[] {
  if (changes.length === 0) {
    return headline(output, [`a copy of ${printable(name)}: nothing in it can be fixed`], paint);
  }
  return [
    ...headline(output, [`${printable(name)} with ${count(changes.length, "field")} fixed`], paint),
    ...changes.flatMap(({ rule, index, offset, before, after, why }) => {
      const bytes = `${before.toHex()} became ${after.toHex()}`;
      const text = `Program header ${index}, file offset ${hex(offset)}: ${why} The bytes ${bytes}.`;
      return remarkLines(`fixed[${rule}]:`, text, undefined, paint, paint.label);
    }),
  ];
}
