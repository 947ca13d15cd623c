/**
 * Says what a refused file is.
 *
 * @module
 */

import { keepFile } from "../../core/file/kept_file.ts";
import type { Source } from "../input/source.ts";
import type { ExaminedFile } from "../report/examined_file.ts";
import type { Problem } from "../report/problem.ts";
import { userProgram } from "../report/file_facts.ts";
import { refusalOf } from "../report/refusal_of.ts";
import { examineFile, QUICK_LOOK } from "./examine_file.ts";

/** How long to wait for a live source, in milliseconds. */
const PATIENCE = 1000;

/** The most bytes to keep of a file for a look at it. */
const LOOKED_AT = 32 * 2 ** 20;

/**
 * Rewords why a file was refused: what it is, and what to do.
 *
 * @param problem The refusal.
 * @param source The file; any part of it may have been read.
 * @param path The path that it was given by.
 * @param signal Ends the work with its reason.
 * @returns The same, with what the file is; unchanged if that cannot be determined.
 */
export async function nameRefused(
  problem: Problem,
  source: Source,
  path: string,
  signal: AbortSignal,
): Promise<Problem> {
  const file = await examineSource(source, signal);
  signal.throwIfAborted();
  if (!file) return problem;
  const { code, message, hint, command } = problem;
  const about = userProgram(file);
  const layers = source.layers.map((layer) => layer.name);
  return {
    ...problem,
    ...refusalOf(code, { message, hint, command }, file, source.live ? undefined : path, layers),
    format: file.format.name,
    ...(about === undefined ? {} : { about }),
  };
}

async function examineSource(source: Source, signal: AbortSignal): Promise<ExaminedFile | undefined> {
  const limit = source.live ? AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]) : signal;
  const again = await source.again().catch(() => undefined);
  try {
    return again && await examineFile(keepFile(again.reader, { maxMemory: LOOKED_AT, signal: limit }), QUICK_LOOK);
  } catch {
    return undefined; // why it was refused has been found already
  } finally {
    again?.close();
  }
}
