/**
 * What kind of value something is, also if it comes from another realm, such as a frame or Node's `vm`.
 *
 * @module
 */

/** The name of a value's built-in class, such as "Uint8Array" or "URL"; "Object" for most others. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

/**
 * What a value is, for messages.
 *
 * @param value Any value.
 * @returns Such as "undefined", "a string", "a DataView" or "an Array".
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

/** Whether a value is a `Uint8Array`, as a `Buffer` is too. */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && tagOf(value) === "Uint8Array";
}

/** Whether a value is an `ArrayBuffer` or a `SharedArrayBuffer`. */
export function isBuffer(value: unknown): value is ArrayBufferLike {
  const tag = tagOf(value);
  return tag === "ArrayBuffer" || tag === "SharedArrayBuffer";
}

/** Whether a buffer was transferred, which leaves it and every view of it with a length of 0. */
export function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true; // `buffer.detached` would say so too, but is missing in Node 20
  }
}
