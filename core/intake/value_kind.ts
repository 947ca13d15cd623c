/**
 * Recognizes kinds of values, even from another realm such as an iframe or Node's `vm`.
 *
 * @module
 */

import { hexAddr } from "../hex.ts";

/** Returns the name of a value's built-in class, such as "Uint8Array" or "URL"; "Object" for most others. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

/**
 * Describes a value for messages.
 *
 * @param value Any value.
 * @returns A description such as "undefined", "a string", "a DataView" or "an Array".
 */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const tag = tagOf(value);
  return `${/^[AEIO]/.test(tag) ? "an" : "a"} ${tag}`;
}

/**
 * A value with its type, for messages about values of the wrong type.
 *
 * @param value Any value.
 * @returns Such as `the string "0x1000"`, "the bigint 0x1000n", "the number 3", "undefined" or "a DataView".
 */
export function typedValue(value: unknown): string {
  if (typeof value === "string") return `the string ${JSON.stringify(value)}`;
  if (typeof value === "bigint") return `the bigint ${hexAddr(value)}n`;
  // Large numbers are addresses and sizes as a rule.
  if (typeof value === "number") return `the number ${Number.isInteger(value) && value > 9 ? hexAddr(value) : value}`;
  if (typeof value === "boolean") return String(value);
  return tagOf(value) === "Object" ? "an object" : kindOf(value);
}

/**
 * Whether a value is an object that has a method.
 *
 * @param value Any value.
 * @param method The method's name.
 * @returns True if it can be called.
 */
export function hasMethod<const N extends string>(
  value: unknown,
  method: N,
): value is { readonly [K in N]: (...args: never[]) => unknown } {
  return typeof value === "object" && value !== null && method in value &&
    typeof (value as Record<string, unknown>)[method] === "function";
}

/** Whether a value is a `Uint8Array`, which includes `Buffer`. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || (ArrayBuffer.isView(value) && tagOf(value) === "Uint8Array");
}

/** Whether a value is an `ArrayBuffer` or a `SharedArrayBuffer`. */
export function isBuffer(value: unknown): value is ArrayBufferLike {
  const tag = tagOf(value);
  return tag === "ArrayBuffer" || tag === "SharedArrayBuffer";
}

/** Whether a buffer was transferred, which leaves it and all its views with a length of 0. */
export function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true; // `buffer.detached` does not exist in Node 20
  }
}

/**
 * Whether a value has properties.
 *
 * @param value Any value.
 * @returns True for an object.
 */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
