/**
 * Recognizes kinds of values, even from another realm such as an iframe or Node's `vm`.
 *
 * @module
 */

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
  return ArrayBuffer.isView(value) && tagOf(value) === "Uint8Array";
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
