/**
 * Where an address lies in a kernel: in words.
 *
 * @module
 */

import { type ProgramHeader, segmentTypeName } from "../../mod.ts";
import { PT_LOAD } from "../../core/elf/constants.ts";
import { flagLetters } from "../report/header_names.ts";
import { count, hexRange } from "../output/text.ts";
import type { BootedKernel } from "../commands/with_bootable.ts";

/** How far from a range an address is said to miss it, in bytes. */
const NEAR = 1n << 30n;

/**
 * Whether an address can be one at all.
 *
 * @param address 64 bits.
 * @returns True where bits 47 to 63 are equal.
 */
export function isCanonical(address: bigint): boolean {
  return BigInt.asUintN(64, BigInt.asIntN(48, address)) === address;
}

/**
 * The program header whose memory an address lies in.
 *
 * @param address The address.
 * @param kernel The kernel.
 * @returns The header, where there is one.
 */
export function headerAt(address: bigint, kernel: BootedKernel): ProgramHeader | undefined {
  return ranges(kernel).find(({ start, end }) => address >= start && address < end)?.phdr;
}

/**
 * What a header is called.
 *
 * @param phdr A header that asks for memory.
 * @param kernel Its kernel.
 * @returns Such as "program header 0 (LOAD R-X 0xffffffff80000000..0xffffffff80000c2d)".
 */
export function headerName({ index, p_type, p_flags, p_vaddr, p_memsz }: ProgramHeader, kernel: BootedKernel): string {
  const start = BigInt.asUintN(64, p_vaddr + kernel.virtualAddressOffset);
  return `program header ${index} (${segmentTypeName(p_type)} ${flagLetters(p_flags)} ${hexRange(start, p_memsz)})`;
}

/**
 * Says where an address lies.
 *
 * @param address The address.
 * @param kernel The kernel.
 * @returns Such as "in program header 0 (LOAD R-X …)" or "16 bytes behind the end of program header 2 (LOAD RW- …)".
 */
export function placeOf(address: bigint, kernel: BootedKernel): string {
  if (!isCanonical(address)) return "no canonical address";
  const phdr = headerAt(address, kernel);
  if (phdr) return `in ${headerName(phdr, kernel)}`;
  return placeInBootRegions(address, kernel) ?? `in no program header${nearest(address, kernel)}`;
}

function placeInBootRegions(address: bigint, { results }: BootedKernel): string | undefined {
  const { bottom, top, guardPage } = results["kernel-stack"].kernelStack;
  const { bootInfo } = results["boot-info"];
  const { page } = results["context-switch"].contextSwitch;
  const within = (start: bigint, size: bigint): boolean => address >= start && address < start + size;
  if (within(bottom, top - bottom)) return "in the kernel's stack";
  if (within(top, 4096n)) return `above the kernel's stack (${hexRange(bottom, top - bottom)})`;
  if (guardPage !== undefined && within(guardPage, bottom - guardPage)) {
    return `in the guard page below the kernel's stack (${hexRange(bottom, top - bottom)}): it overflowed`;
  }
  if (within(bootInfo.address, BigInt(bootInfo.size))) return "in the boot information";
  if (within(BigInt(page), 4096n)) return "in the page that leads into the kernel";
  return undefined;
}

function nearest(address: bigint, kernel: BootedKernel): string {
  const misses = ranges(kernel).map(({ phdr, start, end }) => {
    return address < start
      ? { phdr, by: start - address, side: "below" }
      : { phdr, by: address - end, side: "behind the end of" };
  });
  const [miss] = misses.toSorted((a, b) => a.by < b.by ? -1 : 1);
  if (!miss || miss.by >= NEAR) return "";
  const distance = miss.by === 0n ? "right" : count(miss.by, "byte");
  return `, ${distance} ${miss.side} ${headerName(miss.phdr, kernel)}`;
}

function ranges({ programHeaders, virtualAddressOffset }: BootedKernel) {
  return programHeaders.filter(({ p_type, p_memsz }) => p_type === PT_LOAD && p_memsz > 0n).map((phdr) => {
    const start = BigInt.asUintN(64, phdr.p_vaddr + virtualAddressOffset);
    return { phdr, start, end: start + phdr.p_memsz };
  });
}
