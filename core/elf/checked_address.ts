/**
 * Checks virtual addresses from a file, by the rules of a rule set.
 *
 * @module
 */

import type { ErrorPlace } from "../error_details.ts";
import { LoadError } from "../errors.ts";
import { isCanonical, low48 } from "../memory/addresses.ts";
import { signExtendBit47 } from "../memory/sign_extend.ts";
import type { Rules } from "../rules.ts";
import type { ProgramHeader } from "./program_header.ts";

/** One past the largest 64-bit address: 2^64. */
export const ADDRESS_END: bigint = 1n << 64n;

/** The switch that decides how addresses are checked. */
export type AddressRules = Pick<Rules, "addresses">;

/**
 * Checks a virtual address, or a sum that must be one.
 *
 * @param value The address; a sum may be negative or above 2^64.
 * @param field Its name, for the error.
 * @param rules How addresses are checked.
 * @param index Index of the program header that it belongs to, if any.
 * @returns The canonical address.
 * @throws {LoadError} "address-overflow" outside 0 to 2^64 - 1, "address-not-canonical" in the hole.
 */
export function checkedAddress(value: bigint, field: string, { addresses }: AddressRules, index?: number): bigint {
  if (value < 0n || value >= ADDRESS_END) throw new LoadError("address-overflow", placeOf(value, field, index));
  if (addresses === "sign-extended") return signExtendBit47(value, field, index);
  if (!isCanonical(value)) throw new LoadError("address-not-canonical", placeOf(value, field, index));
  return value;
}

function placeOf(value: bigint, field: string, index: number | undefined): ErrorPlace {
  return index === undefined ? { field, value } : { index, field, value };
}

/** The range of a program header, as the low 48 bits of its addresses. Both ends are canonical. */
export interface CheckedRange {
  /** Low 48 bits of the address of its first byte. */
  readonly first: number;
  /** Low 48 bits of the address of its last byte, at least `first`. */
  readonly last: number;
}

/**
 * Checks the range of a program header that has memory.
 *
 * @param phdr The header; its `p_memsz` is not 0.
 * @param offset What is added to `p_vaddr`; may be negative.
 * @param rules How addresses are checked. Under "one-half" the range must lie in one half; otherwise it may cross the
 * hole.
 * @returns The range.
 * @throws {LoadError} "address-overflow" or "address-not-canonical", with the header's index.
 */
export function checkedRange(
  { index, p_vaddr, p_memsz }: Pick<ProgramHeader, "index" | "p_vaddr" | "p_memsz">,
  offset: bigint,
  rules: AddressRules,
): CheckedRange {
  const field = addressField(offset);
  const lastField = offset === 0n ? "p_vaddr + p_memsz - 1" : "p_vaddr + virtualAddressOffset + p_memsz - 1";
  const start = checkedAddress(p_vaddr + offset, field, rules, index);
  const end = p_vaddr + offset + p_memsz;
  if (end > ADDRESS_END) throw new LoadError("address-overflow", { index, field: `${field} + p_memsz`, value: end });
  const last = checkedAddress(end - 1n, lastField, rules, index);
  if (rules.addresses === "one-half" && last >> 63n !== start >> 63n) {
    throw new LoadError("address-not-canonical", { index, field: lastField, value: last });
  }
  return { first: low48(start), last: low48(last) };
}

/**
 * The name of a program header's address in errors.
 *
 * @param offset What is added to `p_vaddr`.
 * @returns The name of the field, or of the sum.
 */
export function addressField(offset: bigint): string {
  return offset === 0n ? "p_vaddr" : "p_vaddr + virtualAddressOffset";
}
