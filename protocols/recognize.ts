/**
 * Recognizes the boot protocols that a file is made for.
 *
 * @module
 */

import type { FileModel, FilePart } from "../core/file/file_model.ts";
import { RECOGNIZERS } from "./all_protocols.ts";
import type { Protocol } from "./protocol.ts";

/** The parts of a file that the recognizers look at. */
export const PROTOCOL_PARTS: readonly FilePart[] = [...new Set(RECOGNIZERS.flatMap(({ parts }) => parts))];

/**
 * Recognizes the boot protocols that a file is made for.
 *
 * @param model The file.
 * @param parts The parts that were read of it: protocols that need others are not looked for.
 * @returns The protocols, in the order of reports; empty if there are none.
 */
export function recognizeProtocols(
  model: FileModel,
  parts: readonly FilePart[] = PROTOCOL_PARTS,
): readonly Protocol[] {
  const readable = RECOGNIZERS.filter((recognizer) => recognizer.parts.every((part) => parts.includes(part)));
  return readable.map(({ recognize }) => recognize(model)).filter((protocol) => protocol !== undefined);
}
