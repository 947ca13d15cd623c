/**
 * The plugin recursive: lets an entry of the level-4 table point to that table itself, so that the kernel finds every
 * table at an address of its own.
 *
 * @module
 */

import { LoadError } from "../core/errors.ts";
import { canonical } from "../core/memory/addresses.ts";
import { LEVEL_SPAN, NO_EXECUTE, PRESENT, TABLE_ENTRIES, WRITABLE } from "../core/paging/entry.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { ImageStage, Level4Used, Loading } from "../core/pipeline/stage.ts";

/** What the plugin recursive adds. */
export interface RecursiveAdded {
  /** Index of the entry, 1 to 511. */
  readonly recursiveIndex: number;
}

/** Which entry it is. */
export interface RecursiveOptions {
  /** Index in the level-4 table, 1 to 511; a free one where it is left out. */
  readonly index?: number;
}

/** The plugin recursive. */
export type RecursivePlugin = Plugin<
  "recursive",
  never,
  readonly [{
    readonly after: "l4-usage";
    readonly stage: ImageStage<Loading & Level4Used, RecursiveAdded, "recursive">;
  }]
>;

const ENTRY_SIZE = 8;

/**
 * Makes the plugin recursive. With index i, the level-4 table lies at the page whose four indices are all i; the tables
 * below it lie in the 512 GiB of entry i. They can be written, and not be executed.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { recursive } from "@kload/kload/plugins/recursive";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { plugins: [recursive({ index: 510 })] });
 * const found = kernel.pageTable.translate(0xffff_ff7f_bfdf_e000n); // indices 510, 510, 510, 510
 * assertEquals(found.mapped && found.phys, kernel.level4Frame);
 * ```
 *
 * @param options The index.
 * @returns The plugin. The load fails with a `LoadError` "page-already-mapped" where the entry is in use.
 * @throws {RangeError} Where the index is no whole number from 1 to 511; entry 0 is the boot loader's.
 */
export function recursive({ index }: RecursiveOptions = {}): RecursivePlugin {
  if (index !== undefined && (!Number.isInteger(index) || index < 1 || index >= TABLE_ENTRIES)) {
    throw new RangeError(`Cannot map the level-4 table at entry ${index}: it is none of 1 to 511`);
  }
  return {
    name: "recursive",
    stages: [{
      after: "l4-usage",
      stage: {
        name: "recursive",
        needs: ["memory", "pageTable", "usedLevel4Entries"],
        adds: ["recursiveIndex"],
        run: ({ memory, pageTable: { level4Frame }, usedLevel4Entries }) => {
          const recursiveIndex = index ?? usedLevel4Entries.getFreeEntry();
          const bytes = memory.bytes(level4Frame + recursiveIndex * ENTRY_SIZE, ENTRY_SIZE);
          const entry = new DataView(bytes.buffer, bytes.byteOffset);
          const taken = index !== undefined && usedLevel4Entries.has(index);
          if (taken || entry.getBigUint64(0, true) !== 0n) throw isUsed(recursiveIndex);
          usedLevel4Entries.mark(recursiveIndex, recursiveIndex);
          entry.setBigUint64(0, BigInt(level4Frame) | PRESENT | WRITABLE | NO_EXECUTE, true);
          return { recursiveIndex };
        },
      },
    }],
  };
}

function isUsed(index: number): LoadError {
  const field = `the page tables at level-4 entry ${index}, address`;
  return new LoadError("page-already-mapped", { field, value: canonical(index * LEVEL_SPAN[4]) });
}
