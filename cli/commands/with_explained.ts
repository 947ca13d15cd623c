/**
 * Loads a kernel and keeps its file, for commands that explain what is where: `walk`, `map` and `diff`.
 *
 * @module
 */

import { keepFile, type KeptFile } from "../../core/file/kept_file.ts";
import { LoadError } from "../../core/errors.ts";
import type { AnyPlugin } from "../../mod.ts";
import { isGiven } from "../arguments/is_given.ts";
import { type FlagOptions, loadOptions } from "../arguments/load_options.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { choosePlugins, type PluginChoice } from "../arguments/plugin_choice.ts";
import { BOOT_FLAGS } from "../arguments/shared_flags.ts";
import { openSource, type Source } from "../input/source.ts";
import { usageError } from "../output/cli_error.ts";
import { pathOfSource } from "../output/format_advice.ts";
import { type Output, progressLine } from "../output/output.ts";
import type { KeptFile as OtherFile } from "../output/same_file.ts";
import type { Bootable } from "../report/bootable.ts";
import type { Kernel } from "../report/kernel.ts";
import type { Problem } from "../report/problem.ts";
import { loadWithPlugins } from "./load_by_preset.ts";

/** A loaded kernel and its file. */
export interface ExplainedFile {
  /** What to call the file. */
  readonly name: string;
  /** Its path, if it is a regular file that is not packed, so that other programs can read it too. */
  readonly path?: string;
  /** What tells the file from others, so that no output replaces it. */
  readonly identity: Source["identity"];
  /** The containers that it was unpacked from, from the outermost on. */
  readonly layers: Source["layers"];
  /** The kernel. */
  readonly kernel: Kernel;
  /** Whether a flag says where the kernel is. */
  readonly isPlaced: boolean;
  /** The plugins that it was loaded with. */
  readonly plugins: readonly AnyPlugin[];
  /** What was added to it, if it is to be explained as `run` starts it. */
  readonly bootable?: Bootable;
  /** Opens the file without its containers, to read symbols and other parts that no load needs. */
  readonly open: () => Promise<KeptFile>;
}

/** What is to be loaded, checked before any of it is read. */
export interface LoadPlan {
  readonly options: FlagOptions;
  readonly choice: PluginChoice;
  /** The files that were read for it, which no output may replace. */
  readonly files: readonly OtherFile[];
  /** Adds what `run` adds; absent if the kernel alone is to be explained. */
  readonly prepare?: (kernel: Kernel) => Bootable;
}

/**
 * Reads the flags of a load, and those of `run` if any of them is given.
 *
 * @param args The arguments.
 * @returns The plan.
 * @throws {CliError} "usage" if a value is not accepted.
 */
export async function loadPlan(args: Arguments): Promise<LoadPlan> {
  const { values, lists } = args;
  const options = loadOptions(values);
  const choice = await choosePlugins(lists.get("plugin") ?? [], lists.get("no-plugin") ?? []);
  const asRun = isGiven(args, "as-run") || BOOT_FLAGS.some(({ name }) => isGiven(args, name));
  if (!asRun) return { options, choice, files: [] };
  if (options.memory?.base !== undefined) {
    const hint = "Leave it out, or explain the kernel alone, without what kload run adds to it.";
    throw usageError("Cannot use --memory-base: kload run has its own start of memory, 0x100000", hint, {
      flag: "memory-base",
    });
  }
  const [{ addBootParts, memoryForParts }, { bootPlan, MEMORY_BASE }] = await Promise.all([
    import("./boot_parts.ts"),
    import("./boot_plan.ts"),
  ]);
  const plan = await bootPlan(args, options.maxMemory);
  const memory = { ...options.memory, base: MEMORY_BASE };
  const pluginsFor: PluginChoice["pluginsFor"] = async (rules, types) => {
    return [...await choice.pluginsFor(rules, types), memoryForParts(plan)];
  };
  return {
    options: { ...options, memory },
    choice: { ...choice, pluginsFor },
    files: plan.files,
    prepare: (kernel) => addBootParts(kernel, plan),
  };
}

/**
 * Loads a kernel and passes it on. If the file is refused, prints why, and which rule sets would accept it.
 *
 * @param name The file: a path, "-" or a URL.
 * @param plan What is to be loaded.
 * @param flags The names of the command's flags, which hints may name.
 * @param output Where to print.
 * @param signal Ends the load.
 * @param work What to do with the kernel; resolves to the exit status.
 * @param side Which of two kernels it is, and the exit status if it is refused.
 * @returns The exit status.
 */
export async function withExplained(
  name: string,
  plan: LoadPlan,
  flags: readonly string[],
  output: Output,
  signal: AbortSignal,
  work: (file: ExplainedFile) => Promise<number>,
  side?: { readonly name: string; readonly status: number },
): Promise<number> {
  const { options, choice } = plan;
  const line = await progressLine(output);
  signal.addEventListener("abort", line.stop, { once: true });
  const closing: (() => unknown)[] = [];
  let source: Source | undefined;
  let kernel: Kernel | undefined;
  try {
    const keeping = { maxMemory: options.maxMemory, signal };
    const opened = source = await openSource(name, signal, undefined, (reader) => keepFile(reader, keeping));
    closing.push(opened.close);
    const { kept } = opened;
    const onProgress = (progress: { readonly loaded: number }) => line.update(progress, opened.size);
    const loaded = await loadWithPlugins(opened.reader, { ...options, signal, onProgress }, choice).finally(line.stop);
    // What the check of a container reads is lost.
    if (opened.layers.length > 0) await kept?.reach(Number.MAX_SAFE_INTEGER);
    await opened.check();
    kernel = loaded.kernel;
    const bootable = plan.prepare?.(kernel);
    const open = async (): Promise<KeptFile> => {
      const file = kept ? undefined : await opened.random?.();
      if (!file) return kept ?? keepFile(opened.reader, keeping);
      closing.push(file.close);
      return keepFile(file, keeping);
    };
    const { name: shown, identity, layers } = opened;
    const path = opened.file && layers.length === 0 ? pathOfSource(shown) : undefined;
    return await work({
      name: shown,
      path,
      identity,
      layers,
      isPlaced: options.kernelBase !== undefined,
      ...loaded,
      ...(bootable ? { bootable } : {}),
      open,
    });
  } catch (error) {
    line.stop();
    if (!(error instanceof LoadError)) throw error;
    const { isRefusal, nameRefused, otherRulesFor, printError, problemOf } = await import("./refusal.ts");
    const verdict = kernel && "loaded, but not explained";
    const found = problemOf(error, { name: source?.name ?? name, verdict, flags });
    const refused = kernel === undefined && source !== undefined && isRefusal(error) ? source : undefined;
    const problem = refused ? await nameRefused(found, refused, name, signal) : found;
    return await printError(side ? ofSide(problem, side) : problem, output, async () => {
      return refused && await otherRulesFor(error, refused, options, choice, signal);
    });
  } finally {
    for (const close of closing.reverse()) close();
  }
}

/** Says which of two kernels a problem is with. */
function ofSide(problem: Problem, { name, status }: { readonly name: string; readonly status: number }): Problem {
  const about = [`side ${name}`, ...(problem.about === undefined ? [] : [problem.about])].join(", ");
  return { ...problem, about, detail: { ...problem.detail, side: name }, status };
}
