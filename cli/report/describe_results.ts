/**
 * Describes what plugins found: built-in plugins in specific words, others by the shape of their result.
 *
 * @module
 */

import { count, grouped, hex, printable } from "../output/text.ts";
import { describeBuiltIn } from "./built_in_results.ts";
import { readable } from "./readable.ts";

/** The most items of a list, bytes and characters to show; `--json` has the rest. */
const MOST_ITEMS = 8;
const MOST_BYTES = 32;
const MOST_CHARACTERS = 500;

/**
 * Describes results at a length that people want to read.
 *
 * @param results What plugins and stages returned, by their names.
 * @returns Names and descriptions, such as ["stack", "not executable, asks for 64 KiB"]; empty results are omitted.
 */
export function describeResults(results: Readonly<Record<string, unknown>>): readonly (readonly [string, string])[] {
  return Object.entries(results).filter(([, found]) => readable(() => holdsSomething(found))).map(([name, found]) => {
    const text = builtInWords(name, found) ?? inWords(found);
    return [name, text.length > MOST_CHARACTERS ? cut(printable(text)) : printable(text)] as const;
  });
}

function builtInWords(name: string, found: unknown): string | undefined {
  try {
    return describeBuiltIn(name, found);
  } catch {
    return undefined; // a plugin of the same name, whose fields are of other types
  }
}

function cut(text: string): string {
  const end = text.lastIndexOf(" ", MOST_CHARACTERS);
  return `${text.slice(0, end > 0 ? end : MOST_CHARACTERS)} ... and more (--json has all of it)`;
}

/** Whether a value is worth describing: neither null or undefined, nor an object without content. */
function holdsSomething(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value !== undefined && value !== null;
  return Symbol.iterator in value || "toJSON" in value || Object.values(value).some((content) => content !== undefined);
}

function inWords(value: unknown, outer: readonly object[] = []): string {
  if (typeof value === "bigint") return hex(value);
  if (typeof value === "number") return Number.isInteger(value) ? grouped(value) : `${value}`;
  if (value === undefined || value === null) return "none";
  if (typeof value !== "object") return String(value);
  if (outer.includes(value)) return "[circular]";
  return readable(() => objectInWords(value, [...outer, value]));
}

function objectInWords(value: object, within: readonly object[]): string {
  if (value instanceof Uint8Array) return describeBytes(value);
  if ("toJSON" in value && typeof value.toJSON === "function") return inWords(value.toJSON(), within);
  if (Symbol.iterator in value && !(value instanceof Map)) {
    return items([...value as Iterable<unknown>], (item) => part(item, within));
  }
  const entries = (value instanceof Map ? [...value] : Object.entries(value)).filter(([, content]) => {
    return typeof content !== "function";
  });
  return items(entries, ([name, content]) => `${name} ${part(content, within)}`);
}

/** Describes a nested value: lists are put in parentheses, and records are only counted. */
function part(value: unknown, outer: readonly object[]): string {
  const records = readable(() => Array.isArray(value) && value.some(isRecord) ? value.length : 0);
  if (typeof records === "number" && records > 0) return count(records, "item");
  const text = inWords(value, outer);
  return text.includes(" ") && typeof value === "object" ? `(${text})` : text;
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array) && !(Symbol.iterator in value);
}

function items<T>(list: readonly T[], toText: (item: T) => string): string {
  if (list.length === 0) return "none";
  const more = list.length > MOST_ITEMS ? ` and ${grouped(list.length - MOST_ITEMS)} more` : "";
  return list.slice(0, MOST_ITEMS).map(toText).join(", ") + more;
}

function describeBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) return "no bytes";
  const shown = bytes.subarray(0, MOST_BYTES).toHex();
  return bytes.length > MOST_BYTES ? `${shown}... (${grouped(bytes.length)} bytes)` : shown;
}
