/**
 * `kload inspect`: shows the headers of a file, and what the default rules object to in them.
 *
 * @module
 */

import { type ByteReader, defaultPipeline, type Diagnostic, type Headers } from "../../mod.ts";
import { LoadError, readHeaders, sanityCheck } from "../../mod.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { type Findings, headersJson } from "../report/json.ts";
import { loadByPreset } from "./load_by_preset.ts";
import { headersReport } from "../report/inspect_report.ts";
import type { Output } from "../output/output.ts";
import { openSource } from "../input/source.ts";

/**
 * Reads the headers of a file and prints the report or the JSON object.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the reading.
 * @returns The exit status.
 */
export async function inspect({ source: name }: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const source = await openSource(name, signal);
  try {
    const headers = await readHeaders(source.reader, { signal });
    const again = await source.again().catch(() => undefined);
    const findings = again && await askDefaultRules(again.reader, headers, signal).finally(again.close);
    if (output.json) await output.print(headersJson(headers, findings));
    else if (!output.quiet) await output.print(headersReport(source.name, headers, findings, output.paint));
    return 0;
  } finally {
    source.close();
  }
}

/** Loads by the default rules as far as the headers alone let it come. */
async function askDefaultRules(reader: ByteReader, headers: Headers, signal: AbortSignal): Promise<Findings> {
  const diagnostics: Diagnostic[] = [];
  const listening: typeof sanityCheck = {
    ...sanityCheck,
    run: (context) => sanityCheck.run({ ...context, report: (diagnostic) => void diagnostics.push(diagnostic) }),
  };
  const pipeline = defaultPipeline.replace("sanity-check", listening);
  try {
    await loadByPreset(upTo(reader, headers.bytesRead), { rules: "default", pipeline, signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LoadError && error.code !== "source-failed") return { objection: error, diagnostics };
  }
  return { diagnostics };
}

/** Reads up to a point, and fails there rather than end: what is behind it is unknown, not missing. */
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
