/**
 * Addresses in a kernel that was moved, and the addresses that its file was linked for.
 *
 * @module
 */

import type { LoadedKernel } from "../../core/loaded_kernel.ts";
import type { KernelSymbol } from "./kernel_symbols.ts";

/** How far a kernel was moved. */
export type Moved = Pick<LoadedKernel, "virtualAddressOffset">;

/**
 * Finds the address that a kernel's file has for an address in the loaded kernel. Sections, symbols and relocation
 * entries are looked up by it.
 *
 * @example
 * ```ts
 * import { linkedAddress, readSymbols } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello-pie.elf");
 * const kernel = await loadKernel(file, { kernelBase: 0xffff_ffff_8000_0000n });
 * const symbols = await readSymbols(file);
 * assertEquals(symbols.symbolAt(linkedAddress(kernel, kernel.entryPoint))?.symbol.name, "_start");
 * ```
 *
 * @param kernel The loaded kernel.
 * @param address A virtual address in it.
 * @returns The address as linked, of 64 bits.
 */
export function linkedAddress({ virtualAddressOffset }: Moved, address: bigint): bigint {
  return BigInt.asUintN(64, address - virtualAddressOffset);
}

/**
 * Finds where a symbol is in a loaded kernel. An absolute symbol keeps its value, as it does when relocations refer to
 * it.
 *
 * @example
 * ```ts
 * import { loadedAddress, readSymbols } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello-pie.elf");
 * const kernel = await loadKernel(file, { kernelBase: 0xffff_ffff_8000_0000n });
 * const [start] = (await readSymbols(file)).find("_start");
 * assertEquals(loadedAddress(kernel, start), kernel.entryPoint);
 * ```
 *
 * @param kernel The loaded kernel.
 * @param symbol A symbol of its file.
 * @returns The virtual address, of 64 bits.
 */
export function loadedAddress(
  { virtualAddressOffset }: Moved,
  { address, absolute }: Pick<KernelSymbol, "address" | "absolute">,
): bigint {
  return absolute ? address : BigInt.asUintN(64, address + virtualAddressOffset);
}
