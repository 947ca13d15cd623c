/**
 * Loading a kernel and making it ready to boot, for the commands that do something with it then.
 *
 * @module
 */

import { type AnyPlugin, type ErrorCode, LoadError } from "../../mod.ts";
import { low48, LOW48_HIGHER_HALF } from "../../core/memory/addresses.ts";
import { bootFlags } from "../arguments/boot_options.ts";
import { IMAGE } from "../arguments/command_table.ts";
import { type FlagOptions, loadOptions } from "../arguments/load_options.ts";
import { valueError } from "../arguments/numbers.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { choosePlugins, type PluginChoice } from "../arguments/plugin_choice.ts";
import { readWholeFile } from "../input/whole_file.ts";
import { openSource, type Source } from "../input/source.ts";
import { CliError } from "../output/cli_error.ts";
import type { Output } from "../output/output.ts";
import { exactSize } from "../output/text.ts";
import type { Bootable } from "../report/bootable.ts";
import { strictStatus } from "../report/diagnostics.ts";
import type { Kernel } from "../report/kernel.ts";
import { printError } from "../report/print_error.ts";
import { problemOf } from "../report/problem.ts";
import { addBootParts, type BootPlan, DEVICES_END, MEMORY_BASE, memoryForParts } from "./boot_parts.ts";
import { loadByPreset } from "./load_by_preset.ts";
import { isRefusal, otherRulesFor } from "./other_rules.ts";

/** The codes of a kernel, or one of its parts, that memory was too small for. */
const TOO_LITTLE: readonly ErrorCode[] = ["memory-too-small", "frames-exhausted"];

/** The most memory that is allocated, unless --max-memory says otherwise; the loader's own default. */
const MAX_MEMORY = 2 ** 32;

const NOT_READY = "loaded, but not ready to boot";

/** What a command does with a kernel that is ready to boot; the exit status. */
export type Work = (bootable: Bootable, source: Source) => Promise<number>;

/**
 * Loads the kernel that the arguments name, adds what the flags ask for, and does something with it. A file that is
 * refused is reported, with the rule sets that would accept it.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the load.
 * @param memorySize Number of bytes of memory from 1 MiB on; as many as the kernel needs.
 * @param work What to do with the kernel.
 * @returns The exit status.
 */
export async function withBootable(
  args: Arguments,
  output: Output,
  signal: AbortSignal,
  memorySize: number | undefined,
  work: Work,
): Promise<number> {
  const { source: name, values, lists, switches } = args;
  const options: FlagOptions = { ...loadOptions(values), memory: { base: MEMORY_BASE, size: memorySize } };
  const plan = await planOf(args, options);
  const choice = await choosePlugins(lists.get("plugin") ?? [], lists.get("no-plugin") ?? []);
  const source = await openSource(name, signal);
  const failed = async (error: unknown, verdict: string | undefined, isAboutFile: boolean): Promise<number> => {
    if (!(error instanceof LoadError)) throw error;
    const flags = IMAGE.flags.map(({ name }) => name); // run and dump have those that hints name, too
    const problem = problemOf(error, { name: source.name, verdict, flags });
    const hint = memoryHint(error, memorySize) ?? problem.hint;
    const others = () => otherRulesFor(error, source, options, choice, signal);
    return await printError({ ...problem, hint }, output, isAboutFile && isRefusal(error) ? others : undefined);
  };
  try {
    let kernel: Kernel;
    try {
      kernel = await loadByPreset(source.reader, { ...options, signal }, withMemory(choice, plan));
      await source.check();
    } catch (error) {
      if (memorySize !== undefined && isTooLittle(error)) throw tooLittle(error);
      return await failed(error, undefined, true);
    }
    let bootable: Bootable;
    try {
      bootable = addBootParts(kernel, plan);
    } catch (error) {
      if (memorySize !== undefined && isTooLittle(error)) throw tooLittle(error);
      return await failed(error, NOT_READY, false);
    }
    const status = await work(bootable, source).catch((error) => failed(error, NOT_READY, false));
    return status === 0 ? strictStatus(kernel.diagnostics, switches.has("strict")) : status;
  } finally {
    source.close();
  }
}

/** What the flags ask for, checked before anything is read of the kernel. */
async function planOf(args: Arguments, { maxMemory = MAX_MEMORY }: FlagOptions): Promise<BootPlan> {
  const { ramdisk: path, ...flags } = bootFlags(args);
  const { stackSize, physicalMemory, framebuffer } = flags;
  const refuse = (flag: string, rule: string): Error => valueError(flag, args.values.get(flag) ?? "", rule);
  const most = `at most --max-memory (${exactSize(maxMemory)})`;
  if (stackSize !== undefined && stackSize > maxMemory) throw refuse("stack-size", `must be ${most}`);
  if (framebuffer && framebuffer.width * framebuffer.height * 4 > maxMemory) {
    throw refuse("framebuffer", `must take ${most}, at 4 bytes a pixel`);
  }
  const room = LOW48_HIGHER_HALF - low48(physicalMemory?.address ?? 0n) % LOW48_HIGHER_HALF;
  if (room < DEVICES_END) {
    throw refuse("physical-memory", "must be 4 GiB below the end of its half of the address space, or lower");
  }
  if (path === undefined) return { ...flags, maxMemory };
  return { ...flags, maxMemory, ramdisk: await readWholeFile("ramdisk", path, maxMemory) };
}

/** The same plugins, and memory for what is added after the load. */
function withMemory(choice: PluginChoice, plan: BootPlan): PluginChoice {
  const memory: AnyPlugin = memoryForParts(plan);
  return (rules) => [...choice(rules), memory];
}

function isTooLittle(error: unknown): error is LoadError {
  return error instanceof LoadError && TOO_LITTLE.includes(error.code);
}

function tooLittle(cause: LoadError): CliError {
  const hint = "Give the machine more --memory, or leave it out to have it computed.";
  return new CliError("usage", cause.message, { hint, detail: { ...cause.detail }, cause });
}

/** Without --memory, memory is as large as --max-memory allows, and a machine has. */
function memoryHint({ code }: LoadError, memorySize: number | undefined): string | undefined {
  if (code === "not-bootable") {
    return "QEMU's machine q35 has its memory in one piece up to 2.75 GiB: the kernel and its parts need more.";
  }
  if (code !== "frames-exhausted" || memorySize !== undefined) return undefined;
  return "Raise --max-memory, or ask for less: a smaller stack, framebuffer or ramdisk.";
}
