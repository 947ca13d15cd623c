/**
 * Virtual addresses as v0.10 of the original takes them: bit 47 is sign-extended.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { isCanonical } from "./addresses.ts";

/**
 * Checks a virtual address or a sum like v0.10 of the original: bit 47 is sign-extended if bits 48 to 63 are clear.
 *
 * @param value The address.
 * @param field Its name, for the error.
 * @param index Index of the program header that it belongs to, if any.
 * @returns The canonical address.
 * @throws {LoadError} "address-overflow" from 2^64 on, "address-not-canonical" for other values that are not canonical.
 */
export function signExtendBit47(value: bigint, field: string, index?: number): bigint {
  const place = { ...(index === undefined ? {} : { index }), field, value };
  if (value >= 1n << 64n) throw new LoadError("address-overflow", place);
  if (value >> 47n === 1n) return BigInt.asUintN(64, BigInt.asIntN(48, value));
  if (!isCanonical(value)) throw new LoadError("address-not-canonical", place);
  return value;
}
