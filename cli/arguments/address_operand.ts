/**
 * An address as people name it: a number, or a symbol with or without an offset.
 *
 * @module
 */

import { usageError } from "../output/cli_error.ts";
import { argumentText } from "../output/text.ts";
import { numberIn } from "./numbers.ts";

/** What an operand names. */
export type AddressOperand =
  | {
    readonly kind: "address";
    /** The address, of 64 bits. */
    readonly address: bigint;
  }
  | {
    readonly kind: "symbol";
    /** The whole operand, which may be the name of a symbol itself. */
    readonly text: string;
    /** The name, without the offset. */
    readonly name: string;
    /** What to add to the symbol's address. */
    readonly offset: bigint;
  };

const END = 1n << 64n;

/**
 * Reads an address. What can be read as a number is one: a symbol of that name is not looked for.
 *
 * @param text What was typed: 0xffffffff80000000, main, main+0x10 or main-8.
 * @returns What it names.
 * @throws {CliError} "usage" if it is a number that does not fit in 64 bits.
 */
export function addressOperand(text: string): AddressOperand {
  const whole = numberIn(text);
  if (whole !== undefined) return addressOf(text, whole);
  const [, start, sign, distance] = /^(.+)([+-])([^+-]+)$/.exec(text) ?? [];
  const size = distance === undefined ? undefined : numberIn(distance);
  if (size === undefined) return { kind: "symbol", text, name: text, offset: 0n };
  const offset = sign === "-" ? -size : size;
  const base = numberIn(start);
  return base === undefined ? { kind: "symbol", text, name: start, offset } : addressOf(text, base + offset);
}

function addressOf(text: string, address: bigint): AddressOperand {
  return { kind: "address", address: inRange(text, address) };
}

/**
 * Checks that a number is an address.
 *
 * @param text What was typed.
 * @param address The number that it stands for.
 * @returns The number.
 * @throws {CliError} "usage" if it does not fit in 64 bits.
 */
export function inRange(text: string, address: bigint): bigint {
  if (address >= 0n && address < END) return address;
  throw usageError(
    `Cannot use ${argumentText(text)} as an address: it must fit in 64 bits (at most 0xffffffffffffffff)`,
    undefined,
    { address: text },
  );
}
