/**
 * `kload load`: loads a kernel and reports the result.
 *
 * @module
 */

import { LoadError } from "../../core/errors.ts";
import type { Progress } from "../../mod.ts";
import { LOAD } from "../arguments/command_table.ts";
import { type FlagOptions, loadOptions } from "../arguments/load_options.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { choosePlugins, type PluginChoice } from "../arguments/plugin_choice.ts";
import { openSource, type Source } from "../input/source.ts";
import { usageError } from "../output/cli_error.ts";
import { type Output, progressLine } from "../output/output.ts";
import type { ProgressLine } from "../output/progress.ts";
import { strictStatus } from "../report/diagnostics.ts";
import { loadReport } from "../report/load_report.ts";
import type { Recognized } from "../report/recognized.ts";
import { type LoadedWith, loadWithPlugins } from "./load_by_preset.ts";

/** What the arguments ask for. */
interface Request {
  readonly options: FlagOptions;
  readonly choice: PluginChoice;
  /** The file to write memory to. */
  readonly dump?: string;
  /** Whether a warning makes the exit status 1. */
  readonly strict: boolean;
}

/**
 * Loads a kernel, writes the dump if requested, and prints the report or the JSON object.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the load.
 * @returns The exit status.
 */
export async function load(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const request = await requestOf(args);
  const line = await progressLine(output);
  signal.addEventListener("abort", line.stop, { once: true });
  let source: Source | undefined;
  const importing = output.quiet && !output.json ? undefined : import("./recognize_loaded.ts");
  try {
    source = await openSource(args.source, signal);
    const loaded = await loadFrom(source, request, line, signal);
    const { kernel } = loaded;
    const recognized = await (await importing)?.recognizeLoaded(kernel, source);
    if (request.dump !== undefined) {
      const { writeDump } = await import("../output/memory_dump.ts");
      const { keptFiles } = await import("./kept_files.ts");
      await writeDump(kernel, request.dump, keptFiles(source, args), signal);
    }
    if (recognized) await printKernel(loaded, { name: source.name, recognized }, request, output, signal);
    return strictStatus(kernel.diagnostics, request.strict);
  } catch (error) {
    line.stop();
    if (!(error instanceof LoadError)) throw error;
    const { isRefusal, nameRefused, otherRulesFor, printError, problemOf } = await import("./refusal.ts");
    const found = problemOf(error, {
      name: source?.name ?? args.source,
      flags: LOAD.flags.map(({ name }) => name),
    });
    const problem = source && isRefusal(error) ? await nameRefused(found, source, args.source, signal) : found;
    const { options, choice } = request;
    return await printError(problem, output, async () => {
      return source && isRefusal(error) ? await otherRulesFor(error, source, options, choice, signal) : undefined;
    });
  } finally {
    source?.close();
  }
}

async function requestOf({ values, lists, switches }: Arguments): Promise<Request> {
  const options = loadOptions(values);
  const dump = values.get("dump");
  if (dump === "-") {
    const hint = "Standard output carries the report; give a file path.";
    throw usageError("Cannot use --dump -: a dump cannot be written to standard output", hint, {
      flag: "dump",
      value: dump,
    });
  }
  const choice = await choosePlugins(lists.get("plugin") ?? [], lists.get("no-plugin") ?? []);
  return { options, choice, dump, strict: switches.has("strict") };
}

async function loadFrom(
  source: Source,
  { options, choice }: Request,
  line: ProgressLine,
  signal: AbortSignal,
): Promise<LoadedWith> {
  const onProgress = (progress: Progress) => line.update(progress, source.size);
  const loaded = await loadWithPlugins(source.reader, { ...options, signal, onProgress }, choice).finally(line.stop);
  await source.check();
  return loaded;
}

async function printKernel(
  { kernel, plugins }: LoadedWith,
  file: { readonly name: string; readonly recognized: Recognized },
  { options, dump: path, strict }: Request,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { rules, kernelBase } = options;
  if (output.json) {
    const { kernelJson } = await import("../report/json.ts");
    return await output.print(await kernelJson(kernel, { ...file, rules }, signal));
  }
  const dump = path === undefined ? undefined : { path, size: kernel.nextFrame - kernel.memory.base };
  const about = { ...file, rules, plugins, kernelBase, dump, verbose: output.verbose, strict };
  await output.print(loadReport(kernel, about, output.paint));
}
