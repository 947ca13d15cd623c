/**
 * The 64 bits of an address, cut into the indices of a walk.
 *
 * @module
 */

import type { Paint } from "../output/paint.ts";
import { hex } from "../output/text.ts";

/** A field of an address. */
interface Field {
  /** Number of its highest bit. */
  readonly high: number;
  /** Number of its lowest bit. */
  readonly low: number;
  /** What the bits are. */
  readonly name: string;
  /** Their value, as people write it. */
  readonly value: string;
}

/** The width of numbers of bits such as "47-39". */
const RANGE_WIDTH = 5;

/** How an address is cut. */
export interface BitsAbout {
  /** Number of levels of page tables. */
  readonly levels: 4 | 5;
  /** Level of the entry that maps the page; 1 if nothing is mapped, as for a page of 4 KiB. */
  readonly leaf: number;
  /** Whether the processor accepts the address. */
  readonly canonical: boolean;
}

/**
 * Draws the bits of an address under their numbers: the sign extension, one index a level, and the offset in the page.
 *
 * @param address The address.
 * @param about How it is cut.
 * @param paint The colors and the width.
 * @returns The lines: the fields next to each other or, if they do not fit, one a line.
 */
export function addressBits(address: bigint, about: BitsAbout, paint: Paint): readonly string[] {
  const bits = address.toString(2).padStart(64, "0");
  const fields = fieldsOf(address, about).map((field) => ({
    ...field,
    bits: bits.slice(63 - field.high, 64 - field.low),
  }));
  const widths = fields.map(({ bits, name, value }) => Math.max(bits.length, name.length, value.length));
  const isWide = widths.reduce((sum, width) => sum + width + 1, 1) <= paint.width;
  if (!isWide) {
    const digits = Math.max(...fields.map(({ bits }) => bits.length));
    return fields.flatMap((field) => narrowLines(field, digits, paint));
  }
  const line = (cell: (field: typeof fields[number]) => string): string => {
    return `  ${fields.map((field, at) => cell(field).padEnd(widths[at])).join(" ")}`.trimEnd();
  };
  return [
    paint.faint(line(({ high, low, bits }) => `${high}`.padEnd(bits.length - `${low}`.length) + low)),
    line(({ bits }) => bits),
    paint.faint(line(({ name }) => name)),
    line(({ value }) => value),
  ];
}

/** A field in a line of its own, or in two if even that is too long. */
function narrowLines(
  { high, low, bits, name, value }: Field & { readonly bits: string },
  digits: number,
  paint: Paint,
): readonly string[] {
  const range = `${high}-${low}`.padEnd(RANGE_WIDTH);
  const what = value === "" ? name : `${name}: ${value}`;
  const isShort = 2 + RANGE_WIDTH + 2 + digits + 2 + what.length <= paint.width;
  if (isShort) return [`  ${paint.faint(range)}  ${bits.padEnd(digits)}  ${what}`];
  return [`  ${paint.faint(range)}  ${bits}`, `  ${" ".repeat(RANGE_WIDTH)}  ${what}`];
}

function fieldsOf(address: bigint, { levels, leaf, canonical }: BitsAbout): readonly Field[] {
  const top = levels * 9 + 12;
  const valueOf = (high: number, low: number): bigint =>
    (address >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
  const field = (high: number, low: number, name: string, write: (value: bigint) => string): Field => {
    return { high, low, name, value: write(valueOf(high, low)) };
  };
  const extension = canonical ? `copies of bit ${top - 1}` : `not copies of bit ${top - 1}`;
  const indices = Array.from({ length: levels - leaf + 1 }, (_, at) => {
    const level = levels - at;
    return field(level * 9 + 11, level * 9 + 3, `level ${level}`, String);
  });
  const offset = leaf * 9 + 2;
  return [field(63, top, extension, () => ""), ...indices, field(offset, 0, "offset", hex)];
}
