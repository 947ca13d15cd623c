/**
 * Finds the address that an operand names.
 *
 * @module
 */

import { PHYSICAL_END } from "../../core/memory/addresses.ts";
import type { KernelSymbol, KernelSymbols } from "../../explain/symbols/kernel_symbols.ts";
import { loadedAddress, type Moved } from "../../explain/symbols/linked_address.ts";
import { type AddressOperand, inRange } from "../arguments/address_operand.ts";
import { bareHex } from "../arguments/numbers.ts";
import { type CliError, usageError } from "../output/cli_error.ts";
import { argumentText, hex, listed, printable } from "../output/text.ts";

/** An address, and how it was asked for. */
export interface FoundAddress {
  /** The address, of 64 bits. */
  readonly address: bigint;
  /** The symbol with its offset, if one was asked for. */
  readonly asked?: string;
}

/** The most symbols of one name to list. */
const MOST_LISTED = 8;

/**
 * Finds the address that an operand names.
 *
 * @param operand The operand.
 * @param symbols The symbols; absent if there is no file to read them from.
 * @param moved How far the kernel was moved.
 * @returns The address.
 * @throws {CliError} "usage" if no symbol has the name, or several at different addresses.
 */
export function findAddress(operand: AddressOperand, symbols: KernelSymbols | undefined, moved: Moved): FoundAddress {
  if (operand.kind === "address") return { address: operand.address };
  const { text, name, offset } = operand;
  if (symbols === undefined) {
    throw notFound(
      text,
      "it is not an address, and no FILE is given for its symbols",
      hexHint(text, name) ?? FILE_HINT,
    );
  }
  const whole = symbols.find(text);
  const found = whole.length > 0 ? whole : symbols.find(name);
  const addresses = new Map<bigint, KernelSymbol>();
  for (const symbol of found) {
    const address = loadedAddress(moved, symbol);
    if (!addresses.has(address)) addresses.set(address, symbol);
  }
  if (addresses.size === 0) throw unknownSymbol(text, name, symbols);
  if (addresses.size > 1) throw ambiguous(name, addresses);
  const [address] = addresses.keys();
  const added = whole.length > 0 ? 0n : offset;
  return { address: inRange(text, address + added), asked: text };
}

/**
 * Takes an operand as a physical address.
 *
 * @param operand The operand.
 * @returns The address.
 * @throws {CliError} "usage" if it is a symbol, or not below 2^52.
 */
export function physicalAddress(operand: AddressOperand): number {
  if (operand.kind === "symbol") {
    const why = "--physical takes a physical address, and symbols have virtual ones";
    const hint = hexHint(operand.text, operand.name) ??
      "kload walk without --physical says which physical address a symbol has.";
    throw usageError(`Cannot use ${argumentText(operand.text)}: ${why}`, hint, { symbol: operand.text });
  }
  if (operand.address < BigInt(PHYSICAL_END)) return Number(operand.address);
  const why = "a physical address is below 2^52 (0x10000000000000)";
  throw usageError(`Cannot use ${hex(operand.address)}: ${why}`, undefined, { address: operand.address });
}

/**
 * Names an address by the symbol that contains it.
 *
 * @param symbols The symbols.
 * @param linked The address, as the file was linked.
 * @returns Such as "main" or "main+0x10"; `undefined` if no symbol contains it.
 */
export function symbolText(symbols: KernelSymbols, linked: bigint): string | undefined {
  const place = symbols.symbolAt(linked);
  if (!place || (place.offset > 0 && BigInt(place.offset) >= place.symbol.size)) return undefined;
  return place.offset === 0 ? place.symbol.name : `${place.symbol.name}+${hex(place.offset)}`;
}

const FILE_HINT = "Give an address, such as 0xffffffff80000000, or a FILE and then the symbol or address.";
const ADDRESS_HINT = "Give the address, such as 0xffffffff80000000.";
const NUMBER_HINT = "Numbers are decimal or hex (0x200000), optionally with a unit (2M).";

function notFound(text: string, why: string, hint: string): CliError {
  return usageError(`Cannot find ${argumentText(text)}: ${why}`, hint, { symbol: text });
}

/** The hint for an address without 0x, with or without an offset. */
function hexHint(text: string, name: string): string | undefined {
  const address = bareHex(name);
  return address &&
    `For the address, write ${address}${printable(text.slice(name.length))}: hex numbers start with 0x.`;
}

function unknownSymbol(text: string, name: string, symbols: KernelSymbols): CliError {
  const hexAdvice = hexHint(text, name);
  if (hexAdvice !== undefined) return notFound(text, "no symbol has that name", hexAdvice);
  if (/^\d/.test(text)) return notFound(text, "it is not a number, and no symbol has that name", NUMBER_HINT);
  if (symbols.count === 0) return notFound(text, "the file has no symbols", ADDRESS_HINT);
  const similar = symbols.similar(name).map(printable);
  const hint = similar.length === 0 ? ADDRESS_HINT : `Did you mean ${orListed(similar)}?`;
  return notFound(text, `no symbol in ${symbols.table ?? "the file"} has that name`, hint);
}

function ambiguous(name: string, addresses: ReadonlyMap<bigint, KernelSymbol>): CliError {
  const shown = [...addresses].slice(0, MOST_LISTED).map(([address, { type, binding }]) => {
    const kind = type === "none" || type === "other" ? "symbol" : type;
    return `${hex(address)} (a ${binding === "other" ? "" : `${binding} `}${kind})`;
  });
  const left = addresses.size - shown.length;
  const list = left === 0 ? listed(shown) : `${shown.join(", ")} and ${left} more`;
  return usageError(
    `Cannot choose ${argumentText(name)}: symbols of that name are at ${addresses.size} addresses`,
    `Give an address: ${list}.`,
    { symbol: name, addresses: [...addresses.keys()] },
  );
}

function orListed(items: readonly string[]): string {
  return items.length < 2 ? items.join() : `${items.slice(0, -1).join(", ")} or ${items.at(-1)}`;
}
