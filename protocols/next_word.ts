/**
 * The search for a magic number in many bytes.
 *
 * @module
 */

/** Whether numbers in memory are little-endian, as they are in the files. */
const IS_LITTLE = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/**
 * Finds a little-endian word of four bytes at a multiple of 4.
 *
 * @param bytes The bytes.
 * @param word The word.
 * @param from Where to start, a multiple of 4.
 * @returns Its offset; the length of the bytes, or more, if there is none.
 */
export function nextWord(bytes: Uint8Array, word: number, from: number): number {
  const count = bytes.length >> 2;
  if (IS_LITTLE && bytes.byteOffset % 4 === 0) {
    const at = new Uint32Array(bytes.buffer, bytes.byteOffset, count).indexOf(word, from >> 2);
    return at < 0 ? bytes.length : at * 4;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = from; at < count * 4; at += 4) if (view.getUint32(at, true) === word) return at;
  return bytes.length;
}
