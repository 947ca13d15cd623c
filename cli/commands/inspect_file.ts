/**
 * Finds out what a file is, what the default rules object to, and the same of its contents if it is compressed.
 *
 * @module
 */

import type { KeptFile } from "../../core/file/kept_file.ts";
import { LoadError } from "../../core/errors.ts";
import type { UnpackError } from "../../formats/unpack_error.ts";
import type { ByteReader, Diagnostic } from "../../mod.ts";
import { defaultPipeline } from "../../core/stages/default_pipeline.ts";
import { sanityCheck } from "../../core/stages/sanity_check.ts";
import { typesOf } from "../arguments/built_in_plugins.ts";
import type { ExaminedFile, Findings, InspectedFile } from "../report/examined_file.ts";
import { examineFile } from "./examine_file.ts";
import { loadByPreset } from "./load_by_preset.ts";

/** What a compressed file holds. */
export interface Inside {
  /** It, as a file. */
  readonly file: KeptFile;
  /** Stops unpacking. */
  readonly close: () => void;
}

/** Opens what a compressed file holds; `undefined` if it is not compressed in a way that can be read. */
export type OpenInside = (file: KeptFile, format: ExaminedFile["format"]) => Promise<Inside | undefined>;

/** The most bytes to keep of a file, and of its contents: 512 MiB. */
export const MOST_KEPT: number = 2 ** 29;

/** How many times something can be compressed. */
const MOST_LAYERS = 4;

/**
 * Finds out what a file is, and what its contents are.
 *
 * @param file The file.
 * @param openInside Opens its contents.
 * @param signal Ends the work with its reason.
 * @param layers How often it may be compressed.
 * @returns What they are.
 * @throws {LoadError} "source-failed" if the file cannot be read.
 */
export async function inspectFile(
  file: KeptFile,
  openInside: OpenInside,
  signal: AbortSignal,
  layers: number = MOST_LAYERS,
): Promise<InspectedFile> {
  const examined = await examineFile(file);
  const mayHold = layers > 0 && examined.format.name !== "elf";
  const within = mayHold ? await inspectInside(file, examined, openInside, signal, layers - 1) : undefined;
  const findings = within ? undefined : await askDefaultRules(file, examined, signal);
  return { ...examined, ...(findings && { findings }), ...within, bytesRead: file.bytesRead };
}

async function inspectInside(
  file: KeptFile,
  { format }: ExaminedFile,
  openInside: OpenInside,
  signal: AbortSignal,
  layers: number,
): Promise<Pick<InspectedFile, "inside" | "obstacle"> | undefined> {
  let inside: Inside | undefined;
  try {
    inside = await openInside(file, format);
    return inside && { inside: await inspectFile(inside.file, openInside, signal, layers) };
  } catch (error) {
    signal.throwIfAborted();
    // A failure of the file itself comes through as the cause of the failure of its contents.
    const cause = error instanceof LoadError && error.code === "source-failed" ? error.cause : error;
    if (!(cause instanceof Error) || cause.name !== "UnpackError") throw cause;
    const { message, advice } = cause as UnpackError;
    return { obstacle: { message, ...(advice && { advice }) } };
  } finally {
    inside?.close();
  }
}

/** Loads by the default rules as far as the headers alone allow, and collects what they find. */
async function askDefaultRules(file: KeptFile, { elf }: ExaminedFile, signal: AbortSignal): Promise<Findings> {
  const diagnostics: Diagnostic[] = [];
  const listening: typeof sanityCheck = {
    ...sanityCheck,
    run: (context) => sanityCheck.run({ ...context, report: (diagnostic) => void diagnostics.push(diagnostic) }),
  };
  const pipeline = defaultPipeline.replace("sanity-check", listening);
  try {
    const types = elf && typesOf(elf);
    await loadByPreset(upTo(file.reader(), headersEnd(elf)), { rules: "default", types, pipeline, signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LoadError && error.code !== "source-failed") return { objection: error, diagnostics };
  }
  return { diagnostics };
}

/** The end of the file header and of the program headers. */
function headersEnd(elf: ExaminedFile["elf"]): number {
  const { e_phoff, e_phnum, e_phentsize } = elf?.fileHeader ?? { e_phoff: 0n, e_phnum: 0, e_phentsize: 0 };
  return Math.max(64, e_phnum === 0 ? 0 : Number(e_phoff) + e_phnum * e_phentsize);
}

/** Reads up to a point and then fails instead of ending: what follows is not looked at, not missing. */
function upTo(reader: ByteReader, end: number): ByteReader {
  let left = end;
  return {
    read: async (buffer) => {
      if (left === 0) throw new Error("the headers end here");
      const count = await reader.read(buffer.subarray(0, left));
      left -= count ?? 0;
      return count;
    },
  };
}
