/**
 * What to pass instead of a value that is not a source.
 *
 * @module
 */

import { hasMethod, kindOf, tagOf } from "./value_kind.ts";

const HTTP = /^https?:/i;

const isPathOrUrl = (value: unknown): boolean => typeof value === "string" || tagOf(value) === "URL";

const hasReadable = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "readable" in value && hasMethod(value.readable, "getReader");

/** The first row whose test passes has the advice. */
const ADVICE: readonly (readonly [test: (value: unknown) => boolean, advice: string])[] = [
  [(value) => hasMethod(value, "then"), "a promise is not a source; await it first"],
  [
    (value) => isPathOrUrl(value) && HTTP.test(String(value)),
    "an address is not a source; pass await fetch(address)",
  ],
  [isPathOrUrl, "a path is not a source; pass await Deno.open(path) or await Deno.readFile(path)"],
  [
    (value) => hasMethod(value, "pipe"),
    "a Node.js stream is not a source; pass the web stream that Readable.toWeb() returns for it",
  ],
  [(value) => hasMethod(value, "releaseLock"), "a stream's reader is not a source; release it and pass the stream"],
  [(value) => tagOf(value) === "Request", "a Request is not a source; pass await fetch(request)"],
  [(value) => hasMethod(value, "getFile"), "a file system handle is not a source; pass await handle.getFile()"],
  [hasReadable, "an object with a readable side is not a source; pass its readable property"],
  [
    (value) => typeof value === "object" && value !== null && Symbol.asyncIterator in value,
    "an async iterable is not a source; pass ReadableStream.from(iterable)",
  ],
  [
    Array.isArray,
    "an Array is not a source; pass new Blob(parts) for several parts, Uint8Array.from(bytes) for numbers",
  ],
];

/**
 * Returns advice on what to pass instead of a value.
 *
 * @param value A value that is not a source.
 * @returns A clause such as "a promise is not a source; await it first".
 */
export function adviceOn(value: unknown): string {
  const row = ADVICE.find(([test]) => test(value));
  if (row) return row[1];
  const instead = ArrayBuffer.isView(value)
    ? "pass new Uint8Array(view.buffer, view.byteOffset, view.byteLength)"
    : "pass bytes, a ReadableStream, an open file or anything with read(buffer), a Blob or a Response";
  return `${kindOf(value)} is not a source; ${instead}`;
}
