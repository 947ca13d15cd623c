/**
 * `kload map`: draws an address space.
 *
 * @module
 */

import { mapModel } from "../../explain/map/map_model.ts";
import { readSymbols } from "../../explain/symbols/read_symbols.ts";
import { MAP } from "../arguments/map_command.ts";
import { type MapRequest, mapRequest } from "../arguments/map_options.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { usageError } from "../output/cli_error.ts";
import type { Output } from "../output/output.ts";
import { mapReport } from "../report/map_report.ts";
import { type ExplainedFile, loadPlan, withExplained } from "./with_explained.ts";

const FLAGS = MAP.flags.map(({ name }) => name);

/**
 * Loads a kernel, or opens page tables of others, and prints the report, the JSON object or the image.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the work.
 * @returns The exit status.
 */
export async function map(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const request = mapRequest(args);
  if (args.source === "") {
    throw usageError("Cannot map anything: no FILE, - or URL given", "Name a kernel: kload map kernel.elf");
  }
  const plan = await loadPlan(args);
  return await withExplained(args.source, plan, FLAGS, output, signal, async (file) => {
    await printMap(file, request, output, signal);
    return 0;
  });
}

async function printMap(
  { name, kernel, open }: ExplainedFile,
  request: MapRequest,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { filter, level, limit, holes, tables } = request;
  const symbols = await readSymbols(await open(), { signal });
  const model = await mapModel(kernel, { symbols, filter, level, limit, signal });
  const rules = kernel.rules;
  if (output.json) {
    const { mapJson } = await import("../report/map_json.ts");
    return await output.print(mapJson(model, { name, rules }));
  }
  if (output.quiet) return;
  const about = { name, facts: [["rules", rules]] as const, filter, holes, tables, limit, verbose: output.verbose };
  await output.print(mapReport(model, about, output.paint));
}
