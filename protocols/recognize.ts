/**
 * Recognizes the boot protocols that a file is made for.
 *
 * @module
 */

import { type FileModel, type FilePart, readModel } from "../core/file/file_model.ts";
import { keepFile, type KeepOptions, type KeptFile, type RandomSource } from "../core/file/kept_file.ts";
import type { KernelSource } from "../core/intake/source.ts";
import type { FileFormat } from "../formats/format.ts";
import { RECOGNIZERS } from "./all_protocols.ts";
import type { Protocol } from "./protocol.ts";

/** A part that is large in some files, and tells something of few: it is read only where it is worth it. */
const SYMBOLS: FilePart = "symbols";

/** The parts of a file that the recognizers look at, but for symbols. */
export const PROTOCOL_PARTS: readonly FilePart[] = [
  ...new Set(RECOGNIZERS.flatMap(({ parts }) => parts).filter((part) => part !== SYMBOLS)),
];

/** A file, and the boot protocols that it is made for. */
export interface RecognizedFile {
  /** The file. */
  readonly model: FileModel;
  /** The protocols, in the order of reports. */
  readonly protocols: readonly Protocol[];
}

/**
 * Recognizes the boot protocols that a file is made for, by their headers. Nothing is loaded, and no header is checked
 * further than is needed to find it.
 *
 * @example
 * ```ts
 * import { recognizeProtocols } from "@kload/kload/protocols";
 * import { assertEquals } from "@std/assert";
 *
 * const file = new DataView(new ArrayBuffer(0x100)); // the headers of an EFI application
 * file.setUint16(0, 0x5a4d, true); // "MZ"
 * file.setUint32(0x3c, 0x40, true); // where the PE headers start
 * file.setUint32(0x40, 0x4550, true); // "PE"
 * file.setUint16(0x44, 0x8664, true); // x86-64
 * file.setUint16(0x54, 0xf0, true); // size of the optional header
 * file.setUint16(0x58, 0x20b, true); // PE32+
 * file.setUint16(0x9c, 10, true); // the subsystem
 * assertEquals((await recognizeProtocols(file.buffer)).map(({ name }) => name), ["uefi"]);
 * ```
 *
 * @param source Bytes, a stream of them, an open file or anything with `read(buffer)`, a `Blob`, a `Response`, or a
 * source with `readAt(offset, buffer)`, of which only what is needed is read.
 * @param options The most bytes to keep, and a signal.
 * @returns The protocols, in the order of reports; empty if there are none.
 * @throws {LoadError} "source-failed" if the source fails, or "memory-limit-exceeded".
 * @throws {TypeError} If the source is not one.
 */
export async function recognizeProtocols(
  source: KernelSource | RandomSource,
  options: KeepOptions = {},
): Promise<readonly Protocol[]> {
  const file = keepFile(source, options);
  try {
    return (await recognizeFile(file)).protocols;
  } finally {
    await file.close();
  }
}

/**
 * Recognizes the boot protocols that a file is made for. With the sections, symbols are read too if a recognizer that
 * needs them does not rule the file out by its headers.
 *
 * @param file The file.
 * @param parts The parts of it to read: protocols that need others are not looked for.
 * @returns The file, and the protocols.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded", as the file does.
 */
export async function recognizeFile(
  file: KeptFile,
  parts: readonly FilePart[] = PROTOCOL_PARTS,
): Promise<RecognizedFile> {
  const model = await readModel(file, parts);
  const isWorthIt = parts.includes("sections") && RECOGNIZERS.some((recognizer) => {
    return recognizer.parts.includes(SYMBOLS) && recognizer.isPossible?.(model) !== false;
  });
  if (!isWorthIt) return { model, protocols: protocolsOf(model, parts) };
  const more = [...parts, SYMBOLS];
  const larger = await readModel(file, more);
  return { model: larger, protocols: protocolsOf(larger, more) };
}

/**
 * Names a file that has no magic number of its own by the protocol that it is made for, as a raw binary with a Multiboot
 * header is.
 *
 * @param format What the first bytes alone show.
 * @param protocols The protocols that were recognized.
 * @returns The format; if it is unknown, with what the protocol makes of it.
 */
export function namedByProtocol(format: FileFormat, protocols: readonly Protocol[]): FileFormat {
  if (format.name !== "unknown" || protocols.length === 0) return format;
  const [name] = protocols[0].summary.split(":");
  return {
    name: format.name,
    description: `raw binary for ${name}`,
    advice: {
      hint:
        "It has no ELF headers, and is loaded as the header of that protocol says. kload loads ELF kernels; to ask " +
        "loaders of this one:",
      command: "kload check FILE",
    },
  };
}

/** The parts that only ELF files have: of others, recognizers see that there are none. */
const ELF_PARTS: readonly FilePart[] = ["notes", "sections", "image", "dynamic"];

/** Protocols that need other parts than these are not looked for. */
function protocolsOf(model: FileModel, parts: readonly FilePart[]): readonly Protocol[] {
  const known = model.elf ? parts : [...parts, ...ELF_PARTS];
  return RECOGNIZERS.filter((recognizer) => recognizer.parts.every((part) => known.includes(part)))
    .map(({ recognize }) => recognize(model)).filter((protocol) => protocol !== undefined);
}
