/**
 * NUL-terminated strings (gABI, "String Table").
 *
 * @module
 */

/**
 * Decodes a string from the file. The bytes are copied first, because text decoders in browsers refuse shared memory.
 *
 * @param bytes The string table, or a part of it.
 * @param start Offset of the string.
 * @param most The most bytes to look at.
 * @returns The string up to its zero byte, or all bytes looked at if there is none; and whether there is one.
 */
export function readString(
  bytes: Uint8Array,
  start = 0,
  most: number = bytes.length,
): { readonly text: string; readonly terminated: boolean } {
  const rest = bytes.subarray(start, start + most);
  const length = rest.indexOf(0);
  const terminated = length >= 0;
  return { text: new TextDecoder().decode(rest.slice(0, terminated ? length : rest.length)), terminated };
}
