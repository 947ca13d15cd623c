/**
 * Text for people: numbers, sizes, ranges and names as they are printed, and lines of them.
 *
 * @module
 */

// C0 and C1 controls, line and paragraph separators, and marks that change the direction of writing.
// deno-lint-ignore no-control-regex
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Makes text from elsewhere safe for a terminal.
 *
 * @param text Any text.
 * @returns The same, with control characters written as the escapes of JSON.
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

/** One past the last address of 64 bits. */
const END = 1n << 64n;

/**
 * A range of 64-bit addresses or offsets, modulo 2^64.
 *
 * @param start First address.
 * @param size Number of bytes, at least 1.
 * @returns The first address and the one after the last, such as "0x1000..0x3000". The address after the last byte of
 * the address space does not exist: a range up to there ends in that byte, as in "0xfffffffffffff000..=0xffffffffffffffff".
 */
export function hexRange(start: bigint | number, size: bigint | number): string {
  const first = BigInt.asUintN(64, BigInt(start));
  const end = first + BigInt(size);
  return end === END ? `${hex(first)}..=${hex(END - 1n)}` : `${hex(first)}..${hex(BigInt.asUintN(64, end))}`;
}

/**
 * Whether a range runs over the end of the 64-bit address space and goes on at address 0.
 *
 * @param start First address.
 * @param size Number of bytes.
 * @returns True if it does.
 */
export function wrapsAround(start: bigint, size: bigint): boolean {
  return BigInt.asUintN(64, start) + size > END;
}

/**
 * A number with its thousands apart.
 *
 * @param value An integer.
 * @returns Such as "12,328".
 */
export function grouped(value: bigint | number): string {
  return `${value}`.replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * How many there are of something.
 *
 * @param value An integer.
 * @param what The thing, in the singular.
 * @returns Such as "1 page" and "3 pages".
 */
export function count(value: bigint | number, what: string): string {
  return `${grouped(value)} ${what}${BigInt(value) === 1n ? "" : "s"}`;
}

const UNITS = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]] as const;

/**
 * A size, exact, in the largest unit that divides it.
 *
 * @param bytes Number of bytes.
 * @returns Such as "4 KiB" and "13 bytes".
 */
export function exactSize(bytes: number): string {
  const unit = bytes > 0 ? UNITS.find(([, size]) => bytes % size === 0) : undefined;
  return unit ? `${grouped(bytes / unit[1])} ${unit[0]}` : count(bytes, "byte");
}

/**
 * The indices of a set as ranges.
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
 * Items as a sentence lists them.
 *
 * @param items The items.
 * @returns Such as "3, 5 and 7".
 */
export function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join() : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

/** Stands for a space that no line is broken at; text to be printed has no control characters. */
const UNBROKEN = "\0";

/**
 * Breaks text into lines at its spaces, but never between a number and its unit.
 *
 * @param text The text, without control characters; a word that is longer than a line stays whole.
 * @param width The most characters in a line.
 * @param whole Parts of the text that are not broken either, such as paths.
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
