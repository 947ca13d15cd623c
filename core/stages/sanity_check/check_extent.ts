/**
 * v0.11 of the original: address checks for the kernel as a whole, and for headers of any type.
 *
 * @module
 */

import { ADDRESS_END, addressField, checkedAddress } from "../../elf/checked_address.ts";
import { extentOf } from "../../elf/extent.ts";
import type { ProgramHeader } from "../../elf/program_header.ts";
import { LoadError } from "../../errors.ts";
import type { Rules } from "../../rules.ts";

/**
 * Checks the extent of the kernel, its offset, and the range of every header, if the rule set asks for it.
 *
 * @param headers The program headers.
 * @param offset What is added to every `p_vaddr`.
 * @param kernelBase The caller's base, if any; the extent is then assumed to start there.
 * @param rules The rule set.
 * @throws {LoadError} "no-load-segment", "address-overflow" or "address-not-canonical".
 */
export function checkExtent(
  headers: readonly ProgramHeader[],
  offset: bigint,
  kernelBase: bigint | undefined,
  rules: Rules,
): void {
  if (rules.checksExtent) {
    const { low, size } = extentOf(headers);
    if (size === 0n) throw new LoadError("no-load-segment", { field: "e_phnum", value: headers.length });
    if (low + size >= ADDRESS_END) {
      throw new LoadError("address-overflow", { field: "the highest p_vaddr + p_memsz", value: low + size });
    }
    const start = kernelBase ?? low + offset;
    checkedAddress(start, "the start of the kernel's extent", rules);
    checkedAddress(start + size - 1n, "the last byte of the kernel's extent", rules);
  }
  if (rules.checksOffset) checkedAddress(BigInt.asUintN(64, offset), "virtualAddressOffset", rules);
  if (!rules.checksEveryRange) return;
  for (const { index, p_vaddr, p_memsz } of headers) {
    if (p_memsz === 0n) continue;
    const start = p_vaddr + offset;
    checkedAddress(start, addressField(offset), rules, index);
    checkedAddress(start + p_memsz - 1n, `${addressField(offset)} + p_memsz - 1`, rules, index);
  }
}
