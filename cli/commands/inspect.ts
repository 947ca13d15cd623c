/**
 * `kload inspect`: says what a file is, and what the default rules object to in it.
 *
 * @module
 */

import { keepFile } from "../../core/file/kept_file.ts";
import { LoadError } from "../../core/errors.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { asItIs, openSource, type Source } from "../input/source.ts";
import type { Output } from "../output/output.ts";
import type { InspectedFile } from "../report/examined_file.ts";
import { inspectReport } from "../report/inspect_report.ts";
import { inspectFile, MOST_KEPT, type OpenInside } from "./inspect_file.ts";

/**
 * Finds out what a file is and prints the report or the JSON object.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the reading.
 * @returns The exit status: 0 if the format is known.
 */
export async function inspect(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  let source: Source | undefined;
  try {
    source = await openSource(args.source, signal, asItIs);
    const file = await inspectSource(source, signal);
    const { name, live } = source;
    const path = live ? undefined : args.source;
    if (output.json) {
      const { inspectJson } = await import("../report/inspect_json.ts");
      await output.print(inspectJson(file, name, path));
    } else if (!output.quiet) {
      await output.print(inspectReport(file, { name, path, verbose: output.verbose }, output.paint));
    }
    return statusOf(file, args.switches.has("strict"));
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    const { printError, problemOf } = await import("./refusal.ts");
    const circumstances = { name: source?.name ?? args.source, verdict: "not read" };
    return await printError(problemOf(error, circumstances), output);
  } finally {
    source?.close();
  }
}

async function inspectSource(source: Source, signal: AbortSignal): Promise<InspectedFile> {
  // A file that cannot be opened once more is read as a stream.
  const random = await source.random?.().catch(() => undefined);
  try {
    const options = { maxMemory: MOST_KEPT, signal };
    const openInside: OpenInside = async (file, format) => {
      const { unpackKept } = await import("./unpack_kept.ts");
      return await unpackKept(signal)(file, format);
    };
    return await inspectFile(keepFile(random ?? source.reader, options), openInside, signal);
  } finally {
    random?.close();
  }
}

/** Nothing that a file is made of may be unknown; with `--strict`, nothing may be remarkable. */
function statusOf({ format, protocols, inside, obstacle, findings }: InspectedFile, strict: boolean): number {
  const { objection, diagnostics = [] } = findings ?? {};
  const isRemarkable = objection !== undefined || diagnostics.some(({ severity }) => severity === "warning");
  const isUnknown = format.name === "unknown" && protocols.length === 0;
  if (isUnknown || (strict && (isRemarkable || obstacle !== undefined))) return 1;
  return inside ? statusOf(inside, strict) : 0;
}
