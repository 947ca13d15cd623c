/**
 * The original's virtual addresses: those with only bit 47 set are taken for the higher half.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { isCanonical } from "./addresses.ts";

/**
 * Checks a virtual address or sum as the original does, sign-extending bit 47 where bits 48 to 63 are clear.
 *
 * @param value The address.
 * @param field What it is, for the error.
 * @param index Index of the program header, where it is one's.
 * @returns The canonical address.
 * @throws {LoadError} "address-overflow" above 2^64, "address-not-canonical" where another bit differs.
 */
export function signExtendBit47(value: bigint, field: string, index?: number): bigint {
  const place = { ...(index === undefined ? {} : { index }), field, value };
  if (value >= 1n << 64n) throw new LoadError("address-overflow", place);
  if (value >> 47n === 1n) return BigInt.asUintN(64, BigInt.asIntN(48, value));
  if (!isCanonical(value)) throw new LoadError("address-not-canonical", place);
  return value;
}
