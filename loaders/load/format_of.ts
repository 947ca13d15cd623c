/**
 * What a file is that a load refuses because it is not ELF.
 *
 * @module
 */

import { HEAD_SIZE } from "../../core/file/file_model.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import type { FileFormat } from "../../formats/format.ts";
import { identify } from "../../formats/identify.ts";

/**
 * Identifies a file by its first bytes, which are read if they were not.
 *
 * @param file The file.
 * @returns Its format.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded", as the file does.
 */
export async function formatOf(file: KeptFile): Promise<FileFormat> {
  await file.keep(0, HEAD_SIZE);
  return identify(file.bytes(0, Math.min(HEAD_SIZE, file.length)), file.isWhole ? file.length : undefined);
}
