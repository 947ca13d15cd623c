/** Runs the first two stages alone: what is known of a file once its headers are checked, before memory is prepared. */

import { openIntake } from "../../core/intake/intake.ts";
import { type KernelSource, openSource } from "../../core/intake/source.ts";
import type { LoadOptions } from "../../core/load_kernel.ts";
import type { Diagnostic } from "../../core/diagnostics.ts";
import type { Base, Checked, Parsed } from "../../core/pipeline/context.ts";
import { checkSettings } from "../../core/pipeline/settings.ts";
import { RULES } from "../../core/rules.ts";
import { parse } from "../../core/stages/parse.ts";
import { sanityCheck } from "../../core/stages/sanity_check.ts";

/** The context after parse and sanity-check, and what they reported. */
export async function checkHeaders(
  source: KernelSource,
  options: LoadOptions = {},
): Promise<{ readonly context: Base & Parsed & Checked; readonly diagnostics: readonly Diagnostic[] }> {
  const settings = checkSettings(options);
  const diagnostics: Diagnostic[] = [];
  const base: Base = {
    rules: RULES[options.rules ?? "default"],
    settings,
    pause: () => undefined,
    intake: openIntake(openSource(source), { maxMemory: settings.maxMemory }),
    report: (diagnostic) => void diagnostics.push(diagnostic),
    claimOn: () => undefined,
    takes: () => 0,
  };
  const parsed = { ...base, ...await parse.run(base) };
  return { context: { ...parsed, ...await sanityCheck.run(parsed) }, diagnostics };
}
