/**
 * The plugin physical-memory: maps all physical memory at an offset, so that the kernel reaches any frame.
 *
 * @module
 */

import { low48, LOW48_HIGHER_HALF } from "../core/memory/addresses.ts";
import { physicalPages } from "../core/memory/addresses.ts";
import { NO_EXECUTE, type PageSize, PRESENT, WRITABLE } from "../core/paging/entry.ts";
import type { Mapper } from "../core/paging/mapper.ts";
import { checkPlace, mapBeside, reserveAddress } from "../core/address_space/map_beside.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { Checked, ImageStage, Level4Used, Loading } from "../core/pipeline/stage.ts";

/** What the plugin physical-memory adds. */
export interface PhysicalMemoryAdded {
  /** Virtual address of physical address 0: added to a physical address, it gives the virtual one. */
  readonly physicalMemoryOffset: bigint;
  /** Number of bytes that are mapped there. */
  readonly physicalMemorySize: number;
}

/** How much physical memory is mapped, and where. */
export interface PhysicalMemoryOptions {
  /** Number of bytes from physical address 0 on, a multiple of 4096; up to the end of the load's memory. */
  readonly size?: number;
  /**
   * Virtual address of physical address 0, a multiple of 4096; of 1 GiB for the largest pages. The start of free
   * level-4 entries where it is left out.
   */
  readonly address?: bigint;
  /** Size in bytes of the largest pages that may be used; 1 GiB, which old processors and some virtual ones lack. */
  readonly largestPage?: PageSize;
}

/** The plugin physical-memory. */
export type PhysicalMemoryPlugin = Plugin<
  "physical-memory",
  never,
  readonly [{
    readonly after: "l4-usage";
    readonly stage: ImageStage<Checked & Loading & Level4Used, PhysicalMemoryAdded, "physical-memory">;
  }]
>;

const PAGE_SIZES: readonly PageSize[] = [0x4000_0000, 0x20_0000, 0x1000];

/**
 * Makes the plugin physical-memory. The mapping is writable and not executable, with the largest pages that fit.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { physicalMemory } from "@kload/kload/plugins/physical-memory";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { plugins: [physicalMemory({ size: 2 ** 32 })] });
 * const { physicalMemoryOffset } = kernel.results["physical-memory"];
 * const page = kernel.pageTable.translate(physicalMemoryOffset + 0x1234_5678n);
 * assertEquals(page, { mapped: true, phys: 0x1234_5678, pageSize: 0x4000_0000, flags: 1n << 63n | 0x83n });
 * ```
 *
 * @param options Size, address, and the largest pages.
 * @returns The plugin. The load fails with a `LoadError` "page-already-mapped" where something is in the way.
 * @throws {TypeError} Where the address is no `bigint`.
 * @throws {RangeError} Where the size or the address is out of bounds.
 */
export function physicalMemory(
  { size, address, largestPage = 0x4000_0000 }: PhysicalMemoryOptions = {},
): PhysicalMemoryPlugin {
  if (size !== undefined) checkSize(size);
  checkPlace("map physical memory", address);
  if (!PAGE_SIZES.includes(largestPage)) {
    throw new RangeError(`Cannot map pages of ${largestPage} bytes: x86-64 has 4 KiB, 2 MiB and 1 GiB`);
  }
  const usable = PAGE_SIZES.filter((pageSize) => pageSize <= largestPage);
  return {
    name: "physical-memory",
    stages: [{
      after: "l4-usage",
      stage: {
        name: "physical-memory",
        needs: ["segments", "memory", "pageTable", "usedLevel4Entries"],
        adds: ["physicalMemoryOffset", "physicalMemorySize"],
        run: ({ segments, memory, pageTable, usedLevel4Entries }) => {
          const bytes = size ?? memory.base + memory.size;
          const offset = reserveAddress(bytes, address, usedLevel4Entries);
          mapBeside("physical memory's page", segments, () => mapAll(pageTable, offset, bytes, usable));
          return { physicalMemoryOffset: offset, physicalMemorySize: bytes };
        },
      },
    }],
  };
}

/** Physical memory starts at 0, so a page size fits where the offset is a multiple of it, until too little is left. */
function mapAll(pageTable: Mapper, offset: bigint, size: number, pageSizes: readonly PageSize[]): void {
  let at = 0;
  for (const pageSize of pageSizes) {
    const bytes = size - at - (size - at) % pageSize;
    if (bytes === 0 || low48(offset) % pageSize !== 0) continue;
    const virt = BigInt.asUintN(64, offset + BigInt(at));
    pageTable.mapTo(virt, at, PRESENT | WRITABLE | NO_EXECUTE, { size: bytes, pageSize });
    at += bytes;
  }
}

function checkSize(size: number): void {
  if (physicalPages(size, "the size of physical memory") === 0 || size > LOW48_HIGHER_HALF) {
    throw new RangeError(`Cannot map ${size} bytes of physical memory: a half of the address space has 2^47`);
  }
}
