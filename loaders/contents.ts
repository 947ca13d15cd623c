/**
 * What is in a compressed file, for loaders that take containers off.
 *
 * @module
 */

import { keepFile, type KeptFile } from "../core/file/kept_file.ts";
import type { FileFormat, FormatName } from "../formats/format.ts";
import type { UnpackError } from "../formats/unpack_error.ts";
import type { Circumstances, Judgement } from "./loader.ts";
import type { Rule } from "./rule.ts";

/** What is in a compressed file. */
export interface Contents {
  /** What is in it, to be looked at. */
  readonly file: KeptFile;
  /** The containers that were taken off, from the outermost on. */
  readonly layers: readonly FormatName[];
  /** What is in them. */
  readonly format: FileFormat;
  /** Reads on to the checksums; rejects if the data is damaged. */
  readonly check: () => Promise<void>;
  /** Stops decoding. */
  readonly close: () => Promise<void>;
}

/**
 * Takes containers off a file.
 *
 * @param file The file.
 * @param only The formats of the containers to take off.
 * @param circumstances Limit and signal.
 * @returns What is in the file.
 * @throws {UnpackError} If not even the beginning of the data can be read.
 */
export async function openContents(
  file: KeptFile,
  only: readonly FormatName[],
  { maxMemory, signal, liblzma }: Circumstances,
): Promise<Contents> {
  const { unpack } = await import("../formats/unpack.ts");
  const { source, layers, format, check, close } = await unpack(file.whole() ?? file.reader(), {
    only,
    ...(maxMemory === undefined ? {} : { maxMemory }),
    ...(signal === undefined ? {} : { signal }),
    ...(liblzma === undefined ? {} : { liblzma }),
  });
  return {
    file: keepFile(source, { maxMemory, signal }),
    layers: layers.map(({ name }) => name),
    format,
    check,
    close,
  };
}

/** Compressed data that cannot be unpacked. */
export const DAMAGED_CONTAINER = {
  id: "damaged-container",
  outcome: "refuses",
  about: "The file is compressed, and its data is damaged, truncated, or uses a feature that is not supported.",
  why: "A loader that unpacks a kernel needs all of its data. Most containers have a checksum, which shows that a " +
    "download was cut off or changed on the way.",
  mend: "Compress the kernel again, or compare the file's size and checksum with the original's.",
  source: "The specification of the container",
} as const satisfies Omit<Rule<never>, "broken">;

/**
 * The reason why data cannot be unpacked, if an error comes of that.
 *
 * @param error What was thrown while the data was read.
 * @returns The reason; `undefined` for any other error.
 */
export function unpackErrorOf(error: unknown): UnpackError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === "UnpackError") return error as UnpackError;
  return error.cause === undefined ? undefined : unpackErrorOf(error.cause);
}

/**
 * The verdict of a loader on data that cannot be unpacked.
 *
 * @param error The reason.
 * @returns The verdict.
 */
export function judgeDamage({ message, advice }: UnpackError): Judgement {
  const { id, outcome, mend } = DAMAGED_CONTAINER;
  const sentence = `${message[0].toUpperCase()}${message.slice(1)}.`;
  return { outcome, rule: id, message: sentence, hint: advice?.hint ?? mend };
}
