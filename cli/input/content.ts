/**
 * The content of a file: its bytes, without the containers that they are in.
 *
 * @module
 */

import { ELF_MAGIC } from "../../core/elf/constants.ts";
import { peek, type Peeked } from "../../formats/input/peek.ts";
import type { FileFormat, Unpacked } from "../../formats/mod.ts";

/** The content of a file. */
export interface Content extends Pick<Peeked, "reader"> {
  /** The containers that were taken off, from the outermost on. */
  readonly layers: readonly FileFormat[];
  /** What is in them, unless it is ELF, which says more of itself. */
  readonly format?: FileFormat;
  /**
   * Reads on to the checksums at the ends of the containers, unless that is too far. Rejects if the data is damaged: then
   * nothing that was unpacked can be trusted.
   */
  readonly check: Unpacked["check"];
  /** Stops unpacking; the file stays open. */
  readonly close: () => void;
}

/**
 * Opens the content of a file.
 *
 * @param file Reads the file from its first byte on.
 * @param signal Ends the unpacking.
 * @returns The content.
 */
export async function contentOf(file: Peeked["reader"], signal?: AbortSignal): Promise<Content> {
  const { head, reader } = await peek(file, ELF_MAGIC.length);
  if (ELF_MAGIC.every((byte, index) => head[index] === byte)) {
    return { reader, layers: [], check: () => Promise.resolve(), close: () => {} };
  }
  const [{ unpack }, { liblzma }] = await Promise.all([import("../../formats/unpack.ts"), import("./liblzma.ts")]);
  const { source, layers, format, check, close } = await unpack(reader, { signal, liblzma });
  return {
    reader: source,
    layers,
    ...(format.name === "elf" ? {} : { format }),
    check,
    close: () => void close(),
  };
}
