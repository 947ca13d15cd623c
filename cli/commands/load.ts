/**
 * `kload load`: loads a kernel and tells of it.
 *
 * @module
 */

import type { Progress } from "../../mod.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { writeDump } from "../output/memory_dump.ts";
import { problemOf, usageError } from "../output/cli_error.ts";
import { tell } from "../report/print_error.ts";
import { kernelJson } from "../report/json.ts";
import { loadByPreset } from "./load_by_preset.ts";
import { loadOptions } from "../arguments/load_options.ts";
import { usedMemory } from "../output/memory_pieces.ts";
import { isRefusal, otherRulesFor } from "./other_rules.ts";
import type { Output } from "../output/output.ts";
import { choosePlugins } from "../arguments/plugin_choice.ts";
import { type ProgressLine, startProgress } from "../output/progress.ts";
import { loadReport } from "../report/load_report.ts";
import { openSource } from "../input/source.ts";

/**
 * Loads a kernel, writes the dump that was asked for, and prints the report or the JSON object.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the load.
 * @returns The exit status.
 */
export async function load(
  { source: name, values, lists }: Arguments,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const options = loadOptions(values);
  const path = values.get("dump");
  if (path === "-") {
    const hint = "Standard output has the report; give the path of a file.";
    throw usageError("Cannot use --dump -: a dump is not written to standard output", hint, { flag: "dump" });
  }
  const choice = await choosePlugins(lists.get("plugin") ?? [], lists.get("no-plugin") ?? []);
  const line = progressLine(output);
  signal.addEventListener("abort", line.stop, { once: true });
  const source = await openSource(name, signal).catch((error) => {
    line.stop();
    throw error;
  });
  try {
    const onProgress = (progress: Progress) => line.update(progress, source.size);
    const kernel = await loadByPreset(source.reader, { ...options, signal, onProgress }, choice).finally(line.stop);
    await source.check();
    if (path !== undefined) await writeDump(kernel, path, source.file, signal);
    if (output.json) {
      await output.print(await kernelJson(kernel, signal));
    } else if (!output.quiet) {
      const dump = path === undefined ? undefined : { path, size: usedMemory(kernel) };
      const { rules, kernelBase } = options;
      const about = { name: source.name, rules, plugins: choice(rules), kernelBase, dump };
      await output.print(loadReport(kernel, about, output.paint));
    }
    return 0;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return await tell(problemOf(error), output, () => otherRulesFor(source, options, choice, signal));
  } finally {
    source.close();
  }
}

function progressLine({ quiet }: Output): ProgressLine {
  if (quiet || !Deno.stderr.isTerminal()) return { update: () => {}, stop: () => {} };
  const encoder = new TextEncoder();
  return startProgress((text) => Deno.stderr.writeSync(encoder.encode(text)));
}
