/**
 * A row of the table of formats.
 *
 * @module
 */

import type { FormatAdvice, FormatName } from "../format.ts";
import type { Head } from "../head.ts";

/** How one format is recognized and described. */
export interface FormatRow {
  /** The format. */
  readonly name: FormatName;
  /** Whether a file has this format, given that it has none of the rows before. */
  readonly test: (head: Head) => boolean;
  /** What the file is. Called only if the test holds. */
  readonly describe: (head: Head) => string;
  /** What to do with it. Called only if the test holds. */
  readonly advise?: (head: Head) => FormatAdvice | undefined;
}
