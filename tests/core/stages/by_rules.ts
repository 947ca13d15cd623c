/** The same file under the default rules and under those of the original, and what came of it. */

import { assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import { type ErrorCode, type LoadedKernel, LoadError, loadKernel, type LoadOptions } from "../../../mod.ts";
import { WRITABLE } from "../../../core/paging/mod.ts";
import { buildElf, type ElfSpec, fileByte, type SegmentSpec } from "../../elf_builder.ts";

/** Physical address of the file's first byte in {@linkcode LAYOUT}. */
export const KERNEL_OFFSET = 0x1000_1000;

/** The layout of memory that the original's answers have. */
export const LAYOUT = {
  memory: { base: 0x1000_0000, size: 2 ** 26 },
  kernelOffset: KERNEL_OFFSET,
  level4Frame: 0x1000_0000,
} as const;

const ORIGINAL: LoadOptions = { rules: "bootloader-0.10", ...LAYOUT };

/** Loads a file under the default rules. */
export const loadDefault = (spec: ElfSpec | Uint8Array): Promise<LoadedKernel> =>
  loadKernel(spec instanceof Uint8Array ? spec : buildElf(spec));

/** Loads a file under the rules of v0.10 of the original. */
export const loadOriginal = (spec: ElfSpec | Uint8Array): Promise<LoadedKernel> =>
  loadKernel(spec instanceof Uint8Array ? spec : buildElf(spec), ORIGINAL);

/** A well-formed text segment; a file that ends after its last segment suits the original too. */
export const TEXT: SegmentSpec = { offset: 0x1000, p_vaddr: 0x40_0000n, filesz: 0x200 };
/** A length for files with such segments. */
export const END = 0x8000;

/** Asserts that a load is refused with this code, and a detail with these parts. */
export async function assertRefused(load: Promise<LoadedKernel>, code: ErrorCode, detail: object = {}): Promise<void> {
  const error = await assertRejects(() => load, LoadError);
  assertEquals(error.code, code, error.message);
  assertObjectMatch(error.detail as object as Record<string, unknown>, detail as Record<string, unknown>);
}

/** Pages as "address RWX". */
export function pages(kernel: LoadedKernel): string[] {
  return [...kernel.pageTable.leaves()].map(({ virt, flags }) => {
    const executable = (flags >> 63n) === 0n;
    return `0x${virt.toString(16)} R${flags & WRITABLE ? "W" : "-"}${executable ? "X" : "-"}`;
  });
}

/** The bytes that the builder puts at a file offset. */
export function fileBytes(offset: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => fileByte(offset + at));
}

/** The codes of a kernel's diagnostics. */
export function codes(kernel: LoadedKernel): string[] {
  return kernel.diagnostics.map(({ code }) => code);
}
