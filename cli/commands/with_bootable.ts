/**
 * Loading a kernel such that it can be booted: with a stack, boot information and a page that leads into it.
 *
 * @module
 */

import { loadKernel } from "../../mod.ts";
import { bootInfo, type BootInfoPlugin } from "../../plugins/boot_info.ts";
import { contextSwitch, type ContextSwitchPlugin } from "../../plugins/context_switch.ts";
import { kernelStack, type KernelStackPlugin } from "../../plugins/kernel_stack.ts";
import type { AnyPlugin, ErrorCode, LoadedKernel, LoadError } from "../../mod.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { IMAGE } from "../arguments/command_table.ts";
import { CliError } from "../output/cli_error.ts";
import { type FlagOptions, loadOptions } from "../arguments/load_options.ts";
import { isRefusal, otherRulesFor } from "./other_rules.ts";
import { choosePlugins, type PluginChoice } from "../arguments/plugin_choice.ts";
import type { Output } from "../output/output.ts";
import { openSource, type Source } from "../input/source.ts";
import { printError } from "../report/print_error.ts";
import { problemOf } from "../report/problem.ts";

/** A kernel that can be booted. */
export type BootedKernel = LoadedKernel<
  readonly [...readonly AnyPlugin[], KernelStackPlugin, BootInfoPlugin, ContextSwitchPlugin]
>;

/** What a load says that was given too little memory. */
const TOO_LITTLE: readonly ErrorCode[] = ["memory-too-small", "frames-exhausted"];

/** Where memory starts: what is below is the firmware's. */
const MEMORY_BASE = 2 ** 20;

/**
 * Loads the kernel that the arguments name and does something with it. A file that is refused is told of, with the rule
 * sets that would accept it.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the load.
 * @param memorySize Number of bytes of memory from 1 MiB on; as many as the kernel needs.
 * @param work What to do with the kernel.
 * @returns The exit status.
 */
export async function withBootable(
  { source: name, values, lists }: Arguments,
  output: Output,
  signal: AbortSignal,
  memorySize: number | undefined,
  work: (kernel: BootedKernel, source: Source) => Promise<number>,
): Promise<number> {
  const options: FlagOptions = { ...loadOptions(values), memory: { base: MEMORY_BASE, size: memorySize } };
  const choice = await choosePlugins(lists.get("plugin") ?? [], lists.get("no-plugin") ?? []);
  const source = await openSource(name, signal);
  try {
    const kernel = await loadBootable(source, options, choice, signal).catch((error) => {
      if (!isRefusal(error)) throw error;
      if (memorySize !== undefined && TOO_LITTLE.includes(error.code)) throw tooLittle(error);
      return error;
    });
    if (kernel instanceof Error) {
      const flags = IMAGE.flags.map(({ name }) => name); // run and dump have those that hints name, too
      const problem = problemOf(kernel, { name: source.name, flags });
      return await printError(problem, output, () => otherRulesFor(kernel, source, options, choice, signal));
    }
    await source.check();
    return await work(kernel, source);
  } finally {
    source.close();
  }
}

function tooLittle(cause: LoadError): CliError {
  const hint = "Give the machine more --memory, or leave it out to have it computed.";
  return new CliError("usage", cause.message, { hint, detail: { ...cause.detail }, cause });
}

function loadBootable(
  source: Source,
  options: FlagOptions,
  choice: PluginChoice,
  signal: AbortSignal,
): Promise<BootedKernel> {
  const plugins = [...choice(options.rules), kernelStack(), bootInfo(), contextSwitch()] as const;
  return loadKernel(source.reader, { ...options, plugins, signal });
}
