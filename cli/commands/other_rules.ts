/**
 * Which other rule sets would accept a file that was refused.
 *
 * @module
 */

import { type ErrorCode, LoadError, RULES, type RuleSetName } from "../../mod.ts";
import { loadByPreset } from "./load_by_preset.ts";
import type { FlagOptions } from "../arguments/load_options.ts";
import type { PluginChoice } from "../arguments/plugin_choice.ts";
import type { Source } from "../input/source.ts";

/** How long a source that somebody sends may keep the answer waiting, in milliseconds. */
const PATIENCE = 3000;

/** The codes of errors that say nothing about the file. */
const NOT_THE_FILE: readonly ErrorCode[] = ["source-failed", "response-not-ok", "plugin-failed"];

/**
 * Whether an error is about the file, rather than about the way to it or a plugin.
 *
 * @param error What was thrown.
 * @returns True where other rules might think otherwise.
 */
export function isRefusal(error: unknown): error is LoadError {
  return error instanceof LoadError && !NOT_THE_FILE.includes(error.code);
}

/**
 * Tries the other rule sets.
 *
 * @param source The source, whose bytes may be read up to some point already.
 * @param options How it was loaded.
 * @param choice The plugins of each rule set.
 * @param signal Ends the trials with its reason.
 * @returns The names of those that accept the file, or `undefined` where that cannot be found out.
 */
export async function otherRulesFor(
  source: Source,
  options: FlagOptions,
  choice: PluginChoice,
  signal: AbortSignal,
): Promise<readonly RuleSetName[] | undefined> {
  const limit = source.live ? AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]) : signal;
  const accepting: RuleSetName[] = [];
  for (const rules of Object.keys(RULES) as RuleSetName[]) {
    if (rules === options.rules) continue;
    const verdict = await tryRules(source, { ...options, rules }, choice, limit);
    signal.throwIfAborted();
    if (verdict === undefined) return undefined;
    if (verdict) accepting.push(rules);
  }
  return accepting;
}

async function tryRules(
  source: Source,
  options: FlagOptions,
  choice: PluginChoice,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const again = await source.again().catch(() => undefined);
  if (!again) return undefined;
  try {
    await loadByPreset(again.reader, { ...options, signal }, choice);
    return true;
  } catch (error) {
    return signal.aborted || (error instanceof LoadError && !isRefusal(error)) ? undefined : false;
  } finally {
    again.close();
  }
}
