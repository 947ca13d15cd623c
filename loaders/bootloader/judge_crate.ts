/**
 * What the kernel loaders of rust-osdev/bootloader do with a file: the load is done by their rules, in memory of the
 * machine's size.
 *
 * @module
 */

import { LoadError } from "../../core/errors.ts";
import type { FileModel } from "../../core/file/file_model.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import { hexAddr } from "../../core/hex.ts";
import type { LoadOptions } from "../../core/load_kernel.ts";
import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { PluginEntry } from "../../core/plugin/plugin.ts";
import { presets } from "../../plugins/presets.ts";
import { arenaOf, BASE } from "../load/arena.ts";
import { ENTRY_NOT_EXECUTABLE, judgeLoad, OUT_OF_MEMORY, sourceOf } from "../load/judge_load.ts";
import type { Circumstances, Judgement } from "../loader.ts";

/** The versions that kload has the rules of. */
export type CrateVersion = "bootloader-0.10" | "bootloader-0.11";

/** From this size on, a file is copied only once. */
const LARGE = 2 ** 20;

/** The largest memory to allocate for it, without a limit of the caller's. */
const MEMORY_MAX = 2 ** 32;

/**
 * Loads a file as a version of the crate does.
 *
 * @param version The version.
 * @param model The file, with its headers read.
 * @param circumstances The machine's memory, and the kernel's base.
 * @param file The same file, to load it.
 * @returns The verdict.
 * @throws {LoadError} "memory-limit-exceeded" if `maxMemory` is less than the machine's memory, and the load needs
 * more; or "source-failed".
 */
export async function judgeCrate(
  version: CrateVersion,
  model: FileModel,
  { memory, maxMemory = MEMORY_MAX, kernelBase, signal }: Circumstances,
  file: KeptFile,
): Promise<Judgement> {
  const size = Math.floor(Math.min(memory, maxMemory) / PAGE_SIZE) * PAGE_SIZE;
  await file.reach(LARGE);
  const arena = file.length < LARGE ? undefined : await arenaOf(file, size);
  const options: LoadOptions<readonly PluginEntry[]> = {
    ...presets[version],
    memory: arena?.memory ?? { base: BASE, size },
    level4Frame: BASE,
    kernelOffset: BASE + PAGE_SIZE,
    maxMemory: Math.max(maxMemory, size),
    kernelBase,
    signal,
  };
  const source = arena?.source ?? sourceOf(file);
  const judgement = await judgeLoad(model, source, { options, file, wordsOf: ({ code }) => WORDS[code] });
  if (judgement.rule === ENTRY_NOT_EXECUTABLE.id) return enteredAnyway(judgement);
  if (!OUT_OF_MEMORY.includes(judgement.rule ?? "")) return judgement;
  const hint = `Use a machine with more memory than ${hexAddr(memory)} bytes, or make the bss smaller.`;
  if (memory <= maxMemory) return { ...judgement, hint };
  throw new LoadError("memory-limit-exceeded", { field: "the machine's memory", value: memory, limit: maxMemory });
}

/** The crate does not look at the entry point: it accepts the file, and what is wrong with the entry is a finding. */
function enteredAnyway({ message, index, offset }: Judgement): Judgement {
  const place = { ...(index === undefined ? {} : { index }), ...(offset === undefined ? {} : { offset }) };
  return { outcome: "boots", ...place, ...(message === undefined ? {} : { message }) };
}

/** What both versions print, for the errors that come first whatever else is wrong with the file. */
const WORDS: Readonly<Record<string, string | undefined>> = {
  "not-elf": "Did not find ELF magic number",
  "class-unsupported": "Invalid ELF class",
};
