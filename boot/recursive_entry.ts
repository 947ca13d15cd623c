/**
 * The recursive entry: an entry of the level-4 table that points to that table itself, so that the kernel can reach
 * every table at a known address.
 *
 * @module
 */

import { LoadError } from "../core/errors.ts";
import type { LoadedKernel } from "../core/loaded_kernel.ts";
import { canonical } from "../core/memory/addresses.ts";
import { LEVEL_SPAN, NO_EXECUTE, PRESENT, TABLE_ENTRIES, WRITABLE } from "../core/paging/entry.ts";
import { checkKeys, outOfBounds } from "../core/pipeline/settings.ts";
import { checkKernel, checkNumber } from "./pages/options.ts";

/** Which entry points to its own table. */
export interface RecursiveEntry {
  /** Index of the entry, 1 to 511. */
  readonly index: number;
}

/** Which entry to use. */
export interface RecursiveEntryOptions {
  /** Index in the level-4 table, 1 to 511. Default: a free entry. */
  readonly index?: number;
}

const ENTRY_SIZE = 8;

/**
 * Makes a level-4 entry point to its own table. With index i, the level-4 table appears as the page whose four indices
 * are all i, and the tables below it appear in the 512 GiB of entry i, writable and not executable. Nothing else can be
 * mapped there.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { addRecursiveEntry } from "@kload/kload/boot/recursive-entry";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * addRecursiveEntry(kernel, { index: 510 });
 * const found = kernel.pageTable.translate(0xffff_ff7f_bfdf_e000n); // indices 510, 510, 510, 510
 * assertEquals(found.mapped && found.phys, kernel.level4Frame);
 * ```
 *
 * @param kernel The kernel.
 * @param options The index.
 * @returns Which entry it is.
 * @throws {LoadError} "page-already-mapped" if the entry is in use, "level4-exhausted" if all entries are.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If the index is not 1 to 511; entry 0 belongs to the boot loader.
 */
export function addRecursiveEntry(
  kernel: Pick<LoadedKernel, "addressSpace">,
  options: RecursiveEntryOptions = {},
): RecursiveEntry {
  checkKernel(kernel, ["addressSpace"]);
  const { addressSpace } = kernel;
  checkOptions(options);
  const { memory, pageTable: { level4Frame }, usedLevel4Entries } = addressSpace;
  const taken = options.index !== undefined && usedLevel4Entries.has(options.index);
  const index = options.index ?? usedLevel4Entries.getFreeEntry();
  const bytes = memory.bytes(level4Frame + index * ENTRY_SIZE, ENTRY_SIZE);
  const entry = new DataView(bytes.buffer, bytes.byteOffset);
  if (taken || entry.getBigUint64(0, true) !== 0n) {
    const field = `the page tables through level-4 entry ${index}, at`;
    throw new LoadError("page-already-mapped", { field, value: canonical(index * LEVEL_SPAN[4]) });
  }
  usedLevel4Entries.mark(index, index);
  entry.setBigUint64(0, BigInt(level4Frame) | PRESENT | WRITABLE | NO_EXECUTE, true);
  return Object.freeze({ index });
}

/**
 * Returns the most bytes of memory that {@linkcode addRecursiveEntry} takes: none, because the table already exists.
 *
 * @param options Its options.
 * @returns 0.
 * @throws {TypeError} Like {@linkcode addRecursiveEntry}.
 * @throws {RangeError} Like {@linkcode addRecursiveEntry}.
 */
export function recursiveEntryBytes(options: RecursiveEntryOptions = {}): number {
  checkOptions(options);
  return 0;
}

function checkOptions(options: RecursiveEntryOptions): void {
  checkKeys(options, ["index"]);
  const { index } = options;
  if (index === undefined) return;
  checkNumber("index", index);
  if (!Number.isInteger(index) || index < 1 || index >= TABLE_ENTRIES) {
    throw outOfBounds("index", index, "it must be 1 to 511");
  }
}
