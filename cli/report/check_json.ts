/**
 * The JSON object of `kload check`.
 *
 * @module
 */

import type { CheckReport } from "../../loaders/check_kernel.ts";
import type { MendedFile } from "./fix_report.ts";
import { versionedJson } from "./json.ts";

/**
 * A checked file.
 *
 * @param name The name of the file.
 * @param report The verdicts and findings; of the fixed file, if one was written.
 * @param mended What `--fix` did, if it was given.
 * @returns The object, and a line break.
 */
export function checkJson(name: string, report: CheckReport, mended?: MendedFile): string {
  return versionedJson({ name, ...report, ...(mended ? { fix: mended } : {}) });
}
