/**
 * Loads a kernel and prepares it for booting, for the commands `run`, `image` and `dump`.
 *
 * @module
 */

import { keepFile } from "../../core/file/kept_file.ts";
import type { KernelSymbols } from "../../explain/symbols/kernel_symbols.ts";
import { type AnyPlugin, type ErrorCode, LoadError } from "../../mod.ts";
import { IMAGE } from "../arguments/command_table.ts";
import { type FlagOptions, loadOptions } from "../arguments/load_options.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { choosePlugins, type PluginChoice } from "../arguments/plugin_choice.ts";
import { openSource, type Source } from "../input/source.ts";
import { CliError } from "../output/cli_error.ts";
import type { Output } from "../output/output.ts";
import type { KeptFile } from "../output/same_file.ts";
import type { Bootable } from "../report/bootable.ts";
import { LOAD_LISTING, strictStatus } from "../report/diagnostics.ts";
import type { Kernel } from "../report/kernel.ts";
import { printError } from "../report/print_error.ts";
import type { Recognized } from "../report/recognized.ts";
import { problemOf } from "../report/problem.ts";
import { addBootParts, memoryForParts } from "./boot_parts.ts";
import { type BootPlan, bootPlan, MEMORY_BASE } from "./boot_plan.ts";
import { keptFiles } from "./kept_files.ts";
import { loadByPreset } from "./load_by_preset.ts";
import { nameRefused } from "./name_refused.ts";
import { isRefusal, otherRulesFor } from "./other_rules.ts";

/** Codes that mean memory was too small for the kernel or one of its parts. */
const TOO_LITTLE: readonly ErrorCode[] = ["memory-too-small", "frames-exhausted"];

/** What a command knows of the file. */
export interface LoadedFile {
  /** The file. */
  readonly source: Source;
  /** The files that the command must not replace. */
  readonly kept: readonly KeptFile[];
  /** Recognizes the boot protocols that the kernel is made for. */
  readonly recognize: () => Promise<Recognized>;
  /** Reads its sections and symbols; resolves to `undefined` if it cannot be read again. */
  readonly names: () => Promise<KernelSymbols | undefined>;
}

/** What a command does with a kernel that is ready to boot; resolves to the exit status. */
export type Work = (bootable: Bootable, file: LoadedFile) => Promise<number>;

/**
 * Loads the kernel that the arguments name, adds what the flags ask for, and passes it on. If the file is refused,
 * prints why, and which rule sets would accept it.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the load.
 * @param memorySize Number of bytes of memory from 1 MiB on; by default as many as the kernel needs.
 * @param work What to do with the kernel.
 * @param keeps Whether to keep what is read of a stream, so that its names can be read.
 * @returns The exit status.
 */
export async function withBootable(
  args: Arguments,
  output: Output,
  signal: AbortSignal,
  memorySize: number | undefined,
  work: Work,
  keeps: boolean = false,
): Promise<number> {
  const { source: name, values, lists, switches } = args;
  const options: FlagOptions = { ...loadOptions(values), memory: { base: MEMORY_BASE, size: memorySize } };
  const plan = await bootPlan(args, options.maxMemory);
  const choice = await choosePlugins(lists.get("plugin") ?? [], lists.get("no-plugin") ?? []);
  const source = await openSource(name, signal);
  let kernel: Kernel | undefined;
  try {
    const stream = keeps && source.live ? keepFile(source.reader, { maxMemory: options.maxMemory, signal }) : undefined;
    const reader = stream?.reader() ?? source.reader;
    const loaded = await loadByPreset(reader, { ...options, signal }, withMemory(choice, plan));
    // What the check of a container reads is lost.
    if (source.layers.length > 0) await stream?.reach(Number.MAX_SAFE_INTEGER);
    await source.check();
    kernel = loaded;
    const kept = [...keptFiles(source, args), ...plan.files];
    const recognize = async () => await (await import("./recognize_loaded.ts")).recognizeLoaded(loaded, source);
    const names = async () => await (await import("./read_names.ts")).readNames(source, stream, signal);
    const status = await work(addBootParts(kernel, plan), { source, kept, recognize, names });
    return status === 0 ? strictStatus(kernel.diagnostics, switches.has("strict")) : status;
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    if (memorySize !== undefined && TOO_LITTLE.includes(error.code)) throw tooLittle(error);
    const verdict = kernel && "loaded, but not ready to boot";
    const flags = IMAGE.flags.map(({ name }) => name); // run and dump have every flag that a hint names, too
    const isAboutFile = kernel === undefined && isRefusal(error);
    const found = problemOf(error, { name: source.name, verdict, flags });
    const problem = isAboutFile ? await nameRefused(found, source, name, signal) : found;
    const findOtherRules = () => otherRulesFor(error, source, options, choice, signal);
    const hint = memoryHint(error) ?? problem.hint;
    return await printError(
      { ...problem, hint, listing: LOAD_LISTING },
      output,
      isAboutFile ? findOtherRules : undefined,
    );
  } finally {
    source.close();
  }
}

/** The same plugins, plus memory for what is added after the load. */
function withMemory(choice: PluginChoice, plan: BootPlan): PluginChoice {
  const memory: AnyPlugin = memoryForParts(plan);
  return { ...choice, pluginsFor: async (rules, types) => [...await choice.pluginsFor(rules, types), memory] };
}

function tooLittle(cause: LoadError): CliError {
  const hint = "Give a larger --memory, or leave it out to have the size computed.";
  return new CliError("usage", cause.message, { hint, detail: { ...cause.detail }, cause });
}

/** Without --memory, the limits are --max-memory and what a machine can have. */
function memoryHint({ code }: LoadError): string | undefined {
  if (code === "not-bootable") {
    return "QEMU's q35 machine has contiguous memory only up to 2.75 GiB, and the kernel and its parts reach higher.";
  }
  if (code !== "frames-exhausted") return undefined;
  return "Raise --max-memory, or use a smaller stack, framebuffer or ramdisk.";
}
