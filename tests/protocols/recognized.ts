/** Recognizes one protocol in a file, for tests. */

import { readModel } from "../../core/file/file_model.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import type { Protocol, Recognizer } from "../../protocols/protocol.ts";

/** What a recognizer finds in a file of which only its parts are read. */
export async function recognized<P extends Protocol>(
  { parts, recognize }: Recognizer<P>,
  file: Uint8Array,
): Promise<P | undefined> {
  const source = { size: file.length, readAt: (offset: number, into: Uint8Array) => readAt(file, offset, into) };
  return recognize(await readModel(keepFile(source), parts));
}

function readAt(file: Uint8Array, offset: number, into: Uint8Array): number {
  const piece = file.subarray(offset, offset + into.length);
  into.set(piece);
  return piece.length;
}
