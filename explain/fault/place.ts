/**
 * Finds out where an address lies, and says it in words.
 *
 * @module
 */

import { PT_LOAD, segmentTypeName } from "../../core/elf/constants.ts";
import { flagLetters } from "../../core/elf/permission_letters.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { hexAddr, hexRange } from "../../core/hex.ts";
import { isCanonical, PAGE_SIZE } from "../../core/memory/addresses.ts";
import { type ExplainedKernel, tablesOf } from "../explained.ts";
import type { KernelSymbols } from "../symbols/kernel_symbols.ts";
import { linkedAddress } from "../symbols/linked_address.ts";
import { walkTables } from "../tables/walk_tables.ts";
import type { Place } from "./fault_explanation.ts";
import type { StartedKernel } from "./stopped_guest.ts";
import { count } from "../wording.ts";

/** How close to a range an address must be for its distance to be mentioned, in bytes. */
const NEAR = 1n << 30n;

/** How far below the stack an address is said to be there, in bytes: large arrays reach over the guard page. */
const BELOW_STACK = 1n << 20n;

/**
 * Finds out where an address lies.
 *
 * @param address The address, of 64 bits.
 * @param started The kernel, and what was added to it.
 * @param symbols The names in the kernel's file, if they are known.
 * @returns Where it lies.
 */
export function placeOf(address: bigint, started: StartedKernel, symbols?: KernelSymbols): Place {
  const { kernel } = started;
  const header = headerAt(address, kernel);
  const linked = linkedAddress(kernel, address);
  const section = header && symbols?.sectionAt(linked);
  const found = header && symbols?.symbolAt(linked);
  const isInside = found !== undefined && (found.symbol.size === 0n || BigInt(found.offset) < found.symbol.size);
  return {
    address,
    ...(header
      ? {
        segment: {
          index: header.index,
          type: segmentTypeName(header.p_type),
          flags: flagLetters(header.p_flags),
          offset: BigInt.asUintN(64, address - header.p_vaddr - kernel.virtualAddressOffset),
        },
      }
      : {}),
    ...(section ? { section: { name: section.name, offset: Number(linked - section.address) } } : {}),
    ...(isInside ? { symbol: { name: found.symbol.name, offset: found.offset, size: found.symbol.size } } : {}),
    description: describeAddress(address, started),
  };
}

/**
 * Finds the `PT_LOAD` header whose memory contains an address.
 *
 * @param address The address.
 * @param kernel The kernel.
 * @returns The header, or `undefined` if no segment contains the address.
 */
export function headerAt(address: bigint, kernel: ExplainedKernel): ProgramHeader | undefined {
  return ranges(kernel).find(({ start, end }) => address >= start && address < end)?.phdr;
}

/**
 * The name of a header in a report.
 *
 * @param phdr A header whose segment takes memory.
 * @param kernel Its kernel.
 * @returns Such as "program header 0 (LOAD R-X 0xffffffff80000000..0xffffffff80000c2d)".
 */
export function headerName(
  { index, p_type, p_flags, p_vaddr, p_memsz }: ProgramHeader,
  { virtualAddressOffset }: ExplainedKernel,
): string {
  const range = hexRange(p_vaddr + virtualAddressOffset, p_memsz);
  return `program header ${index} (${segmentTypeName(p_type)} ${flagLetters(p_flags)} ${range})`;
}

/**
 * Says where an address lies.
 *
 * @param address The address.
 * @param started The kernel, and what was added to it.
 * @returns Such as "in program header 0 (LOAD R-X …)" or "16 bytes after the end of program header 2 (LOAD RW- …)".
 */
export function describeAddress(address: bigint, started: StartedKernel): string {
  if (!isCanonical(address)) return "which is not canonical";
  const phdr = headerAt(address, started.kernel);
  if (phdr) return `in ${headerName(phdr, started.kernel)}`;
  return describePart(address, started) ?? `in no segment${nearest(address, started)}`;
}

function describePart(address: bigint, started: StartedKernel): string | undefined {
  const { stack, info, entry, ramdisk, framebuffer, directMap, identityMap } = started;
  const within = (start: bigint, size: bigint | number): boolean => address >= start && address < start + BigInt(size);
  if (stack) {
    const { bottom, top, guardPage } = stack;
    const range = hexRange(bottom, top - bottom);
    if (within(bottom, top - bottom)) return "in the kernel's stack";
    if (within(top, PAGE_SIZE)) return `above the kernel's stack (${range})`;
    if (guardPage !== undefined && within(guardPage, bottom - guardPage)) {
      return `in the guard page below the kernel's stack (${range})`;
    }
  }
  if (info && within(info.address, info.size)) return "in the boot information";
  if (entry && within(BigInt(entry.page), PAGE_SIZE)) return "in the context-switch page";
  if (ramdisk && within(ramdisk.virt, ramdisk.size)) return "in the ramdisk";
  if (framebuffer && within(framebuffer.virt, framebuffer.size)) return "in the framebuffer";
  if (directMap && within(directMap.offset, directMap.size)) {
    return `in the direct map, at physical ${hexAddr(address - directMap.offset)}`;
  }
  if (identityMap && within(0n, identityMap.size)) return "in the identity map";
  return undefined;
}

/**
 * Whether an address is in the guard page below the kernel's stack, or in what is not mapped below that.
 *
 * @param address The address.
 * @param started The kernel, and what was added to it.
 * @returns True if it is at most 1 MiB below the stack, and nothing was mapped in between when the kernel was entered.
 */
export function isBelowStack(address: bigint, { kernel, stack }: StartedKernel): boolean {
  if (stack?.guardPage === undefined || !isCanonical(address)) return false;
  if (address >= stack.bottom || address < stack.bottom - BELOW_STACK) return false;
  const tables = tablesOf(kernel);
  for (let page = stack.guardPage; page + BigInt(PAGE_SIZE) > address; page -= BigInt(PAGE_SIZE)) {
    if (!isCanonical(page) || walkTables(tables, page).end.kind !== "absent") return false;
  }
  return true;
}

function nearest(address: bigint, started: StartedKernel): string {
  const { kernel, stack } = started;
  const misses = ranges(kernel).map(({ phdr, start, end }) => {
    return address < start
      ? { phdr, by: start - address, side: "below" }
      : { phdr, by: address - end, side: "after the end of" };
  });
  const [miss] = misses.toSorted((a, b) => a.by < b.by ? -1 : 1);
  if (stack && isBelowStack(address, started) && !(miss && miss.by < stack.bottom - address)) {
    const range = hexRange(stack.bottom, stack.top - stack.bottom);
    return `, ${count(stack.bottom - address, "byte")} below the kernel's stack (${range})`;
  }
  if (!miss || miss.by >= NEAR) return "";
  const distance = miss.by === 0n ? "right" : count(miss.by, "byte");
  return `, ${distance} ${miss.side} ${headerName(miss.phdr, kernel)}`;
}

function ranges({ programHeaders, virtualAddressOffset }: ExplainedKernel) {
  return programHeaders.filter(({ p_type, p_memsz }) => p_type === PT_LOAD && p_memsz > 0n).map((phdr) => {
    const start = BigInt.asUintN(64, phdr.p_vaddr + virtualAddressOffset);
    return { phdr, start, end: start + phdr.p_memsz };
  });
}
