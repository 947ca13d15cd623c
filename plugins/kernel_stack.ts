/**
 * The plugin kernel-stack: gives the kernel a stack, with a page below it that is left unmapped.
 *
 * @module
 */

import { LoadError } from "../core/errors.ts";
import { alignUp, canonical, low48, LOW48_HIGHER_HALF } from "../core/memory/addresses.ts";
import { PAGE_SIZE } from "../core/memory/addresses.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../core/paging/entry.ts";
import { checkPlace, mapBeside, reserveAddress } from "../core/address_space/map_beside.ts";
import { mapFresh } from "../core/address_space/map_pages.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { Checked, ImageStage, Level4Used, Loading } from "../core/pipeline/stage.ts";

/** Where the stack is. */
export interface KernelStack {
  /** Virtual address of its lowest byte, a multiple of 4096. */
  readonly bottom: bigint;
  /** Virtual address behind its highest byte, a multiple of 16. */
  readonly top: bigint;
  /** Virtual address of the page right below it, where one is left unmapped. */
  readonly guardPage?: bigint;
}

/** What the plugin kernel-stack adds. */
export interface KernelStackAdded {
  /** The stack. */
  readonly kernelStack: KernelStack;
}

/** How large the stack is, and where. */
export interface KernelStackOptions {
  /** Number of bytes, at least 16, of which whole pages are mapped; 80 KiB. */
  readonly size?: number;
  /** Whether a page below the stack is left unmapped, so that an overflow faults; true. */
  readonly guardPage?: boolean;
  /**
   * Virtual address of the guard page, or, without one, of the stack's lowest byte; a multiple of 4096. The start of a
   * free level-4 entry where it is left out.
   */
  readonly address?: bigint;
}

/** The plugin kernel-stack. */
export type KernelStackPlugin = Plugin<
  "kernel-stack",
  never,
  readonly [{
    readonly after: "l4-usage";
    readonly stage: ImageStage<Checked & Loading & Level4Used, KernelStackAdded, "kernel-stack">;
  }]
>;

const DEFAULT_SIZE = 80 * 1024;

// The System V ABI for x86-64, "The Stack Frame", has the stack aligned to 16 bytes.
const ALIGNMENT = 16;

/**
 * Makes the plugin kernel-stack. Its frames are fresh ones, owned by "kernel-stack", mapped writable and not executable.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { kernelStack } from "@kload/kload/plugins/kernel-stack";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { plugins: [kernelStack({ size: 0x4000 })] });
 * const { bottom, top, guardPage = 0n } = kernel.results["kernel-stack"].kernelStack;
 * assertEquals([top - bottom, bottom - guardPage], [0x4000n, 0x1000n]);
 * assertEquals(kernel.pageTable.translate(guardPage).mapped, false);
 * ```
 *
 * @param options Size, guard page and address.
 * @returns The plugin. The load fails with a `LoadError` "page-already-mapped" where something is in the way.
 * @throws {TypeError} Where the address is no `bigint`.
 * @throws {RangeError} Where the size or the address is out of bounds.
 */
export function kernelStack(
  { size = DEFAULT_SIZE, guardPage = true, address }: KernelStackOptions = {},
): KernelStackPlugin {
  if (!Number.isSafeInteger(size) || size < ALIGNMENT || size > LOW48_HIGHER_HALF - PAGE_SIZE) {
    throw new RangeError(`Cannot make a kernel stack of ${size} bytes: it has at least ${ALIGNMENT}, at most 2^47`);
  }
  const below = guardPage ? PAGE_SIZE : 0;
  const whole = below + alignUp(size);
  checkPlace("put the kernel stack", address, whole);
  return {
    name: "kernel-stack",
    stages: [{
      after: "l4-usage",
      stage: {
        name: "kernel-stack",
        needs: ["segments", "pageTable", "usedLevel4Entries"],
        adds: ["kernelStack"],
        run: ({ segments, pageTable, usedLevel4Entries }) => {
          const start = low48(reserveAddress(whole, address, usedLevel4Entries));
          mapBeside("the kernel stack's page", segments, () => {
            if (guardPage && pageTable.translate(canonical(start)).mapped) throw isMapped(canonical(start));
            mapFresh({ pageTable }, start + below, alignUp(size), FLAGS, "kernel-stack");
          });
          const bottom = canonical(start + below);
          const top = bottom + BigInt(size - size % ALIGNMENT);
          return { kernelStack: { bottom, top, ...(guardPage ? { guardPage: canonical(start) } : {}) } };
        },
      },
    }],
  };
}

const FLAGS = PRESENT | WRITABLE | NO_EXECUTE;

function isMapped(value: bigint): LoadError {
  return new LoadError("page-already-mapped", { field: "page", value });
}
