/**
 * `kload inspect`: shows the headers of a file, and what the default rules object to in them.
 *
 * @module
 */

import { LoadError } from "../../core/errors.ts";
import { readHeaders } from "../../core/read_headers.ts";
import { defaultPipeline } from "../../core/stages/default_pipeline.ts";
import { sanityCheck } from "../../core/stages/sanity_check.ts";
import type { ByteReader, Diagnostic, Headers } from "../../mod.ts";
import { typesOf } from "../arguments/built_in_plugins.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { openSource, type Source } from "../input/source.ts";
import type { Output } from "../output/output.ts";
import { headersReport } from "../report/inspect_report.ts";
import type { Findings } from "../report/json.ts";
import { loadByPreset } from "./load_by_preset.ts";

/**
 * Reads the headers of a file and prints the report or the JSON object.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the reading.
 * @returns The exit status.
 */
export async function inspect(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  let source: Source | undefined;
  try {
    source = await openSource(args.source, signal);
    const headers = await readHeaders(source.reader, { signal });
    const again = await source.again().catch(() => undefined);
    const findings = again && await askDefaultRules(again.reader, headers, signal).finally(again.close);
    const { paint, verbose } = output;
    if (output.json) {
      const { headersJson } = await import("../report/json.ts");
      await output.print(headersJson(source.name, headers, findings));
    } else if (!output.quiet) {
      await output.print(headersReport(source.name, headers, findings, paint, verbose));
    }
    return args.switches.has("strict") && isRemarkable(findings) ? 1 : 0;
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    const { printError, problemOf } = await import("./refusal.ts");
    const circumstances = { name: source?.name ?? args.source, verdict: "headers not read" };
    return await printError(problemOf(error, circumstances), output);
  } finally {
    source?.close();
  }
}

function isRemarkable(findings: Findings | undefined): boolean {
  const { objection, diagnostics = [] } = findings ?? {};
  return objection !== undefined || diagnostics.some(({ severity }) => severity === "warning");
}

/** Loads by the default rules as far as the headers alone allow, and collects what they find. */
async function askDefaultRules(reader: ByteReader, headers: Headers, signal: AbortSignal): Promise<Findings> {
  const diagnostics: Diagnostic[] = [];
  const listening: typeof sanityCheck = {
    ...sanityCheck,
    run: (context) => sanityCheck.run({ ...context, report: (diagnostic) => void diagnostics.push(diagnostic) }),
  };
  const pipeline = defaultPipeline.replace("sanity-check", listening);
  try {
    const types = typesOf(headers);
    await loadByPreset(upTo(reader, headers.bytesRead), { rules: "default", types, pipeline, signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LoadError && error.code !== "source-failed") return { objection: error, diagnostics };
  }
  return { diagnostics };
}

/** Reads up to a point and then fails instead of ending: what follows is unknown, not missing. */
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
