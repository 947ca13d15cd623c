/**
 * Strings that end in a zero byte (gABI, "String Table").
 *
 * @module
 */

/**
 * Decodes a string of the file's. The bytes may lie in shared memory, which text decoders of browsers refuse.
 *
 * @param bytes The string table, or a part of it.
 * @param start Where in it the string starts.
 * @param most The most bytes that are looked at.
 * @returns The string up to its zero byte, and whether there is one; without one, up to the last byte looked at.
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
