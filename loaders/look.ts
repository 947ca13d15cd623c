/**
 * A file, and what is in it, as loaders look at them: each of them gets what it would see itself.
 *
 * @module
 */

import type { FilePart } from "../core/file/file_model.ts";
import type { KeptFile } from "../core/file/kept_file.ts";
import type { FormatName } from "../formats/format.ts";
import { type RecognizedFile, recognizeFile } from "../protocols/recognize.ts";
import { FINDING_RULES } from "./findings.ts";
import { type Contents, judgeDamage, openContents, unpackErrorOf } from "./contents.ts";
import type { Circumstances, Judgement, Loader } from "./loader.ts";

/** A file, or what is in it. */
export interface Looked extends RecognizedFile {
  /** The file, to read more of it. */
  readonly file: KeptFile;
  /** The parts that were read of it. */
  readonly parts: ReadonlySet<FilePart>;
  /** What was taken off, if it is what is in a file. */
  readonly contents?: Contents;
}

/** A verdict on what cannot even be looked at. */
export interface Damaged {
  /** The verdict. */
  readonly damage: Judgement;
}

/** What to read, and how. */
export interface LookOptions {
  /** The parts to read for some loaders. */
  readonly partsFor: (loaders: readonly Loader[]) => ReadonlySet<FilePart>;
  /** The loaders that are asked, if they are named: what only findings need is read if it is about their protocols. */
  readonly asked?: readonly Loader[];
  /** Limit and signal. */
  readonly circumstances: Circumstances;
  /** Takes what has to be closed at the end. */
  readonly opened: (contents: Contents) => void;
}

/**
 * Looks at a file as it is.
 *
 * @param file The file.
 * @param parts What to read.
 * @param asked The loaders that are asked, if they are named.
 * @returns What was read.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded".
 */
export async function look(
  file: KeptFile,
  parts: ReadonlySet<FilePart>,
  asked: readonly Loader[] = [],
): Promise<Looked> {
  const recognized = await recognizeFile(file, [...parts]);
  const more = partsForFindings(recognized, asked).filter((part) => !parts.has(part));
  if (more.length === 0) return { file, parts, ...recognized };
  const all = new Set([...parts, ...more]);
  return { file, parts: all, ...await recognizeFile(file, [...all]) };
}

/** What findings need that say why a file is made for no protocol of the loaders that are asked. */
function partsForFindings({ model, protocols }: RecognizedFile, asked: readonly Loader[]): readonly FilePart[] {
  const wanted = asked.flatMap((loader) => loader.protocols);
  if (!model.elf || protocols.some(({ name }) => wanted.includes(name))) return [];
  return FINDING_RULES.filter(({ neededBy }) => neededBy?.some((name) => wanted.includes(name)))
    .flatMap(({ parts }) => parts);
}

/**
 * Looks at what is in a file, for each loader that takes its outermost container off. Those that take off the same
 * containers share what they see; nothing is unpacked that only others need, for there may be gigabytes of it.
 *
 * @param file The file.
 * @param format Its format.
 * @param loaders The loaders.
 * @param options What to read, and how.
 * @returns What each of those loaders sees.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded".
 */
export async function lookInside(
  file: KeptFile,
  format: FormatName,
  loaders: readonly Loader[],
  { partsFor, asked, circumstances, opened }: LookOptions,
): Promise<ReadonlyMap<Loader, Looked | Damaged>> {
  const byLoader = new Map<Loader, Looked | Damaged>();
  const byFormats = new Map<string, Looked | Damaged | undefined>();
  for (const loader of loaders) {
    const formats = loader.unpacks?.formats ?? [];
    if (!formats.includes(format)) continue;
    const key = formats.join();
    const inside = byFormats.has(key) ? byFormats.get(key) : await unlessDamaged(async () => {
      const contents = await openContents(file, formats, circumstances);
      opened(contents);
      if (contents.layers.length === 0) return undefined; // such as a bzImage without a payload
      const sharing = loaders.filter(({ unpacks }) => unpacks?.formats.join() === key);
      return { ...await look(contents.file, partsFor(sharing), asked), contents };
    });
    byFormats.set(key, inside);
    if (inside) byLoader.set(loader, inside);
  }
  return byLoader;
}

/**
 * Asks a loader about what it sees.
 *
 * @param loader The loader.
 * @param looked What it sees.
 * @param circumstances What the verdict depends on.
 * @returns The verdict, with the containers that the loader takes off.
 * @throws {LoadError} "source-failed" or "memory-limit-exceeded".
 */
export async function ask(
  loader: Loader,
  looked: Looked | Damaged,
  circumstances: Circumstances,
): Promise<Judgement & { readonly unpacked?: readonly FormatName[] }> {
  if ("damage" in looked) return looked.damage;
  const { file, model, contents } = looked;
  if (!contents) return await loader.judge(model, circumstances, file);
  const judged = await unlessDamaged(async () => {
    const judgement = await loader.judge(model, circumstances, file);
    await contents.check();
    return judgement;
  });
  const judgement = "damage" in judged ? judged.damage : judged;
  const message = [judgement.message, loader.unpacks?.note].filter((sentence) => sentence !== undefined).join(" ");
  return { ...judgement, ...(message === "" ? {} : { message }), unpacked: contents.layers };
}

async function unlessDamaged<T>(work: () => Promise<T>): Promise<T | Damaged> {
  try {
    return await work();
  } catch (error) {
    const reason = unpackErrorOf(error);
    if (!reason) throw error;
    return { damage: judgeDamage(reason) };
  }
}
