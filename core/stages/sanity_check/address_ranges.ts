/**
 * Where a segment is placed, by the address rules of each rule set.
 *
 * @module
 */

import { addressField, checkedAddress, checkedRange } from "../../elf/checked_address.ts";
import type { ProgramHeader } from "../../elf/program_header.ts";
import { LoadError } from "../../errors.ts";
import {
  alignUp,
  isCanonical,
  low48,
  LOW48_END,
  LOW48_HIGHER_HALF,
  PAGE_SIZE,
  pageStart,
} from "../../memory/addresses.ts";
import { signExtendBit47 } from "../../memory/sign_extend.ts";
import type { Rules } from "../../rules.ts";

/** Checks the addresses of a `PT_LOAD` header; returns the low 48 bits of its first address. */
type AddressRule = (phdr: ProgramHeader, offset: bigint) => number;

/** The whole range lies in one canonical half. */
const inOneHalf: AddressRule = (phdr, offset) => checkedRange(phdr, offset, { addresses: "one-half" }).first;

/** v0.10 of the original: the range may cross the hole, but a bss cannot reach the last page of the address space. */
const signExtended: AddressRule = ({ index, p_vaddr, p_offset, p_filesz, p_memsz }, offset) => {
  const virt = checkedAddress(p_vaddr + offset, addressField(offset), { addresses: "sign-extended" }, index);
  const start = low48(virt);
  if (pageStart(start) + filePages(p_offset, p_filesz) > LOW48_END) {
    throw new LoadError("address-overflow", { index, field: "p_vaddr + p_filesz", value: virt + p_filesz });
  }
  if (p_memsz <= p_filesz) return start;
  signExtendBit47(virt + p_filesz, "p_vaddr + p_filesz", index);
  const end = signExtendBit47(virt + p_memsz, "p_vaddr + p_memsz", index);
  const lastPage = LOW48_END - PAGE_SIZE;
  const bssStart = alignUp(start + Number(p_filesz));
  if (bssStart > lastPage || (bssStart <= low48(end) && low48(end) >= lastPage)) {
    throw new LoadError("address-overflow", { index, field: "p_vaddr + p_memsz", value: end });
  }
  return start;
};

/**
 * v0.11 of the original: every address and sum is canonical, and a walk over pages cannot pass the end of the lower
 * half.
 */
const canonicalSteps: AddressRule = (phdr, offset) => {
  const { index, p_offset, p_filesz, p_memsz } = phdr;
  const what = addressField(offset);
  const virt = checkedAddress(phdr.p_vaddr + offset, what, { addresses: "canonical-steps" }, index);
  const start = low48(virt);
  const refuse = (field: string, size: bigint): never => {
    throw new LoadError("address-not-canonical", { index, field: `${what} + ${field}`, value: virt + size });
  };
  const half = start < LOW48_HIGHER_HALF ? LOW48_HIGHER_HALF : LOW48_END;
  if (pageStart(start) + filePages(p_offset, p_filesz) > half) refuse("p_filesz", p_filesz);
  if (p_memsz > p_filesz) {
    if (!isCanonical(virt + p_filesz)) refuse("p_filesz", p_filesz);
    if (!isCanonical(virt + p_memsz)) refuse("p_memsz", p_memsz);
    if (alignUp(start + Number(p_filesz)) >= half) refuse("p_filesz", p_filesz);
  }
  if (p_memsz > 0n) {
    const last = virt + p_memsz - 1n;
    if (!isCanonical(last)) refuse("p_memsz - 1", p_memsz - 1n);
    const lastPageOfLowerHalf = LOW48_HIGHER_HALF - PAGE_SIZE;
    if (start < LOW48_HIGHER_HALF && low48(last) >= lastPageOfLowerHalf) refuse("p_memsz - 1", p_memsz - 1n);
  }
  return start;
};

/** The address rules, by their names in a rule set. */
export const ADDRESS_RULES: { readonly [K in Rules["addresses"]]: AddressRule } = {
  "one-half": inOneHalf,
  "sign-extended": signExtended,
  "canonical-steps": canonicalSteps,
};

/** Size of the pages that the originals map for a file part; one page for an empty part inside a page. */
function filePages(p_offset: bigint, p_filesz: bigint): number {
  return alignUp(Number(p_offset % BigInt(PAGE_SIZE)) + Number(p_filesz));
}
