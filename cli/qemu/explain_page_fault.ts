/**
 * Explains a page fault from its error code and the page tables that the kernel was started with.
 *
 * @module
 */

import { PF_W, PF_X, PT_GNU_RELRO } from "../../core/elf/constants.ts";
import { isCanonical } from "../../core/memory/addresses.ts";
import { NO_EXECUTE, PRESENT, USER_ACCESSIBLE, WRITABLE } from "../../core/paging/entry.ts";
import type { ProgramHeader } from "../../mod.ts";
import { hex } from "../output/text.ts";
import type { Bootable } from "../report/bootable.ts";
import type { Kernel } from "../report/kernel.ts";
import { describeAddress, headerAt, headerName, isBelowStack } from "./describe_address.ts";
import type { Fact } from "./fact.ts";
import type { Registers } from "./registers.ts";

// Intel SDM vol. 3, "Page-Fault Error Code"
const PF_PRESENT = 1 << 0;
const PF_WRITE = 1 << 1;
const PF_USER = 1 << 2;
const PF_RESERVED = 1 << 3;
const PF_FETCH = 1 << 4;
const PF_KEY = 1 << 5;

/** The bits of an address that choose a page or a frame. */
const PAGE = ~0xfffn;

/**
 * Explains what was accessed and why that failed.
 *
 * @param error The error code.
 * @param registers The registers: CR2 is the address, and CR3 shows whose page tables were in use.
 * @param bootable The kernel, and what was added to it.
 * @returns The access and its cause.
 */
export function explainPageFault(error: number, registers: Registers, bootable: Bootable): readonly Fact[] {
  const { kernel } = bootable;
  const address = registers.get("CR2") ?? 0n;
  const rsp = registers.get("RSP") ?? 0n;
  const kind = error & PF_FETCH ? "instruction fetch" : error & PF_WRITE ? "write to" : "read from";
  const access = error & PF_FETCH ? kind : `${kind} ${hex(address)}, ${describeAddress(address, bootable)}`;
  // A push at the lowest byte of the stack writes below it.
  const isOverflow = isBelowStack(address, bootable) && isBelowStack(rsp - 8n, bootable);
  const remark = isOverflow
    ? `; RSP is ${hex(rsp)}: the stack overflowed`
    : hasReturned(error, registers, bootable)
    ? `; RSP is ${hex(rsp)}, the top of the kernel's stack: the entry function returned`
    : "";
  const cr3 = registers.get("CR3") ?? 0n;
  if (!usesTables(registers, kernel)) {
    const own = `the guest's own (CR3 is ${hex(cr3)}), not those it was started with`;
    return [["access", access + remark], ["cause", causeByCode(error)], ["page tables", own]];
  }
  const advice = identityAdvice(address, error, bootable);
  return [["access", access + remark], ["cause", causeOf(address, error, kernel)], ...advice];
}

/** Video memory and firmware: what kernels write to at physical addresses, such as the VGA text buffer at 0xb8000. */
const [DEVICES, DEVICES_END] = [0xa_0000n, 0x10_0000n];

/** What to do about an access to a physical address that is only mapped on request. */
function identityAdvice(address: bigint, error: number, { kernel, identityMap }: Bootable): readonly Fact[] {
  if (identityMap || (error & (PF_FETCH | PF_PRESENT)) !== 0 || kernel.pageTable.translate(address).mapped) return [];
  if (address < DEVICES || address >= DEVICES_END) return [];
  return [[
    "hint",
    `if physical ${hex(address)} is meant, run it with --identity: physical memory is not mapped otherwise`,
  ]];
}

/**
 * Whether a guest uses the level-4 table that it was started with.
 *
 * @param registers Its registers.
 * @param kernel The kernel.
 * @returns True if CR3 points to it; its entries may have changed.
 */
export function usesTables(registers: Registers, { level4Frame }: Kernel): boolean {
  return ((registers.get("CR3") ?? 0n) & PAGE) === BigInt(level4Frame);
}

/** Whether RET took what the kernel was entered with: RSP 8 bytes below the stack's top, and a 0 there. */
function hasReturned(error: number, registers: Registers, { kernel, stack: { top } }: Bootable): boolean {
  const isFetch = (error & PF_FETCH) !== 0;
  return isFetch && registers.get("RIP") === 0n && registers.get("RSP") === BigInt.asUintN(64, top) &&
    kernel.read(top - 8n, 8).every((byte) => byte === 0);
}

/** The cause as far as the error code alone shows it. */
function causeByCode(error: number): string {
  if (error & PF_RESERVED) return "a page-table entry in the walk has reserved bits set";
  if (!(error & PF_PRESENT)) return "the page is not mapped";
  if (error & PF_KEY) return "the page is mapped, but its protection key forbids the access";
  const access = error & PF_FETCH ? "the fetch" : error & PF_WRITE ? "the write" : "the read";
  return `the page is mapped, but does not permit ${access}${error & PF_USER ? " in user mode" : ""}`;
}

function causeOf(address: bigint, error: number, kernel: Kernel): string {
  if ((error & (PF_RESERVED | PF_KEY)) !== 0 || !isCanonical(address)) return causeByCode(error);
  const found = kernel.pageTable.translate(address);
  const changed = "the guest has changed its page tables";
  if (!(error & PF_PRESENT)) {
    return found.mapped
      ? `the page is no longer mapped: ${changed}`
      : `the page is not mapped: the walk ends at level ${found.level}`;
  }
  if (!found.mapped) return `${causeByCode(error)}: ${changed}`;
  const permissions = permissionsAt(address, kernel);
  if (error & PF_FETCH && !permissions.executable) {
    return `the page is mapped, but not executable${whyNotExecutable(address, kernel)}`;
  }
  if (error & PF_WRITE && !permissions.writable) {
    return `the page is mapped, but not writable${whyNotWritable(address, kernel)}`;
  }
  if (error & PF_USER && !permissions.user) return "the page is mapped, but not for user mode";
  return `${causeByCode(error)}: ${changed}`;
}

/** The permissions that all levels grant together. */
function permissionsAt(address: bigint, { pageTable }: Kernel) {
  const entries = pageTable.walk(address).map(({ entry }) => entry);
  const all = (flag: bigint): boolean => entries.every((entry) => (entry & (flag | PRESENT)) === (flag | PRESENT));
  return {
    writable: all(WRITABLE),
    user: all(USER_ACCESSIBLE),
    executable: entries.every((entry) => (entry & NO_EXECUTE) === 0n),
  };
}

function whyNotExecutable(address: bigint, kernel: Kernel): string {
  const phdr = headerAt(address, kernel);
  return phdr && (phdr.p_flags & PF_X) === 0 ? `: program header ${phdr.index} does not set PF_X` : "";
}

/** The header that lacks PF_W, or the RELRO header that took the permission away after relocation. */
function whyNotWritable(address: bigint, kernel: Kernel): string {
  const phdr = headerAt(address, kernel);
  if (!phdr) return "";
  if ((phdr.p_flags & PF_W) === 0) return `: program header ${phdr.index} does not set PF_W`;
  const seal = kernel.programHeaders.find((other) => seals(other, address, kernel));
  const { relro } = kernel.results as { readonly relro?: unknown };
  return seal && relro ? `: ${headerName(seal, kernel)} made it read-only after relocation` : "";
}

function seals({ p_type, p_vaddr, p_memsz }: ProgramHeader, address: bigint, kernel: Kernel): boolean {
  if (p_type !== PT_GNU_RELRO || p_memsz === 0n) return false;
  const start = BigInt.asUintN(64, p_vaddr + kernel.virtualAddressOffset);
  return address >= (start & PAGE) && address < ((start + p_memsz + ~PAGE) & PAGE);
}
