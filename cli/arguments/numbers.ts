/**
 * Numbers on the command line.
 *
 * @module
 */

import { usageError } from "../output/cli_error.ts";
import { printable } from "../output/text.ts";

const FORM = /^(0x[0-9a-f]+|[0-9]+)([kmg]?)$/i;
const SHIFT: Readonly<Record<string, bigint>> = { "": 0n, k: 10n, m: 20n, g: 30n };
const PAGE_SIZE = 4096n;

/**
 * Reads a number of any size.
 *
 * @param flag The flag's name, without the dashes.
 * @param text Its value: decimal or hex, and K, M or G where it is meant 1024-fold.
 * @returns The number.
 * @throws {CliError} "usage" where it is no such number.
 */
export function parseInteger(flag: string, text: string): bigint {
  const [, digits, suffix] = FORM.exec(text) ?? [];
  if (digits === undefined) {
    throw refusal(flag, text, "it is no number in decimal or hex (0x200000), with or without K, M or G (2M)");
  }
  return BigInt(digits) << SHIFT[suffix.toLowerCase()];
}

/**
 * Reads a number of bytes.
 *
 * @param flag The flag's name, without the dashes.
 * @param text Its value.
 * @returns The number.
 * @throws {CliError} "usage" where it is no number, or larger than 2^52, where physical memory ends.
 */
export function parseBytes(flag: string, text: string): number {
  const value = parseInteger(flag, text);
  if (value > 1n << 52n) throw refusal(flag, text, "physical memory ends at 2^52");
  return Number(value);
}

/**
 * Reads a physical address or size that has to be a whole number of pages.
 *
 * @param flag The flag's name, without the dashes.
 * @param text Its value.
 * @returns The number.
 * @throws {CliError} "usage" where it is no number, no multiple of 4096, or larger than 2^52.
 */
export function parsePages(flag: string, text: string): number {
  const value = parseBytes(flag, text);
  if (BigInt(value) % PAGE_SIZE !== 0n) throw refusal(flag, text, "it is no multiple of 4096 (0x1000)");
  return value;
}

function refusal(flag: string, text: string, why: string): Error {
  return usageError(`Cannot use --${flag} ${printable(text)}: ${why}`, undefined, { flag, value: text });
}
