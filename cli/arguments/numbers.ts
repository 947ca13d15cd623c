/**
 * Numbers on the command line, as people type them or as reports print them.
 *
 * @module
 */

import { usageError } from "../output/cli_error.ts";
import { argumentText } from "../output/text.ts";

const HEX = "0x[0-9a-f]+(?:_[0-9a-f]+)*";
const DECIMAL = "[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]+)*";
const FORM = new RegExp(`^(${HEX}|${DECIMAL})(?: ?(?:([kmg])(?:ib)?|bytes?))?$`, "i");
const SHIFT: Readonly<Record<string, bigint>> = { k: 10n, m: 20n, g: 30n };

const PAGE_SIZE = 4096n;
const PHYSICAL_END = 1n << 52n;

/** Hex digits as QEMU, GDB and readelf print them: with letters, or with leading zeros to a fixed width. */
const BARE_HEX = /^(?!0[bo])(?=[0-9]*[a-f]|0)0*([0-9a-f]{1,16})$/i;
/** The least number of digits: that of 32-bit registers if there is no letter among them, to tell them from decimals. */
const LEAST_DIGITS = { withLetter: 4, withoutLetter: 8 };

/**
 * The number that text most likely means if it is hex without 0x.
 *
 * @param text What was typed.
 * @returns The number in hex with 0x; `undefined` if the text is anything else.
 */
export function bareHex(text: string): string | undefined {
  const digits = BARE_HEX.exec(text)?.[1];
  const { withLetter, withoutLetter } = LEAST_DIGITS;
  if (digits === undefined || text.length < (/[a-f]/i.test(text) ? withLetter : withoutLetter)) return undefined;
  return `0x${digits.toLowerCase()}`;
}

/**
 * Reads a number of any size, if text is one.
 *
 * @param text Decimal or hex, optionally with a unit: K, KiB, M, MiB, G or GiB, in powers of 1024.
 * @returns The number; `undefined` if the text is anything else, such as decimal digits after leading zeros, which
 * other programs print for hex.
 */
export function numberIn(text: string): bigint | undefined {
  if (bareHex(text) !== undefined) return undefined;
  const [, digits, unit] = FORM.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return BigInt(digits.replaceAll(/[_,]/g, "")) << (unit === undefined ? 0n : SHIFT[unit.toLowerCase()]);
}

/**
 * Reads a number of any size.
 *
 * @param flag The flag's name, without the dashes.
 * @param text Its value: decimal or hex, optionally with a unit: K, KiB, M, MiB, G or GiB, in powers of 1024.
 * @returns The number.
 * @throws {CliError} "usage" if it is not such a number.
 */
export function parseInteger(flag: string, text: string): bigint {
  const value = numberIn(text);
  if (value !== undefined) return value;
  const hex = bareHex(text);
  if (hex !== undefined) {
    const rule = "must be a hex number with 0x, or a decimal one without leading zeros";
    throw valueError(flag, text, rule, `QEMU and readelf print hex without 0x. It is --${flag} ${hex} here.`);
  }
  throw valueError(flag, text, "must be a decimal or hex number (0x200000), optionally with a unit (2M, 2 MiB)");
}

/**
 * Reads a number of bytes.
 *
 * @param flag The flag's name, without the dashes.
 * @param text Its value.
 * @param least The smallest number that is accepted.
 * @returns The number.
 * @throws {CliError} "usage" if it is not a number, too small, or larger than 2^52, the end of physical memory.
 */
export function parseBytes(flag: string, text: string, least = 0): number {
  const value = parseInteger(flag, text);
  if (value < least) throw valueError(flag, text, `must be at least ${least}`);
  if (value > PHYSICAL_END) throw valueError(flag, text, "must be at most 2^52 (0x10000000000000)");
  return Number(value);
}

/**
 * Reads a physical address or size that must be a multiple of the page size.
 *
 * @param flag The flag's name, without the dashes.
 * @param text Its value.
 * @param least The smallest number that is accepted.
 * @returns The number.
 * @throws {CliError} "usage" if it is not a number, not a multiple of 4096, too small, or larger than 2^52.
 */
export function parsePages(flag: string, text: string, least = 0): number {
  const value = parseBytes(flag, text, least);
  checkPages(flag, text, BigInt(value));
  return value;
}

/**
 * Reads a virtual address, or what is added to one.
 *
 * @param flag The flag's name, without the dashes.
 * @param text Its value.
 * @returns The number.
 * @throws {CliError} "usage" if it is not a number below 2^64.
 */
export function parseAddress(flag: string, text: string): bigint {
  const value = parseInteger(flag, text);
  if (value < 1n << 64n) return value;
  throw valueError(flag, text, "must fit in 64 bits (at most 0xffffffffffffffff)");
}

/**
 * Reads the virtual address of a page.
 *
 * @param flag The flag's name, without the dashes.
 * @param text Its value.
 * @returns The address.
 * @throws {CliError} "usage" if it is not a number, not a multiple of 4096, or not canonical.
 */
export function parsePageAddress(flag: string, text: string): bigint {
  const value = parseAddress(flag, text);
  checkPages(flag, text, value);
  if (BigInt.asUintN(64, BigInt.asIntN(48, value)) === value) return value;
  throw valueError(flag, text, "must be canonical: below 0x800000000000, or at least 0xffff800000000000");
}

/**
 * The error of a value that does not fit its flag.
 *
 * @param flag The flag's name, without the dashes.
 * @param text Its value as typed.
 * @param rule What is accepted, such as "must be at most 5".
 * @param hint What to do about it, if the rule does not say so.
 * @returns The error.
 */
export function valueError(flag: string, text: string, rule: string, hint?: string): Error {
  return usageError(`Cannot use --${flag} ${argumentText(text)}: it ${rule}`, hint, { flag, value: text });
}

function checkPages(flag: string, text: string, value: bigint): void {
  const below = value - value % PAGE_SIZE;
  if (below === value) return;
  const nearest = `0x${below.toString(16)} or 0x${(below + PAGE_SIZE).toString(16)}`;
  throw valueError(flag, text, `must be a multiple of 4096 (0x1000), such as ${nearest}`);
}
