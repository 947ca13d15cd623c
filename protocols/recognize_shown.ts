/**
 * Recognizes boot protocols in a file that most likely is made for none.
 *
 * @module
 */

import { type FileModel, type FilePart, readModel } from "../core/file/file_model.ts";
import type { KeptFile } from "../core/file/kept_file.ts";
import type { Protocol } from "./protocol.ts";
import { shownProtocols, SIGN_PARTS } from "./signs.ts";

/** A file, and the boot protocols that it is made for. */
export interface RecognizedFile {
  /** The file. */
  readonly model: FileModel;
  /** The protocols, in the order of reports. */
  readonly protocols: readonly Protocol[];
}

/**
 * Recognizes the boot protocols that a file is made for. The recognizers are imported only for a file that shows the
 * sign of a protocol, and of symbols only those of a file that shows BOOTBOOT's are read.
 *
 * @param file The file.
 * @param parts The parts of it to read, of {@linkcode SIGN_PARTS}: protocols that need others are not looked for.
 * @returns The file, and the protocols.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded", as the file does.
 */
export async function recognizeShown(
  file: KeptFile,
  parts: readonly FilePart[] = SIGN_PARTS,
): Promise<RecognizedFile> {
  const model = await readModel(file, parts);
  const shown = shownProtocols(model, parts);
  if (shown.length === 0) return { model, protocols: [] };
  const { protocolsOf } = await import("./recognize.ts");
  if (!shown.includes("bootboot") || !parts.includes("sections")) {
    return { model, protocols: protocolsOf(model, parts) };
  }
  const all: readonly FilePart[] = [...parts, "symbols"];
  return { model, protocols: protocolsOf(await readModel(file, all), all) };
}
