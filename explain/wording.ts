/**
 * Numbers and lists in sentences.
 *
 * @module
 */

/**
 * A count of things.
 *
 * @param value An integer.
 * @param what The noun, in the singular.
 * @returns Such as "1 page" and "4,096 pages".
 */
export function count(value: bigint | number, what: string): string {
  const digits = `${value}`.replaceAll(/\B(?=(\d{3})+$)/g, ",");
  return `${digits} ${what}${BigInt(value) === 1n ? "" : "s"}`;
}

/**
 * Lists items as in a sentence.
 *
 * @param items The items.
 * @returns Such as "3, 5 and 7".
 */
export function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join() : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

/**
 * Bytes as a processor manual prints them.
 *
 * @param bytes The bytes.
 * @returns Such as "0f 0b".
 */
export function hexBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
