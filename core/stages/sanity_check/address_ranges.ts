/**
 * Where a segment comes to lie, by the address rules of each rule set.
 *
 * @module
 */

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

/** A way to check a `PT_LOAD` header's addresses: gives the low 48 bits of its first one. */
type AddressRule = (phdr: ProgramHeader, offset: bigint) => number;

/** The whole range lies in one canonical half. */
const inOneHalf: AddressRule = (phdr, offset) => {
  const { index, p_memsz } = phdr;
  const start = place(phdr, offset);
  const end = start + p_memsz;
  const field = fieldOf(offset);
  if (end > 1n << 64n) throw new LoadError("address-overflow", { index, field: `${field} + p_memsz`, value: end });
  const last = end - 1n;
  if (!isCanonical(last) || last >> 63n !== start >> 63n) {
    throw new LoadError("address-not-canonical", { index, field: `${field} + p_memsz - 1`, value: last });
  }
  return low48(start);
};

/** v0.10 of the original: the range may cross the hole, but a bss cannot reach the last page of the address space. */
const signExtended: AddressRule = ({ index, p_vaddr, p_offset, p_filesz, p_memsz }, offset) => {
  const virt = signExtendBit47(p_vaddr + offset, fieldOf(offset), index);
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

/** v0.11 of the original: every address and sum is canonical, and no walk over pages meets the last one of the lower half. */
const canonicalSteps: AddressRule = (phdr, offset) => {
  const { index, p_offset, p_filesz, p_memsz } = phdr;
  const virt = place(phdr, offset);
  const start = low48(virt);
  const refuse = (field: string, size: bigint): never => {
    throw new LoadError("address-not-canonical", { index, field: `${fieldOf(offset)} + ${field}`, value: virt + size });
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

/** The first address, which has to be canonical. */
function place({ index, p_vaddr }: ProgramHeader, offset: bigint): bigint {
  const value = p_vaddr + offset;
  const field = fieldOf(offset);
  if (value < 0n || value >= 1n << 64n) throw new LoadError("address-overflow", { index, field, value });
  if (!isCanonical(value)) throw new LoadError("address-not-canonical", { index, field, value });
  return value;
}

function fieldOf(offset: bigint): string {
  return offset === 0n ? "p_vaddr" : "p_vaddr + virtualAddressOffset";
}

/** Bytes of the pages that the originals map for a file part: one page for an empty one inside a page. */
function filePages(p_offset: bigint, p_filesz: bigint): number {
  return alignUp(Number(p_offset % BigInt(PAGE_SIZE)) + Number(p_filesz));
}
