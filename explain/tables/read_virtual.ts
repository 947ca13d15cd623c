/**
 * Reads memory through page tables, as far as it is mapped and known.
 *
 * @module
 */

import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { TableSet } from "./table_set.ts";
import { walkTables } from "./walk_tables.ts";

/** How to read. */
export interface ReadVirtualOptions {
  /** Whether to stop before the first page that does not allow execution; false by default. */
  readonly executable?: boolean;
}

/**
 * Reads bytes at virtual addresses, up to the first page that is not mapped or whose memory is not known.
 *
 * @example
 * ```ts
 * import { openTableSet, readVirtual } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const { memory, level4Frame, entryPoint } = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const tables = openTableSet({ memory, cr3: level4Frame });
 * assertEquals(readVirtual(tables, entryPoint, 2), Uint8Array.of(0x31, 0xed)); // xor ebp, ebp
 * assertEquals(readVirtual(tables, 0n, 2).length, 0); // not mapped
 * ```
 *
 * @param tables The page tables.
 * @param address The first address, of 64 bits. No byte after the last one of the address space is read.
 * @param length The most bytes to read; each page takes a walk.
 * @param options What else ends the reading.
 * @returns A copy of the bytes, shorter where reading ended early.
 */
export function readVirtual(
  tables: TableSet,
  address: bigint,
  length: number,
  { executable = false }: ReadVirtualOptions = {},
): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  let done = 0;
  while (done < length && address + BigInt(done) < 1n << 64n) {
    const { end } = walkTables(tables, address + BigInt(done));
    if (end.kind !== "page" || (executable && !end.executable)) break;
    const size = Math.min(length - done, PAGE_SIZE - (end.phys % PAGE_SIZE));
    const piece = tables.pages.bytes(end.phys, size);
    if (!piece) break;
    pieces.push(piece);
    done += size;
  }
  const bytes = new Uint8Array(done);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
