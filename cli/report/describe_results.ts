/**
 * What plugins found, in words: whatever shape it has.
 *
 * @module
 */

import { encodeHex } from "@std/encoding/hex";
import { count, grouped, hex, printable } from "../output/text.ts";

/** The most items of a list, and the most bytes, that a person wants to see. */
const MOST_ITEMS = 8;
const MOST_BYTES = 32;
const MOST_CHARACTERS = 500;

/**
 * Says what is in a value, as far as a person wants to read it.
 *
 * @param value What a plugin returned.
 * @returns Such as "counts (R_X86_64_RELATIVE 5), needed none".
 */
export function describe(value: unknown): string {
  const text = inWords(value);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}... and more, which --json has` : text;
}

/**
 * Whether there is anything to say of a value.
 *
 * @param value What a plugin or a stage returned.
 * @returns False where it is nothing, or an object that has nothing in it.
 */
export function holdsSomething(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value !== undefined && value !== null;
  return Symbol.iterator in value || Object.values(value).some((content) => content !== undefined);
}

function inWords(value: unknown): string {
  if (typeof value === "bigint") return value < 0n ? `-${hex(-value)}` : hex(value);
  if (typeof value === "number") return grouped(value);
  if (value === undefined || value === null) return "none";
  if (typeof value !== "object") return printable(String(value));
  if (value instanceof Uint8Array) return describeBytes(value);
  if (Symbol.iterator in value && !(value instanceof Map)) return listed([...value as Iterable<unknown>], part);
  const entries = (value instanceof Map ? [...value] : Object.entries(value)).filter(([, content]) => {
    return typeof content !== "function";
  });
  return listed(entries, ([name, content]) => `${printable(String(name))} ${part(content)}`);
}

/** The same of what is inside of something: a list stands in brackets there, and one of records is only counted. */
function part(value: unknown): string {
  if (Array.isArray(value) && value.some(isRecord)) return count(value.length, "item");
  const text = inWords(value);
  return text.includes(" ") && typeof value === "object" ? `(${text})` : text;
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array) && !(Symbol.iterator in value);
}

function listed<T>(items: readonly T[], toText: (item: T) => string): string {
  if (items.length === 0) return "none";
  const more = items.length > MOST_ITEMS ? ` and ${grouped(items.length - MOST_ITEMS)} more` : "";
  return items.slice(0, MOST_ITEMS).map(toText).join(", ") + more;
}

function describeBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) return "no bytes";
  const shown = encodeHex(bytes.subarray(0, MOST_BYTES));
  return bytes.length > MOST_BYTES ? `${shown}... of ${grouped(bytes.length)} bytes` : shown;
}
