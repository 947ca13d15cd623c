/**
 * Asks every loader about a file.
 *
 * @module
 */

import { ELF_MAGIC } from "../core/elf/constants.ts";
import { hasElfMagic } from "../core/elf/elf_magic.ts";
import { type FilePart, HEAD_SIZE } from "../core/file/file_model.ts";
import { keepFile, type KeptFile, type RandomSource } from "../core/file/kept_file.ts";
import type { KernelSource } from "../core/intake/source.ts";
import type { FileFormat, FormatName } from "../formats/format.ts";
import { identify } from "../formats/identify.ts";
import type { Protocol } from "../protocols/protocol.ts";
import { namedByProtocol, PROTOCOL_PARTS } from "../protocols/recognize.ts";
import { LOADERS } from "./all_loaders.ts";
import { checkCheckOptions, type CheckOptions } from "./check_options.ts";
import type { Contents } from "./contents.ts";
import type { Severity } from "./finding.ts";
import { FINDING_RULES } from "./findings.ts";
import type { Circumstances, Judgement, Loader, LoaderName } from "./loader.ts";
import { ask, look, type Looked, lookInside } from "./look.ts";
import { peekInside } from "./peek_inside.ts";
import type { Breach } from "./rule.ts";

export type { CheckOptions };

/** What a loader will do with a file. */
export interface Verdict extends Judgement {
  /** The loader. */
  readonly loader: LoaderName;
  /** Whether the file is meant for it. */
  readonly intended: boolean;
  /** The containers that it unpacks, from the outermost on: the verdict is about what is in them. */
  readonly unpacked?: readonly FormatName[];
}

/** Something that is worth knowing about a file, whatever loaders do with it. */
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
  /** The file's format. */
  readonly format: FormatName;
  /** What the file is, in a noun phrase. */
  readonly description: string;
  /**
   * What is in it, if it is compressed. If no loader unpacks it that is asked, its first bytes tell, and findings are
   * about the file as it is.
   */
  readonly inside?: InsideReport;
  /** The boot protocols that the file is made for, as it is. */
  readonly protocols: readonly Protocol[];
  /** What each loader will do with it, in the order of reports. */
  readonly verdicts: readonly Verdict[];
  /** What else is remarkable about it, or about the kernel in it. */
  readonly findings: readonly Finding[];
}

/** What is in a compressed file. */
export interface InsideReport {
  /** Its format. */
  readonly format: FormatName;
  /** What it is, in a noun phrase. */
  readonly description: string;
  /** The containers that it is in, from the outermost on. */
  readonly layers: readonly FormatName[];
  /** The boot protocols that it is made for. */
  readonly protocols: readonly Protocol[];
}

/**
 * Asks loaders what they will do with a file. Nothing is run; kload's own verdict, and those of rust-osdev/bootloader,
 * are what a load by their rules comes to, and those of the others follow from what their sources check and in which
 * order.
 *
 * @example
 * ```ts
 * import { checkKernel } from "@kload/kload/loaders";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("tests/fixtures/field/entry-is-physical.elf");
 * const { verdicts } = await checkKernel(file, { loaders: ["kload"] });
 * assertEquals(verdicts.map(({ outcome, rule }) => [outcome, rule]), [["fails", "entry-not-executable"]]);
 * ```
 *
 * @param source Bytes, a stream of them, an open file or anything with `read(buffer)`, a `Blob`, a `Response`, or a
 * source with `readAt(offset, buffer)`, of which only what is needed is read.
 * @param options The loaders, and what verdicts depend on.
 * @returns Their verdicts, and what else was found. If loaders are named, nothing is read that only others need.
 * @throws {LoadError} "source-failed" if the source fails, or "memory-limit-exceeded".
 * @throws {TypeError} If the source or an option is of the wrong kind.
 * @throws {RangeError} If an option's value is out of bounds.
 */
export async function checkKernel(
  source: KernelSource | RandomSource,
  options: CheckOptions = {},
): Promise<CheckReport> {
  const circumstances = checkCheckOptions(options);
  const file = keepFile(source, circumstances);
  const contents: Contents[] = [];
  try {
    return await checkFile(file, circumstances, options.loaders, (opened) => void contents.push(opened));
  } finally {
    for (const { close } of contents) await close();
    await file.close();
  }
}

async function checkFile(
  file: KeptFile,
  circumstances: Circumstances,
  asked: CheckOptions["loaders"],
  opened: (contents: Contents) => void,
): Promise<CheckReport> {
  const found = await formatOf(file);
  const format = found.name;
  const loaders = asked ? LOADERS.filter(({ name }) => asked.includes(name)) : LOADERS;
  const partsFor = (some: readonly Loader[]): ReadonlySet<FilePart> => {
    const parts = new Set<FilePart>([...some.flatMap((loader) => loader.parts), ...(asked ? [] : ALL_PARTS)]);
    return format === "elf" ? parts : parts.add("head"); // which was read for the format
  };
  const options = { partsFor, circumstances, opened, ...(asked ? { asked: loaders } : {}) };
  const outer = await look(file, partsFor(loaders), options.asked);
  const insides = await lookInside(file, format, loaders, options);
  const seen = [...insides.values()].find((each) => "model" in each);
  const inside = seen ?? (insides.size === 0 ? await peekInside(file, format, circumstances) : undefined);
  const intended = asked ?? intendedLoaders(loaders, [...outer.protocols, ...inside?.protocols ?? []]);
  const verdicts: Verdict[] = [];
  // kload comes last: it may load the file in the memory in which others have loaded it before.
  for (const loader of loaders.toReversed()) {
    const judgement = await ask(loader, insides.get(loader) ?? outer, circumstances);
    const hint = inside && !insides.has(loader) ? unpackFirst(inside, judgement) : {};
    verdicts.unshift({ loader: loader.name, intended: intended.includes(loader.name), ...judgement, ...hint });
  }
  const subject = seen?.model.elf ? seen : outer;
  return {
    format,
    description: namedByProtocol(found, outer.protocols).description,
    ...(inside ? { inside: describeInside(inside) } : {}),
    protocols: outer.protocols,
    verdicts,
    findings: findingsOf(subject, intended, circumstances),
  };
}

/** What to do if a loader refuses a compressed file because it does not unpack it. */
function unpackFirst({ contents }: Looked, { outcome }: Judgement): Pick<Verdict, "hint"> {
  const layers = contents?.layers ?? [];
  if (outcome === "boots" || layers.includes("bzimage")) return {};
  return {
    hint: `Unpack the kernel first: the file is ${
      layers.toReversed().join(" in ")
    } data, which this loader does not unpack.`,
  };
}

function describeInside({ contents, protocols }: Looked): InsideReport {
  const { format: { name: format, description }, layers } = contents!;
  return { format, description, layers, protocols };
}

/** What is read of a file if all loaders are asked. */
const ALL_PARTS: readonly FilePart[] = [...PROTOCOL_PARTS, ...FINDING_RULES.flatMap((rule) => rule.parts)];

async function formatOf(file: KeptFile): Promise<FileFormat> {
  await file.keep(0, ELF_MAGIC.length);
  const magic = file.bytes(0, ELF_MAGIC.length);
  const isElf = hasElfMagic(magic);
  if (!isElf) await file.keep(0, HEAD_SIZE);
  const head = isElf ? magic : file.bytes(0, Math.min(HEAD_SIZE, file.length));
  return identify(head, file.isWhole ? file.length : undefined);
}

function findingsOf(
  { model, parts, protocols }: Looked,
  intended: readonly LoaderName[],
  { memory }: Circumstances,
): readonly Finding[] {
  return FINDING_RULES.filter((rule) => rule.parts.every((part) => parts.has(part)))
    .flatMap(({ id, severity, mend, find }) =>
      find({ model, protocols, intended, memory }).map(({ words: _, ...breach }): Finding => {
        return { rule: id, severity, hint: mend, ...breach, url: ruleUrl(id) };
      })
    );
}

/** The loaders of the protocols that a file, or what it holds, is made for; kload, if there are none. */
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
