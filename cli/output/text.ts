/**
 * Text for people: numbers, sizes and names as they are printed.
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
 * An address or another number in hex.
 *
 * @param value A whole number, not negative.
 * @returns Lower-case hex with "0x" in front.
 */
export function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

/**
 * A range as its first address and the one behind its last.
 *
 * @param start First address.
 * @param size Number of bytes.
 * @returns Both in hex.
 */
export function hexRange(start: bigint | number, size: bigint | number): string {
  return `${hex(start)}..${hex(BigInt(start) + BigInt(size))}`;
}

const GROUPED = new Intl.NumberFormat("en-US");

/**
 * A number with its thousands apart.
 *
 * @param value A whole number.
 * @returns Such as "12,328".
 */
export function grouped(value: bigint | number): string {
  return GROUPED.format(value);
}

/**
 * How many there are of something.
 *
 * @param value A whole number.
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
 * @param indices Whole numbers, ascending.
 * @returns Such as "0, 256-511".
 */
export function indexRanges(indices: Iterable<number>): string {
  const ranges: [number, number][] = [];
  for (const index of indices) {
    const last = ranges.at(-1);
    if (last && last[1] + 1 === index) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges.map(([first, last]) => first === last ? `${first}` : `${first}-${last}`).join(", ");
}

/**
 * Breaks text into lines at its spaces.
 *
 * @param text The text; a word that is longer than a line stays whole.
 * @param width Most characters in a line.
 * @returns The lines, at least one.
 */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line === "") line = word;
    else if (line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}
