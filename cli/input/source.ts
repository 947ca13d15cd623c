/**
 * Opens the source of a load: a file, standard input or a URL.
 *
 * @module
 */

import { LoadError } from "../../core/errors.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import { streamReader } from "../../formats/input/chunk_reader.ts";
import type { FileFormat, UnpackError } from "../../formats/mod.ts";
import type { ByteReader } from "../../mod.ts";
import { CliError, messageOf } from "../output/cli_error.ts";
import { neededFlag, permissionAdvice } from "../output/permission_flag.ts";
import { type FileIdentity, identityOf, identityOfOpen } from "../output/same_file.ts";
import { type Content, contentOf } from "./content.ts";
import type { RandomFile } from "./random_file.ts";
import { rewindable } from "./rewindable_reader.ts";

/** How long to wait for bytes of a live source that only checksums need, in milliseconds. */
const PATIENCE = 1000;

/** An open source. */
export interface Source {
  /** What to call it. */
  readonly name: string;
  /** Reads what is in it, without its containers. */
  readonly reader: ByteReader;
  /** The containers that were taken off, from the outermost on. */
  readonly layers: readonly FileFormat[];
  /** What is in them, or what it is, unless that is ELF. */
  readonly format?: FileFormat;
  /** Number of bytes to read, if it is known. */
  readonly size?: number;
  /** Its metadata, if it is a regular file. */
  readonly file?: Deno.FileInfo;
  /** Opens the file itself, packed as it may be, to be read at any offset; only of a regular file. */
  readonly random?: () => Promise<RandomFile>;
  /** Finds what tells it from other files; resolves to `undefined` if it is no file. */
  readonly identity: () => Promise<FileIdentity | undefined>;
  /** What is in it, kept as it is read; only if that was asked for, and it cannot be read at any offset. */
  readonly kept?: KeptFile;
  /** Whether it is a stream, which can be read only once and may be slow. */
  readonly live: boolean;
  /** Opens it again from its first byte. Resolves to `undefined` if those bytes are gone. */
  readonly again: () => Promise<Pick<Source, "reader" | "close"> | undefined>;
  /** If it has containers, reads on to their checksums, unless that is too far. Rejects if the data is damaged. */
  readonly check: () => Promise<void>;
  /** Closes it. */
  readonly close: () => void;
}

/** Keeps what is read of a content. */
export type KeepContent = (reader: ByteReader) => KeptFile;

/** Opens the content of a file: {@linkcode contentOf} unpacks it, {@linkcode asItIs} does not. */
export type OpenContent = (file: ByteReader, signal: AbortSignal) => Promise<Content>;

/**
 * Opens the content of a file as it is, without unpacking it.
 *
 * @param file Reads the file.
 * @returns The content.
 */
export function asItIs(file: ByteReader): Promise<Content> {
  return Promise.resolve({ reader: file, layers: [], check: () => Promise.resolve(), close: () => {} });
}

/**
 * Opens a source.
 *
 * @param name A path, "-" for standard input, or an http, https or file URL.
 * @param signal Ends a request.
 * @param open Opens its content, which is unpacked by default.
 * @param keep Keeps the content, for those who will look at any part of it later. Used unless `random` serves that, and
 * only once, however often it is read.
 * @returns The source; the caller closes it.
 * @throws {CliError} "source-failed" if it cannot be opened.
 * @throws {LoadError} "response-not-ok" if a server answers with anything but the file.
 */
export async function openSource(
  name: string,
  signal: AbortSignal,
  open: OpenContent = contentOf,
  keep?: KeepContent,
): Promise<Source> {
  if (name === "-") return await openStdin(signal, open, keep);
  if (/^https?:\/\//i.test(name)) return await openUrl(name, signal, open, keep);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(name) && !/^file:/i.test(name)) {
    throw failed(name, "only http and https URLs can be read", "Download the file, and give its path.");
  }
  return await openFile(name, signal, open, keep);
}

async function openStdin(signal: AbortSignal, open: OpenContent, keep?: KeepContent): Promise<Source> {
  const name = "standard input";
  const content = await attempt(name, () => open(Deno.stdin, signal), { signal });
  return liveSource(name, content, { signal, keep, identity: () => identityOfOpen(0) });
}

async function openFile(
  name: string,
  signal: AbortSignal,
  open: OpenContent,
  keep?: KeepContent,
): Promise<Source> {
  const path = /^file:\/\//i.test(name) ? parseUrl(name) : name;
  const file = await attempt(name, () => Deno.open(path), { path: () => filePath(path) });
  const dispose = (): void => file[Symbol.dispose]();
  try {
    const info = await attempt(name, () => file.stat().catch(unlessNotCapable));
    if (info?.isDirectory) throw failed(name, "it is a directory", "Give the path of the ELF file itself.");
    const content = await attempt(name, () => open(file, signal), { signal });
    const identity = () => info ? Promise.resolve(identityOf(info)) : identityOfOpen(path);
    if (!info?.isFile) return liveSource(name, content, { signal, keep, dispose, identity });
    const isRandom = content.layers.length === 0 && info.size > 0;
    const kept = isRandom ? undefined : keep?.(content.reader);
    return {
      name,
      ...contentFields(content),
      ...(kept ? { kept, reader: kept.reader() } : {}),
      ...(content.layers.length > 0 || info.size === 0 ? {} : { size: info.size }),
      file: info,
      ...(info.size === 0 ? {} : { random: async () => await (await import("./random_file.ts")).openRandomFile(path) }),
      identity,
      live: false,
      again: () => openFile(name, signal, open),
      check: () => checked(name, content.check(), signal),
      close: () => {
        content.close();
        dispose();
      },
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** With permission for a symbolic link alone, Deno can read its target but not stat it. */
function unlessNotCapable(error: unknown): undefined {
  if (error instanceof Deno.errors.NotCapable) return undefined;
  throw error;
}

async function openUrl(
  name: string,
  signal: AbortSignal,
  open: OpenContent,
  keep?: KeepContent,
): Promise<Source> {
  const url = parseUrl(name);
  const response = await attempt(name, () => fetch(url, { signal }));
  const { ok, status, statusText, headers } = response;
  if (!ok) {
    response.body?.cancel().catch(() => {});
    throw new LoadError("response-not-ok", { field: "its status", value: `${status} ${statusText}`.trim() });
  }
  const body = streamReader(response.body ?? ReadableStream.from([]));
  const length = headers.has("content-encoding") ? 0 : Number(headers.get("content-length") ?? 0);
  const content = await attempt(name, () => open(body, signal), { signal });
  return liveSource(name, content, { signal, keep, dispose: body.close, ...(length > 0 ? { size: length } : {}) });
}

/** A source that can be read only once; what was read is kept. */
function liveSource(
  name: string,
  content: Content,
  { signal, keep, dispose, size, identity = () => Promise.resolve(undefined) }:
    & Partial<
      Pick<Source, "size" | "identity">
    >
    & {
      readonly signal: AbortSignal;
      readonly keep?: KeepContent;
      readonly dispose?: () => void;
    },
): Source {
  const kept = keep?.(content.reader);
  const { reader, rewind } = kept ? { reader: kept.reader(), rewind: kept.reader } : rewindable(content.reader);
  return {
    name,
    ...contentFields(content),
    reader,
    ...(kept ? { kept } : {}),
    ...(content.layers.length > 0 || size === undefined ? {} : { size }),
    identity,
    live: true,
    again: () => {
      const rewound = rewind();
      return Promise.resolve(rewound && { reader: rewound, close: () => {} });
    },
    check: () => checked(name, settledWithin(content.check(), PATIENCE), signal),
    close: () => {
      content.close();
      dispose?.();
    },
  };
}

/** Waits for work, but at most `patience` milliseconds. */
async function settledWithin(work: Promise<void>, patience: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const enough = new Promise<void>((resolve) => timer = setTimeout(resolve, patience));
  await Promise.race([work, enough]).finally(() => clearTimeout(timer));
}

function parseUrl(name: string): URL {
  try {
    return new URL(name);
  } catch {
    throw failed(name, "it is not a valid URL");
  }
}

/** What a source has of its content. */
function contentFields({ reader, layers, format }: Content): Pick<Source, "reader" | "layers" | "format"> {
  return { reader, layers, ...(format === undefined ? {} : { format }) };
}

/** Does something with a source. If it fails, the error has a hint; most often Deno lacks a permission. */
async function attempt<T>(
  name: string,
  work: () => Promise<T>,
  { path, signal }: { readonly path?: () => string | Promise<string>; readonly signal?: AbortSignal } = {},
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    signal?.throwIfAborted();
    if (isUnpackError(cause)) throw await unpackFailed(name, cause);
    const flag = neededFlag(cause, await path?.());
    if (flag === undefined) throw failed(name, messageOf(cause), undefined, cause);
    const { why, hint, command } = permissionAdvice(flag === "--allow-all" ? [] : [flag]);
    throw failed(name, why, hint, cause, command);
  }
}

async function filePath(path: string | URL): Promise<string> {
  if (typeof path === "string") return path;
  const { fromFileUrl } = await import("@std/path/from-file-url");
  return fromFileUrl(path);
}

async function checked(name: string, check: Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await check;
  } catch (cause) {
    signal.throwIfAborted();
    throw isUnpackError(cause) ? await unpackFailed(name, cause) : failed(name, messageOf(cause), undefined, cause);
  }
}

/** The class is imported with the decoders, if at all. */
function isUnpackError(error: unknown): error is UnpackError {
  return error instanceof Error && error.name === "UnpackError";
}

async function unpackFailed(name: string, cause: UnpackError): Promise<CliError> {
  const { formatAdvice, pathOfSource } = await import("../output/format_advice.ts");
  const { hint, command } = cause.advice ? formatAdvice(cause.advice, pathOfSource(name)) : {};
  return failed(name, cause.message, hint, cause, command);
}

function failed(name: string, why: string, hint?: string, cause?: unknown, command?: string): CliError {
  return new CliError("source-failed", `Cannot read ${name}: ${why}`, {
    hint: hint ?? "A source is a path, - for standard input, or an http or https URL.",
    command,
    detail: { source: name },
    cause,
  });
}
