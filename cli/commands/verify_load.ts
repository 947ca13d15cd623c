/**
 * Checks whether a kernel was loaded as its file asks. The rules of the original loaders accept some files that they
 * load incorrectly, as the originals do.
 *
 * @module
 */

import type { FileHeader } from "../../mod.ts";
import { ELFCLASS64, ELFDATA2LSB, EM_X86_64, ET_EXEC, PF_W, PF_X, PT_LOAD } from "../../core/elf/constants.ts";
import { alignUp, isCanonical, low48, PAGE_SIZE, pageStart } from "../../core/memory/addresses.ts";
import type { Kernel } from "../report/kernel.ts";

/** The most bytes of memory that are compared, and the most bytes of the file that are kept for that. */
export const VERIFIED_MAX: number = 256 * 2 ** 20;

/** How long to work before yielding to the event loop, in milliseconds. */
const TURN = 20;

/** What a `PT_LOAD` header asks for, with the low 48 bits of its addresses. */
interface Load {
  readonly start: number;
  readonly end: number;
  /** The bytes in the file; the rest of the segment is zero. */
  readonly bytes: Uint8Array;
  readonly writable: boolean;
  readonly executable: boolean;
}

/** A page as it is mapped. */
interface Page {
  readonly phys: number;
  readonly writable: boolean;
  readonly executable: boolean;
}

/**
 * Compares a loaded kernel with its file. The file must be an x86-64 executable with fixed addresses. Read through the
 * page tables, each segment must have the file's bytes, followed by zeros. Each page must have exactly the permissions
 * that its headers ask for together, and the entry point must lie in an executable page.
 *
 * @param kernel The kernel.
 * @param file The first bytes of the file, as many as were kept.
 * @param signal Ends the work with its reason.
 * @returns False if anything differs, or if there are more than {@linkcode VERIFIED_MAX} bytes to compare.
 */
export async function isLoadedAsAsked(kernel: Kernel, file: Uint8Array, signal: AbortSignal): Promise<boolean> {
  const loads = isFixedForUs(kernel.fileHeader) ? loadsOf(kernel, file) : undefined;
  const pages = loads && mappedPages(kernel);
  if (!loads || !pages) return false;
  if (!isCanonical(kernel.entryPoint) || !pages.get(pageStart(low48(kernel.entryPoint)))?.executable) return false;
  const wanted = permissionsOf(loads);
  let last = performance.now();
  for (const load of loads) {
    for (let low = pageStart(load.start); low < load.end; low += PAGE_SIZE) {
      const page = pages.get(low);
      const { writable, executable } = wanted.get(low)!;
      if (page?.writable !== writable || page.executable !== executable) return false;
      if (!holdsBytes(kernel, page, low, load)) return false;
      if (performance.now() - last < TURN) continue;
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
      last = performance.now();
    }
  }
  return true;
}

function isFixedForUs({ EI_CLASS, EI_DATA, e_machine, e_type }: FileHeader): boolean {
  return EI_CLASS === ELFCLASS64 && EI_DATA === ELFDATA2LSB && e_machine === EM_X86_64 && e_type === ET_EXEC;
}

/** What memory should hold; `undefined` if that is impossible or too much to compare. */
function loadsOf({ programHeaders }: Kernel, file: Uint8Array): readonly Load[] | undefined {
  const loads: Load[] = [];
  let left = BigInt(VERIFIED_MAX);
  for (const { p_type, p_vaddr, p_memsz, p_filesz, p_offset, p_flags } of programHeaders) {
    if (p_type !== PT_LOAD || p_memsz === 0n) continue;
    left -= p_memsz;
    const last = p_vaddr + p_memsz - 1n;
    const isWhole = p_filesz <= p_memsz && (p_filesz === 0n || p_offset + p_filesz <= BigInt(file.length));
    if (left < 0n || !isWhole) return undefined;
    if (!isCanonical(p_vaddr) || !isCanonical(last) || p_vaddr >> 63n !== last >> 63n) return undefined;
    loads.push({
      start: low48(p_vaddr),
      end: low48(p_vaddr) + Number(p_memsz),
      bytes: p_filesz === 0n ? new Uint8Array() : file.subarray(Number(p_offset), Number(p_offset + p_filesz)),
      writable: (p_flags & PF_W) !== 0,
      executable: (p_flags & PF_X) !== 0,
    });
  }
  return loads;
}

/** Every 4 KiB page, by the low 48 bits of its address; `undefined` if there are too many. */
function mappedPages(kernel: Kernel): ReadonlyMap<number, Page> | undefined {
  const pages = new Map<number, Page>();
  for (const { virt, phys, size, writable, executable } of kernel.mappings()) {
    if (pages.size * PAGE_SIZE + size > 2 * VERIFIED_MAX) return undefined;
    for (let at = 0; at < size; at += PAGE_SIZE) pages.set(low48(virt) + at, { phys: phys + at, writable, executable });
  }
  return pages;
}

/** The permissions that each page should have; a shared page has those of all its segments. */
function permissionsOf(loads: readonly Load[]): ReadonlyMap<number, Pick<Page, "writable" | "executable">> {
  const pages = new Map<number, Pick<Page, "writable" | "executable">>();
  for (const { start, end, writable, executable } of loads) {
    for (let low = pageStart(start); low < alignUp(end); low += PAGE_SIZE) {
      const others = pages.get(low) ?? { writable: false, executable: false };
      pages.set(low, {
        writable: writable || others.writable,
        executable: executable || others.executable,
      });
    }
  }
  return pages;
}

/** Whether a page holds its part of a segment. */
function holdsBytes({ memory }: Kernel, { phys }: Page, low: number, { start, end, bytes }: Load): boolean {
  const from = Math.max(low, start);
  const to = Math.min(low + PAGE_SIZE, end);
  if (phys < memory.base || phys + PAGE_SIZE > memory.base + memory.size) return false;
  return memory.bytes(phys + from - low, to - from).every((byte, at) => byte === (bytes[from - start + at] ?? 0));
}
