/**
 * Checks for the options that functions on a loaded kernel have in common.
 *
 * @module
 */

import { isCanonical, low48, LOW48_HIGHER_HALF, PAGE_SIZE, PHYSICAL_END } from "../../core/memory/addresses.ts";
import type { PhysicalMemory } from "../../core/memory/physical_memory.ts";
import { PAGE_SIZES, type PageSize } from "../../core/paging/entry.ts";
import type { LoadedKernel } from "../../core/loaded_kernel.ts";
import { hasMethod, typedValue } from "../../core/intake/value_kind.ts";
import { outOfBounds, wrongKind } from "../../core/pipeline/settings.ts";

/**
 * Checks that a function got a loaded kernel, or a part of one that suffices.
 *
 * @param kernel What it got.
 * @param fields The fields that it uses.
 * @throws {TypeError} If one is missing.
 */
export function checkKernel(kernel: unknown, fields: readonly (keyof LoadedKernel)[]): void {
  if (hasMethod(kernel, "then")) throw new TypeError("Cannot use a promise as the kernel: await it first");
  const isObject = typeof kernel === "object" && kernel !== null;
  const missing = fields.find((field) => !isObject || Reflect.get(kernel, field) === undefined);
  if (missing === undefined) return;
  const why = isObject ? `it has no ${missing}; pass` : "pass";
  throw new TypeError(`Cannot use ${typedValue(kernel)} as the kernel: ${why} what loadKernel() returns`);
}

/**
 * Checks that an option is a number.
 *
 * @param option The option's name.
 * @param value Its value.
 * @throws {TypeError} If it is not.
 */
export function checkNumber(option: string, value: unknown): void {
  if (typeof value !== "number") throw wrongKind(option, value, "it must be a number");
}

/**
 * Checks the virtual address of a first page.
 *
 * @param address The option's value, if any.
 * @param size Number of bytes to map there, if known from the options.
 * @throws {TypeError} If it is not a `bigint`.
 * @throws {RangeError} If it is not a canonical multiple of 4096, or the range leaves its half of the address space.
 */
export function checkAddress(address: bigint | undefined, size = PAGE_SIZE): void {
  if (address === undefined) return;
  if (typeof address !== "bigint") throw wrongKind("address", address, "it must be a bigint");
  if (!isCanonical(address)) throw outOfBounds("address", address, "it is not canonical");
  if (address % BigInt(PAGE_SIZE) !== 0n) throw outOfBounds("address", address, "it must be a multiple of 4096");
  if (low48(address) % LOW48_HIGHER_HALF + size > LOW48_HIGHER_HALF) {
    throw outOfBounds("address", address, `${size} bytes from there leave its half of the address space`);
  }
}

/**
 * Checks a number of bytes.
 *
 * @param size The option's value.
 * @param least The smallest allowed value.
 * @param most The largest allowed value.
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If it is not an integer within these bounds.
 */
export function checkSize(size: number, least: number, most: number): void {
  if (typeof size !== "number") throw wrongKind("size", size, "it must be a number of bytes");
  if (Number.isSafeInteger(size) && size >= least && size <= most) return;
  throw outOfBounds("size", size, `it must be a number of bytes from ${least} to ${most}`);
}

/**
 * Checks a range of physical memory.
 *
 * @param phys Physical address of its first byte.
 * @param size Number of bytes.
 * @throws {TypeError} If one of them is not a number.
 * @throws {RangeError} If it is empty, ends above 2^52, or is larger than half of the address space.
 */
export function checkPhysical(phys: number, size: number): void {
  checkNumber("phys", phys);
  if (!Number.isSafeInteger(phys) || phys < 0 || phys >= PHYSICAL_END) {
    throw outOfBounds("phys", phys, "it must be a physical address, below 2^52");
  }
  checkSize(size, 1, Math.min(PHYSICAL_END - phys, LOW48_HIGHER_HALF - PAGE_SIZE));
}

/** The types of what functions return, as far as other functions use it. */
const RESULTS = {
  "addKernelStack()": { bottom: "bigint", top: "bigint" },
  "addDirectMap()": { offset: "bigint", size: "number" },
  "addRecursiveEntry()": { index: "number" },
  "addFramebuffer()": { virt: "bigint", phys: "number", size: "number" },
  "addRamdisk()": { virt: "bigint", phys: "number", size: "number" },
  "writeBootInfo()": { address: "bigint", update: "function" },
  "addContextSwitch()": { entry32: "number", gdt: "object", codeSelector: "number", dataSelector: "number" },
};

/**
 * Checks that an option is a value that another function returned.
 *
 * @param option The option's name.
 * @param value Its value.
 * @param source The function.
 * @throws {TypeError} If it is not.
 */
export function checkResult(option: string, value: unknown, source: keyof typeof RESULTS): void {
  if (value === undefined) return;
  const isResult = typeof value === "object" && value !== null &&
    Object.entries(RESULTS[source]).every(([field, type]) => typeof Reflect.get(value, field) === type);
  if (!isResult) throw wrongKind(option, value, `pass what ${source} returns`);
}

/**
 * Checks how much physical memory to map.
 *
 * @param size The option's value.
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If it is not a multiple of 4096 up to 2^47.
 */
export function checkMapSize(size: number | undefined): void {
  if (size === undefined) return;
  checkSize(size, PAGE_SIZE, LOW48_HIGHER_HALF);
  if (size % PAGE_SIZE !== 0) throw outOfBounds("size", size, "it must be a multiple of 4096");
}

/**
 * Checks the size of the largest pages.
 *
 * @param largestPage The option's value.
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If there is no such page size.
 */
export function checkLargestPage(largestPage: PageSize | undefined): void {
  if (largestPage === undefined || PAGE_SIZES.includes(largestPage)) return;
  checkNumber("largestPage", largestPage);
  throw outOfBounds("largestPage", largestPage, "x86-64 has pages of 4 KiB, 2 MiB and 1 GiB");
}

/**
 * Whether a range lies within a memory.
 *
 * @param range The range.
 * @param memory The memory.
 * @returns True if all of the range does.
 */
export function isInside(
  { phys, size }: { readonly phys: number; readonly size: number },
  memory: PhysicalMemory,
): boolean {
  return phys >= memory.base && phys + size <= memory.base + memory.size;
}
