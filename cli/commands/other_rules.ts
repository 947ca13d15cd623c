/**
 * Finds out which other rule sets would load a file that was refused.
 *
 * @module
 */

import { type ErrorCode, LoadError, type RuleSetName } from "../../mod.ts";
import { RULES } from "../../core/rules.ts";
import type { FlagOptions } from "../arguments/load_options.ts";
import type { PluginChoice } from "../arguments/plugin_choice.ts";
import type { Source } from "../input/source.ts";
import type { OtherRules } from "../report/print_error.ts";
import { loadByPreset } from "./load_by_preset.ts";
import { recordReader } from "./record_reader.ts";
import { isLoadedAsAsked, VERIFIED_MAX } from "./verify_load.ts";

/** How long to wait for a live source, in milliseconds. */
const PATIENCE = 3000;

/**
 * The most bytes to read of a source whose length is not known, such as gzip or a pipe: a file that is refused for its
 * first bytes must not be read to its end, which may be far away.
 */
const SLOW_MAX = 32 * 2 ** 20;

/** Codes of errors that are not about the file. */
const NOT_THE_FILE: readonly ErrorCode[] = ["source-failed", "response-not-ok", "plugin-failed"];

/** Codes of errors that depend on where and how much memory there is, not on the rules. */
const NOT_THE_RULES: readonly ErrorCode[] = [
  "kernel-base-refused",
  "memory-limit-exceeded",
  "memory-too-small",
  "frame-unusable",
  "frame-out-of-memory",
  "frames-exhausted",
];

/** Codes of files that no rule set loads correctly, whether or not one accepts them. */
const NOT_FOR_US: readonly ErrorCode[] = [
  "not-elf",
  "class-unsupported",
  "data-encoding-unsupported",
  "machine-unsupported",
  "type-unsupported",
];

/**
 * Whether an error is about the file rather than its source or a plugin.
 *
 * @param error What was thrown.
 * @returns True if another rule set might accept the file.
 */
export function isRefusal(error: unknown): error is LoadError {
  return error instanceof LoadError && !NOT_THE_FILE.includes(error.code);
}

/**
 * Tries the other rule sets and compares what they load with the file: some accept files that they load incorrectly.
 *
 * @param refusal Why the file was refused.
 * @param source The source; any part of it may have been read.
 * @param options How it was loaded.
 * @param choice The plugins of each rule set.
 * @param signal Ends the trials with its reason.
 * @returns What they do with the file; `undefined` if that cannot be determined.
 */
export async function otherRulesFor(
  refusal: LoadError,
  source: Source,
  options: FlagOptions,
  choice: PluginChoice,
  signal: AbortSignal,
): Promise<OtherRules | undefined> {
  if (options.kernelBase !== undefined || NOT_THE_RULES.includes(refusal.code)) return undefined;
  if (NOT_FOR_US.includes(refusal.code)) return { accepting: [], allRefuse: false };
  const limit = source.live ? AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]) : signal;
  const others = (Object.keys(RULES) as RuleSetName[]).filter((rules) => rules !== options.rules);
  const accepting: RuleSetName[] = [];
  let refusing = 0;
  for (const rules of others) {
    const outcome = await tryRules(source, { ...options, rules }, choice, limit);
    signal.throwIfAborted();
    if (outcome === undefined) return undefined;
    if (outcome === "loads") accepting.push(rules);
    if (outcome === "refuses") refusing++;
  }
  return { accepting, allRefuse: refusing === others.length };
}

/** "accepts": the file is not refused, but what was loaded differs from what it asks for, or could not be compared. */
type Outcome = "loads" | "accepts" | "refuses";

async function tryRules(
  source: Source,
  options: FlagOptions,
  choice: PluginChoice,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const again = await source.again().catch(() => undefined);
  if (!again) return undefined;
  const { reader, bytes } = recordReader(again.reader, source.size === undefined ? SLOW_MAX : VERIFIED_MAX);
  try {
    const kernel = await loadByPreset(reader, { ...options, signal }, choice);
    // The default rules refuse or warn about whatever they cannot load as the file asks.
    const isSound = options.rules === "default"
      ? kernel.diagnostics.every(({ severity }) => severity !== "warning")
      : await isLoadedAsAsked(kernel, bytes(), signal);
    return isSound ? "loads" : "accepts";
  } catch (error) {
    return signal.aborted || (error instanceof LoadError && !isRefusal(error)) ? undefined : "refuses";
  } finally {
    again.close();
  }
}
