/**
 * Values of plugins as JSON can hold them.
 *
 * @module
 */

import { hex } from "../output/text.ts";
import { readable } from "./readable.ts";

/**
 * Turns a value into what `JSON.stringify` takes.
 *
 * @param value Any value.
 * @returns Bigints as "0x…", bytes as hex digits, maps as objects, sets as arrays, numbers that are not finite by their
 * names, "[circular]" for an object inside of itself, and "[throws: message]" for an object that throws when it is
 * read.
 */
export function plainValue(value: unknown): unknown {
  return plain(value, new Set());
}

function plain(value: unknown, outer: Set<object>): unknown {
  if (typeof value === "bigint") return hex(value);
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (typeof value === "function") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (outer.has(value)) return "[circular]";
  outer.add(value);
  const result = readable(() => plainObject(value, (part) => plain(part, outer)));
  outer.delete(value);
  return result;
}

function plainObject(value: object, plainPart: (part: unknown) => unknown): unknown {
  if (value instanceof Uint8Array) return value.toHex();
  if ("toJSON" in value && typeof value.toJSON === "function") return plainPart(value.toJSON());
  if (Array.isArray(value)) return value.map(plainPart);
  if (value instanceof Set) return [...value].map(plainPart);
  const entries: readonly (readonly [PropertyKey, unknown])[] = value instanceof Map
    ? [...value]
    : Object.entries(value);
  return Object.fromEntries(entries.map(([key, part]) => [key, plainPart(part)]));
}
