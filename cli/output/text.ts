/**
 * Formats numbers, sizes, ranges and names for people, and wraps lines.
 *
 * @module
 */

// C0 and C1 controls, line and paragraph separators, and marks that change the text direction.
// deno-lint-ignore no-control-regex
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Makes untrusted text safe to print on a terminal.
 *
 * @param text Any text.
 * @returns The text, with control characters as JSON escapes.
 */
export function printable(text: string): string {
  return text.toWellFormed().replace(UNPRINTABLE, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/**
 * An argument as a message names it.
 *
 * @param text The argument.
 * @returns The same, printable; a pair of quotes if it is empty.
 */
export function argumentText(text: string): string {
  return text === "" ? '""' : printable(text);
}

/**
 * An address or another number in hex.
 *
 * @param value An integer.
 * @returns Lower-case hex with "0x" in front.
 */
export function hex(value: bigint | number): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** One past the last 64-bit address. */
const END = 1n << 64n;

/**
 * A range of 64-bit addresses or offsets, modulo 2^64.
 *
 * @param start First address.
 * @param size Number of bytes, at least 1.
 * @returns The first address and the one after the last, such as "0x1000..0x3000". A range up to the end of the address
 * space is inclusive, as in "0xfffffffffffff000..=0xffffffffffffffff": there is no address after its last.
 */
export function hexRange(start: bigint | number, size: bigint | number): string {
  const first = BigInt.asUintN(64, BigInt(start));
  const end = first + BigInt(size);
  return end === END ? `${hex(first)}..=${hex(END - 1n)}` : `${hex(first)}..${hex(BigInt.asUintN(64, end))}`;
}

/**
 * Whether a range runs past the end of the 64-bit address space and wraps around to address 0.
 *
 * @param start First address.
 * @param size Number of bytes.
 * @returns True if it does.
 */
export function wrapsAround(start: bigint, size: bigint): boolean {
  return BigInt.asUintN(64, start) + size > END;
}

/**
 * Bytes in hex.
 *
 * @param bytes The bytes.
 * @returns Such as "31 ed".
 */
export function hexBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/**
 * A number with thousands separators.
 *
 * @param value An integer.
 * @returns Such as "12,328".
 */
export function grouped(value: bigint | number): string {
  return `${value}`.replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * A count of things.
 *
 * @param value An integer.
 * @param what The noun, in the singular.
 * @returns Such as "1 page" and "3 pages".
 */
export function count(value: bigint | number, what: string): string {
  return `${grouped(value)} ${what}${BigInt(value) === 1n ? "" : "s"}`;
}

const UNITS = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]] as const;

/**
 * An exact size, in the largest unit that divides it.
 *
 * @param bytes Number of bytes.
 * @returns Such as "4 KiB" and "13 bytes".
 */
export function exactSize(bytes: number): string {
  const unit = bytes > 0 ? UNITS.find(([, size]) => bytes % size === 0) : undefined;
  return unit ? `${grouped(bytes / unit[1])} ${unit[0]}` : count(bytes, "byte");
}

/**
 * Joins consecutive indices into ranges.
 *
 * @param indices Integers, ascending.
 * @returns Such as ["0", "256-511"].
 */
export function indexRanges(indices: Iterable<number>): readonly string[] {
  const ranges: [number, number][] = [];
  for (const index of indices) {
    const last = ranges.at(-1);
    if (last && last[1] + 1 === index) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges.map(([first, last]) => first === last ? `${first}` : `${first}-${last}`);
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

/** Stands for a space at which lines are not broken; printable text has no control characters. */
const UNBROKEN = "\0";

/**
 * Wraps text at spaces, but never between a number and its unit.
 *
 * @param text The text, without control characters; a word longer than a line stays whole.
 * @param width The longest line, in characters.
 * @param whole Other parts of the text that are never broken, such as paths.
 * @returns The lines, at least one.
 */
export function wrap(text: string, width: number, whole: readonly string[] = []): readonly string[] {
  const marked = whole.reduce((marked, part) => marked.replaceAll(part, part.replaceAll(" ", UNBROKEN)), text)
    .replaceAll(/(?<=\d) (?=[KMG]iB\b|bytes?\b)/g, UNBROKEN);
  const lines: string[] = [];
  let line = "";
  for (const word of marked.split(" ")) {
    if (line === "") line = word;
    else if (line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line].map((line) => line.replaceAll(UNBROKEN, " "));
}
