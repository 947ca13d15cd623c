/**
 * The plugin boot-info: writes what a kernel wants to know of the machine and of its load, in the layout of bootloader_api
 * 0.11, into pages of its own. docs/boot_info.md describes it field by field.
 *
 * @module
 */

import { PHYSICAL_END } from "../core/memory/addresses.ts";
import { checkPlace } from "../core/address_space/map_beside.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { ImageStage } from "../core/pipeline/stage.ts";
import type { PixelLayout } from "./boot_info/layout.ts";
import type { MachineRegion, OwnedRegion, RegionKind } from "./boot_info/memory_map.ts";
import { type BootInfo, type BootInfoNeeds, type BootInfoOptions, NEWEST_VERSION } from "./boot_info/place.ts";
import { placeBootInfo, type Range } from "./boot_info/place.ts";

export type { BootInfo, BootInfoNeeds, BootInfoOptions, MachineRegion, OwnedRegion, PixelLayout, Range, RegionKind };

/** What the plugin boot-info adds. */
export interface BootInfoAdded {
  /** The boot information. */
  readonly bootInfo: BootInfo;
}

/** The plugin boot-info. */
export type BootInfoPlugin = Plugin<
  "boot-info",
  never,
  readonly [{
    readonly after: "l4-usage";
    readonly stage: ImageStage<BootInfoNeeds, BootInfoAdded, "boot-info">;
  }]
>;

const KINDS: readonly RegionKind[] = ["usable", "bootloader", "unknown-uefi", "unknown-bios"];

/**
 * Makes the plugin boot-info. It stands behind the plugins that it is to tell of: kernel-stack, physical-memory,
 * recursive, framebuffer and ramdisk; and before context-switch, which passes its address.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { bootInfo } from "@kload/kload/plugins/boot-info";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { plugins: [bootInfo()] });
 * const { address, regions } = kernel.results["boot-info"].bootInfo;
 * const version = new Uint16Array(kernel.read(address, 6).buffer);
 * assertEquals([...version], [0, 11, 16]);
 * const own = regions.find(({ owner }) => owner === "boot-info");
 * assertEquals(own?.kind, "bootloader");
 * ```
 *
 * @param options What to say beside what the load knows, and where.
 * @returns The plugin. The load fails with a `LoadError` "page-already-mapped" where something is in the way.
 * @throws {TypeError} Where the address is no `bigint`.
 * @throws {RangeError} Where an address or the version is out of bounds, or the memory map is not ascending.
 */
export function bootInfo(options: BootInfoOptions = {}): BootInfoPlugin {
  checkOptions(options);
  return {
    name: "boot-info",
    stages: [{
      after: "l4-usage",
      stage: {
        name: "boot-info",
        needs: ["settings", "segments", "memory", "frames", "pageTable", "keptBytes", "usedLevel4Entries"],
        adds: ["bootInfo"],
        run: (context) => ({ bootInfo: placeBootInfo(context, options) }),
      },
    }],
  };
}

function checkOptions({ address, memoryMap = [], rsdp, apiVersion = NEWEST_VERSION }: BootInfoOptions): void {
  checkPlace("put the boot information", address);
  if (rsdp !== undefined && (!Number.isSafeInteger(rsdp) || rsdp < 0 || rsdp >= PHYSICAL_END)) {
    throw new RangeError(`Cannot use ${rsdp} as the address of the RSDP: it is no physical address`);
  }
  if (apiVersion.length !== 3 || !apiVersion.every((part) => Number.isInteger(part) && part >= 0 && part < 2 ** 16)) {
    throw new RangeError(`Cannot use ${apiVersion.join(".")} as version: it is not three numbers of 16 bits`);
  }
  let last = 0;
  for (const { start, end, kind, tag = 0 } of memoryMap) {
    if (!KINDS.includes(kind)) throw new RangeError(`Cannot use "${kind}" as a kind: there are ${KINDS.join(", ")}`);
    const numbers = Number.isSafeInteger(start) && Number.isSafeInteger(end) && Number.isInteger(tag);
    if (!numbers || start < last || end <= start || end > PHYSICAL_END || tag < 0 || tag >= 2 ** 32) {
      throw new RangeError(
        `Cannot use the memory map: the region ${start} to ${end} does not lie behind the one before`,
      );
    }
    last = end;
  }
}
