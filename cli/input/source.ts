/**
 * Sources: a file, standard input or a URL, opened and ready to be loaded from.
 *
 * @module
 */

import { type ByteReader, LoadError } from "../../mod.ts";
import { CliError, messageOf } from "../output/cli_error.ts";
import { contentOf, HEAD_SIZE, type Opened, readHead } from "./streams.ts";
import { tape } from "./rewindable_reader.ts";

/** How long bytes that somebody sends are waited for once they are no longer needed, in milliseconds. */
const PATIENCE = 1000;

/** A source that was opened. */
export interface Source {
  /** What to call it. */
  readonly name: string;
  /** Reads it, inflated where it is gzip. */
  readonly reader: ByteReader;
  /** Number of bytes that there are to read, where that is known. */
  readonly size?: number;
  /** The file that it is, where it is one. */
  readonly file?: Deno.FileInfo;
  /** Whether its bytes come as somebody sends them. */
  readonly live: boolean;
  /** Opens it from its first byte again; `undefined` where those bytes are gone. */
  readonly again: () => Promise<Pick<Source, "reader" | "close"> | undefined>;
  /** Where it is gzip, reads on to its checksum, unless that is far. Throws where the data is damaged. */
  readonly check: () => Promise<void>;
  /** Lets go of it. */
  readonly close: () => void;
}

/**
 * Opens a source.
 *
 * @param name A path, "-" for standard input, or an http, https or file URL.
 * @param signal Ends a request.
 * @returns The source, which is to be closed.
 * @throws {CliError} "source-failed" where it cannot be opened.
 * @throws {LoadError} "response-not-ok" where a server has another answer than the file.
 */
export async function openSource(name: string, signal: AbortSignal): Promise<Source> {
  if (name === "-") return liveSource("standard input", await openStdin());
  if (/^https?:\/\//i.test(name)) return await openUrl(name, signal);
  return await openFile(name);
}

async function openStdin(): Promise<Opened> {
  const head = await attempt("standard input", () => readHead(Deno.stdin));
  return { head, rest: () => Deno.stdin.readable, reader: Deno.stdin };
}

async function openFile(name: string): Promise<Source> {
  const path = /^file:\/\//i.test(name) ? parseUrl(name) : name;
  const permission = `--allow-read=${name}`;
  const file = await attempt(name, () => Deno.open(path), permission);
  const dispose = (): void => file[Symbol.dispose]();
  try {
    const info = await attempt(name, () => file.stat().catch(unlessNotCapable));
    if (info?.isDirectory) throw failed(name, "it is a directory", "Give the path of the ELF file itself.");
    const head = await attempt(name, () => readHead(file));
    const opened: Opened = { head, rest: () => file.readable, reader: file };
    if (!info?.isFile) return liveSource(name, opened, dispose);
    const { reader, inflated, check, close } = contentOf(opened);
    return {
      name,
      reader,
      ...(inflated || info.size === 0 ? {} : { size: info.size }),
      file: info,
      live: false,
      again: () => openFile(name),
      check: () => checkGzip(name, check),
      close: () => {
        close();
        dispose();
      },
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Behind a link, only the link's own path may be permitted: what is there is then read, and not asked about. */
function unlessNotCapable(error: unknown): undefined {
  if (error instanceof Deno.errors.NotCapable) return undefined;
  throw error;
}

async function openUrl(name: string, signal: AbortSignal): Promise<Source> {
  const url = parseUrl(name);
  const permission = `--allow-net=${url.host}`;
  const response = await attempt(name, () => fetch(url, { signal }), permission);
  const { ok, status, statusText, headers } = response;
  if (!ok) {
    response.body?.cancel().catch(() => {});
    throw new LoadError("response-not-ok", { field: "its status", value: `${status} ${statusText}`.trim() });
  }
  const body = response.body ?? ReadableStream.from<Uint8Array<ArrayBuffer>>([]);
  const head = await attempt(name, () => readChunks(body));
  const length = headers.has("content-encoding") ? 0 : Number(headers.get("content-length") ?? 0);
  return liveSource(name, { head, rest: () => body }, undefined, length > 0 ? length : undefined);
}

/** The first chunks of a stream, up to one that brings enough bytes. */
async function readChunks(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = stream.getReader();
  let head: Uint8Array = new Uint8Array();
  while (head.length < HEAD_SIZE) {
    const { value } = await reader.read();
    if (!value) break;
    head = head.length === 0 ? value : new Uint8Array([...head, ...value]);
  }
  reader.releaseLock();
  return head;
}

/** A source whose bytes go by once. */
function liveSource(name: string, opened: Opened, dispose?: () => void, size?: number): Source {
  const content = contentOf(opened);
  const { reader, rewind } = tape(content.reader);
  const again = (): ReturnType<Source["again"]> => {
    const rewound = rewind();
    return Promise.resolve(rewound && { reader: rewound, close: () => {} });
  };
  const check = async (): Promise<void> => {
    if (!content.inflated) return;
    const patience = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE));
    await checkGzip(name, () => Promise.race([content.check(), patience]));
  };
  const close = (): void => {
    content.close();
    dispose?.();
  };
  return { name, reader, ...(content.inflated ? {} : { size }), live: true, again, check, close };
}

function parseUrl(name: string): URL {
  try {
    return new URL(name);
  } catch {
    throw failed(name, "it is no valid URL");
  }
}

/** Does something with a source, and says what to do where it fails: most often Deno was not given the permission. */
async function attempt<T>(name: string, work: () => Promise<T>, permission?: string): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw failed(name, messageOf(cause), undefined, cause);
    throw failed(name, "Deno lacks the permission", permission && `Give Deno the permission: ${permission}`, cause);
  }
}

async function checkGzip(name: string, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (cause) {
    throw failed(
      name,
      messageOf(cause),
      "Compare it with where it came from; gzip -t tells whether it is whole.",
      cause,
    );
  }
}

function failed(name: string, why: string, hint?: string, cause?: unknown): CliError {
  return new CliError("source-failed", `Cannot read ${name}: ${why}`, {
    hint: hint ?? "A source is a path, - for standard input, or an http or https URL.",
    detail: { source: name },
    cause,
  });
}
