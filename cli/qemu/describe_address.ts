/**
 * Describes in words where an address lies.
 *
 * @module
 */

import { PT_LOAD } from "../../core/elf/constants.ts";
import { segmentTypeName } from "../../core/elf/constants.ts";
import { isCanonical, PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { ProgramHeader } from "../../mod.ts";
import { count, hex, hexRange } from "../output/text.ts";
import type { Bootable } from "../report/bootable.ts";
import { flagLetters } from "../report/permission_letters.ts";
import type { Kernel } from "../report/kernel.ts";

/** How close to a range an address must be for the report to mention the distance, in bytes. */
const NEAR = 1n << 30n;

/** How far below the stack an address is said to be there, in bytes: large arrays reach over the guard page. */
const BELOW_STACK = 1n << 20n;

/**
 * Finds the `PT_LOAD` header whose memory contains an address.
 *
 * @param address The address.
 * @param kernel The kernel.
 * @returns The header, or `undefined` if no segment contains the address.
 */
export function headerAt(address: bigint, kernel: Kernel): ProgramHeader | undefined {
  return ranges(kernel).find(({ start, end }) => address >= start && address < end)?.phdr;
}

/**
 * The name of a header in a report.
 *
 * @param phdr A header whose segment takes memory.
 * @param kernel Its kernel.
 * @returns Such as "program header 0 (LOAD R-X 0xffffffff80000000..0xffffffff80000c2d)".
 */
export function headerName({ index, p_type, p_flags, p_vaddr, p_memsz }: ProgramHeader, kernel: Kernel): string {
  const range = hexRange(p_vaddr + kernel.virtualAddressOffset, p_memsz);
  return `program header ${index} (${segmentTypeName(p_type)} ${flagLetters(p_flags)} ${range})`;
}

/**
 * Describes where an address lies.
 *
 * @param address The address.
 * @param bootable The kernel, and what was added to it.
 * @returns Such as "in program header 0 (LOAD R-X …)" or "16 bytes after the end of program header 2 (LOAD RW- …)".
 */
export function describeAddress(address: bigint, bootable: Bootable): string {
  if (!isCanonical(address)) return "which is not canonical";
  const phdr = headerAt(address, bootable.kernel);
  if (phdr) return `in ${headerName(phdr, bootable.kernel)}`;
  return describePart(address, bootable) ?? `in no segment${nearest(address, bootable)}`;
}

function describePart(address: bigint, bootable: Bootable): string | undefined {
  const { stack: { bottom, top, guardPage }, info, entry, ramdisk, framebuffer, directMap, identityMap } = bootable;
  const within = (start: bigint, size: bigint | number): boolean => address >= start && address < start + BigInt(size);
  const stackRange = hexRange(bottom, top - bottom);
  if (within(bottom, top - bottom)) return "in the kernel's stack";
  if (within(top, PAGE_SIZE)) return `above the kernel's stack (${stackRange})`;
  if (guardPage !== undefined && within(guardPage, bottom - guardPage)) {
    return `in the guard page below the kernel's stack (${stackRange})`;
  }
  if (within(info.address, info.size)) return "in the boot information";
  if (within(BigInt(entry.page), PAGE_SIZE)) return "in the context-switch page";
  if (ramdisk && within(ramdisk.virt, ramdisk.size)) return "in the ramdisk";
  if (framebuffer && within(framebuffer.virt, framebuffer.size)) return "in the framebuffer";
  if (directMap && within(directMap.offset, directMap.size)) {
    return `in the direct map, at physical ${hex(address - directMap.offset)}`;
  }
  if (identityMap && within(0n, identityMap.size)) return "in the identity map";
  return undefined;
}

/**
 * Whether an address is in the guard page below the kernel's stack, or in what is not mapped below that.
 *
 * @param address The address.
 * @param bootable The kernel, and what was added to it.
 * @returns True if it is at most 1 MiB below the stack, and nothing was mapped in between when the kernel was entered.
 */
export function isBelowStack(
  address: bigint,
  { kernel: { pageTable }, stack: { bottom, guardPage } }: Bootable,
): boolean {
  if (guardPage === undefined || !isCanonical(address) || address >= bottom || address < bottom - BELOW_STACK) {
    return false;
  }
  for (let page = guardPage; page + BigInt(PAGE_SIZE) > address; page -= BigInt(PAGE_SIZE)) {
    if (!isCanonical(page) || pageTable.translate(page).mapped) return false;
  }
  return true;
}

function nearest(address: bigint, bootable: Bootable): string {
  const { kernel, stack: { bottom, top } } = bootable;
  const misses = ranges(kernel).map(({ phdr, start, end }) => {
    return address < start
      ? { phdr, by: start - address, side: "below" }
      : { phdr, by: address - end, side: "after the end of" };
  });
  const [miss] = misses.toSorted((a, b) => a.by < b.by ? -1 : 1);
  if (isBelowStack(address, bootable) && !(miss && miss.by < bottom - address)) {
    return `, ${count(bottom - address, "byte")} below the kernel's stack (${hexRange(bottom, top - bottom)})`;
  }
  if (!miss || miss.by >= NEAR) return "";
  const distance = miss.by === 0n ? "right" : count(miss.by, "byte");
  return `, ${distance} ${miss.side} ${headerName(miss.phdr, kernel)}`;
}

function ranges({ programHeaders, virtualAddressOffset }: Kernel) {
  return programHeaders.filter(({ p_type, p_memsz }) => p_type === PT_LOAD && p_memsz > 0n).map((phdr) => {
    const start = BigInt.asUintN(64, phdr.p_vaddr + virtualAddressOffset);
    return { phdr, start, end: start + phdr.p_memsz };
  });
}
