/**
 * Sizes of any magnitude, in a few digits.
 *
 * @module
 */

import { count } from "../output/text.ts";

const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"].map((name, at) => [name, 1n << BigInt(10 * (at + 1))] as const);

/**
 * A size in the largest unit that it reaches.
 *
 * @param bytes Number of bytes.
 * @returns Such as "510 GiB" or "127.5 TiB"; if it takes more than two decimals, it is rounded, as in "about 2 GiB".
 */
export function roughSize(bytes: bigint | number): string {
  const exact = BigInt(bytes);
  const unit = UNITS.findLast(([, size]) => exact >= size);
  if (!unit) return count(exact, "byte");
  const [name, size] = unit;
  const hundredths = (exact * 100n + size / 2n) / size;
  const decimals = `${hundredths % 100n}`.padStart(2, "0").replace(/0+$/, "");
  const number = `${hundredths / 100n}${decimals === "" ? "" : `.${decimals}`}`;
  return `${hundredths * size === exact * 100n ? "" : "about "}${number} ${name}`;
}
