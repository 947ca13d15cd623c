/**
 * The plugin ramdisk: maps a ramdisk that lies in memory already, or puts one there.
 *
 * @module
 */

import { LoadError } from "../core/errors.ts";
import { hexAddr } from "../core/hex.ts";
import { alignUp } from "../core/memory/addresses.ts";
import { PAGE_SIZE, pageStart, PHYSICAL_END } from "../core/memory/addresses.ts";
import type { FrameRun } from "../core/memory/frame_allocator.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../core/paging/entry.ts";
import { checkPlace, mapBeside, reserveAddress } from "../core/address_space/map_beside.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { Base, Checked, ImageStage, Level4Used, Loading } from "../core/pipeline/stage.ts";

/** Where the ramdisk is. */
export interface Ramdisk {
  /** Virtual address of its first byte. */
  readonly virt: bigint;
  /** Physical address of its first byte. A copy may be scattered, where the frame allocator scatters. */
  readonly phys: number;
  /** Number of bytes. */
  readonly size: number;
}

/** What the plugin ramdisk adds. */
export interface RamdiskAdded {
  /** The ramdisk. */
  readonly ramdisk: Ramdisk;
}

/** The ramdisk, and where it is mapped. */
export type RamdiskOptions =
  & {
    /** Virtual address of its first page, a multiple of 4096; the start of a free level-4 entry. */
    readonly address?: bigint;
  }
  & ({
    /** Physical address of its first byte. It need not lie in the load's memory. */
    readonly phys: number;
    /** Number of bytes. */
    readonly size: number;
  } | {
    /** Its bytes, which are copied into fresh frames of the load's memory. */
    readonly bytes: Uint8Array;
  });

/** What the stage of the plugin ramdisk needs. */
export type RamdiskNeeds = Base & Checked & Loading & Level4Used;

/** The plugin ramdisk. */
export type RamdiskPlugin = Plugin<
  "ramdisk",
  never,
  readonly [{
    readonly after: "l4-usage";
    readonly stage: ImageStage<RamdiskNeeds, RamdiskAdded, "ramdisk">;
  }]
>;

const FLAGS = PRESENT | WRITABLE | NO_EXECUTE;

/**
 * Makes the plugin ramdisk. Every page that the range touches is mapped, writable and not executable. Bytes that are to be
 * copied need frames: give the load a memory that is large enough. Bytes that lie in memory must not lie where the load
 * takes its frames.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { ramdisk } from "@kload/kload/plugins/ramdisk";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const bytes = new TextEncoder().encode("the first file");
 * const kernel = await loadKernel(file, { plugins: [ramdisk({ bytes })] });
 * const { virt, size } = kernel.results.ramdisk.ramdisk;
 * assertEquals(kernel.read(virt, size), bytes);
 * ```
 *
 * @param options The range or the bytes, and the address.
 * @returns The plugin. The load fails with a `LoadError` "page-already-mapped" where something is in the way, and
 * "frames-exhausted" where the bytes do not fit, and with "plugin-failed" where the load has frames in the range.
 * @throws {TypeError} Where the bytes or the address are of the wrong kind.
 * @throws {RangeError} Where the range or the address is out of bounds, or the ramdisk is empty.
 */
export function ramdisk(options: RamdiskOptions): RamdiskPlugin {
  const { address } = options;
  const bytes = "bytes" in options ? options.bytes : undefined;
  if ("bytes" in options && !(bytes instanceof Uint8Array)) {
    throw new TypeError(`Cannot use ${bytes} as the ramdisk's bytes: it is no Uint8Array`);
  }
  const { phys, size } = "bytes" in options ? { phys: 0, size: options.bytes.length } : options;
  checkRange(phys, size, address);
  const whole = alignUp(phys + size) - pageStart(phys);
  return {
    name: "ramdisk",
    stages: [{
      after: "l4-usage",
      stage: {
        name: "ramdisk",
        needs: ["settings", "segments", "memory", "frames", "pageTable", "keptBytes", "usedLevel4Entries"],
        adds: ["ramdisk"],
        run: (context) => {
          const { segments, usedLevel4Entries } = context;
          const page = reserveAddress(whole, address, usedLevel4Entries);
          return mapBeside("the ramdisk's page", segments, () => {
            return { ramdisk: bytes ? copy(context, page, bytes) : map(context, page, phys, size) };
          });
        },
      },
    }],
  };
}

/** Takes all frames before the tables that map them, so that they lie one behind the other where the allocator can. */
function copy({ memory, frames, pageTable }: RamdiskNeeds, page: bigint, bytes: Uint8Array): Ramdisk {
  const runs: FrameRun[] = [];
  for (let taken = 0; taken < bytes.length; taken += runs[runs.length - 1].size) {
    const run = frames.allocateRun(alignUp(bytes.length - taken) / PAGE_SIZE, "ramdisk");
    if (!run) throw new LoadError("frames-exhausted", { field: "bytes of the ramdisk copied so far", value: taken });
    const piece = bytes.subarray(taken, taken + run.size);
    memory.bytes(run.phys, piece.length).set(piece);
    runs.push(run);
  }
  let virt = page;
  for (const { phys, size } of runs) {
    pageTable.mapTo(virt, phys, FLAGS, { size });
    virt += BigInt(size);
  }
  return { virt: page, phys: runs[0].phys, size: bytes.length };
}

function map(context: RamdiskNeeds, page: bigint, phys: number, size: number): Ramdisk {
  const { settings: { kernelOffset }, keptBytes, frames, pageTable } = context;
  const file = { phys: kernelOffset, size: alignUp(keptBytes), owner: "file" };
  const inTheWay = [file, ...frames.runs()].find((run) => run.phys < phys + size && phys < run.phys + run.size);
  if (inTheWay) {
    throw new RangeError(`Cannot use ${hexAddr(phys)} as the ramdisk: frames of "${inTheWay.owner}" are in its range`);
  }
  const first = pageStart(phys);
  pageTable.mapTo(page, first, FLAGS, { size: alignUp(phys + size) - first });
  return { virt: page + BigInt(phys - first), phys, size };
}

function checkRange(phys: number, size: number, address: bigint | undefined): void {
  const numbers = [phys, size].every(Number.isSafeInteger);
  if (!numbers || phys < 0 || size < 1 || phys + size > PHYSICAL_END) {
    throw new RangeError(`Cannot map a ramdisk of ${size} bytes at physical ${phys}: it is no range below 2^52`);
  }
  checkPlace("map the ramdisk", address, alignUp(phys + size) - pageStart(phys));
}
