/**
 * Asks every loader about a file.
 *
 * @module
 */

import { type FilePart, readModel } from "../core/file/file_model.ts";
import { keepFile, type KeptFile, type RandomSource } from "../core/file/kept_file.ts";
import type { KernelSource } from "../core/intake/source.ts";
import type { Protocol } from "../protocols/protocol.ts";
import { PROTOCOL_PARTS, protocolsOf } from "../protocols/recognize.ts";
import { LOADERS } from "./all_loaders.ts";
import type { Severity } from "./finding.ts";
import { FINDING_RULES } from "./findings.ts";
import type { Circumstances, Judgement, Loader, LoaderName } from "./loader.ts";
import type { Breach } from "./rule.ts";

/** How to check a file. Every option is optional. */
export interface CheckOptions extends Partial<Circumstances> {
  /** The loaders to ask, which are then those that the file is meant for. Default: all; its protocols decide. */
  readonly loaders?: readonly LoaderName[];
}

/** What a loader will do with a file. */
export interface Verdict extends Judgement {
  /** The loader. */
  readonly loader: LoaderName;
  /** Whether the file is meant for it. */
  readonly intended: boolean;
}

/** Something remarkable about a file. */
export interface Finding extends Omit<Breach, "words"> {
  /** The rule that it breaks. */
  readonly rule: string;
  /** How much it matters. */
  readonly severity: Severity;
  /** Where the rule is documented. */
  readonly url: string;
}

/** What a check found. */
export interface CheckReport {
  /** The boot protocols that the file is made for. */
  readonly protocols: readonly Protocol[];
  /** What each loader will do with it, in the order of reports. */
  readonly verdicts: readonly Verdict[];
  /** What else is remarkable about it. */
  readonly findings: readonly Finding[];
}

/** The machine's memory without an option, in bytes: 256 MiB. */
export const DEFAULT_MEMORY: number = 2 ** 28;

/**
 * Asks loaders what they will do with a file.
 *
 * @param source The file.
 * @param options The loaders, and the circumstances.
 * @returns Their verdicts, and what else was found. Without a loader's bytes being needed, they are not read.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded".
 */
export async function checkKernel(
  source: KernelSource | RandomSource,
  options: CheckOptions = {},
): Promise<CheckReport> {
  const file = keepFile(source, options);
  try {
    return await checkFile(file, options);
  } finally {
    await file.close();
  }
}

async function checkFile(file: KeptFile, options: CheckOptions): Promise<CheckReport> {
  const { memory = DEFAULT_MEMORY, loaders: asked, ...circumstances } = options;
  const loaders = asked ? LOADERS.filter(({ name }) => asked.includes(name)) : LOADERS;
  const parts = new Set<FilePart>(loaders.flatMap((loader) => loader.parts));
  if (!asked) {
    for (const part of [...PROTOCOL_PARTS, ...FINDING_RULES.flatMap((rule) => rule.parts)]) {
      parts.add(part);
    }
  }
  const model = await readModel(file, [...parts]);
  const protocols = protocolsOf(model, [...parts]);
  const intended = asked ?? intendedLoaders(loaders, protocols);
  const verdicts: Verdict[] = [];
  for (const { name, judge } of loaders) {
    const judgement = await judge(model, { memory, ...circumstances }, file);
    verdicts.push({ loader: name, intended: intended.includes(name), ...judgement });
  }
  const findings = FINDING_RULES.filter((rule) => rule.parts.every((part) => parts.has(part)))
    .flatMap(({ id, severity, mend, find }) =>
      find({ model, protocols, intended }).map(({ words: _, ...breach }): Finding => {
        return { rule: id, severity, hint: mend, ...breach, url: ruleUrl(id) };
      })
    );
  return { protocols, verdicts, findings };
}

/** The loaders of the protocols that a file is made for; kload, if there are none. */
function intendedLoaders(loaders: readonly Loader[], protocols: readonly Protocol[]): readonly LoaderName[] {
  const meant = loaders.filter((loader) => protocols.some(({ name }) => loader.protocols.includes(name)));
  return meant.length === 0 ? ["kload"] : meant.map(({ name }) => name);
}

/**
 * Where a rule is documented.
 *
 * @param id The rule.
 * @returns The address of its page, next to this module.
 */
export function ruleUrl(id: string): string {
  return new URL(`../docs/rules/${id}.md`, import.meta.url).href;
}
