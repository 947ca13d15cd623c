/**
 * Where a kernel is entered with paging off: protocols that enter 32-bit code need the physical address.
 *
 * @module
 */

import { PT_LOAD } from "../core/elf/constants.ts";
import type { ElfModel } from "../core/file/file_model.ts";
import { hexAddr } from "../core/hex.ts";

/**
 * The physical address of an ELF file's entry.
 *
 * @param elf The file's headers.
 * @returns The address, through the first `PT_LOAD` that holds `e_entry`; `undefined` if none does.
 */
export function physicalEntry({ fileHeader: { e_entry }, programHeaders }: ElfModel): bigint | undefined {
  const segment = programHeaders.find(({ p_type, p_vaddr, p_memsz }) =>
    p_type === PT_LOAD && p_vaddr <= e_entry && e_entry - p_vaddr < p_memsz
  );
  return segment && e_entry - segment.p_vaddr + segment.p_paddr;
}

/**
 * Says where a kernel is entered, and that it is entered as 32-bit code if its file is for 64-bit code.
 *
 * @param elf The file's headers, if it is an ELF file.
 * @param fixed The physical address that the protocol's own header asks for, if it does.
 * @returns A clause such as "its entry at 0x100040 is 32-bit code"; `undefined` if there is no entry.
 */
export function describeEntry(elf: ElfModel | undefined, fixed: number | undefined): string | undefined {
  if (!elf && fixed === undefined) return undefined;
  const address = entryAddress(elf, fixed);
  return elf?.wide ? `its entry at ${address} is 32-bit code` : `entry ${address}`;
}

function entryAddress(elf: ElfModel | undefined, fixed: number | undefined): string {
  if (fixed !== undefined || !elf) return hexAddr(fixed ?? 0);
  const { e_entry } = elf.fileHeader;
  const physical = physicalEntry(elf);
  return physical === undefined || physical === e_entry
    ? hexAddr(e_entry)
    : `${hexAddr(e_entry)} (physical ${hexAddr(physical)})`;
}
