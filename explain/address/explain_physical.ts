/**
 * Explains what a frame of physical memory is for.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { pageStart, PHYSICAL_END } from "../../core/memory/addresses.ts";
import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import { type Explainable, kernelOf, tablesOf } from "../explained.ts";
import { kernelLayout, type LoadedHeader } from "./kernel_layout.ts";
import type { ExplainOptions } from "./explain_options.ts";
import { ownerName } from "./other_page_reasons.ts";
import { fileOffsetText } from "./phrases.ts";
import { tablePlace } from "./table_place.ts";
import type { TableLevel } from "../tables/table_set.ts";

/** What a byte of physical memory is. */
export interface PhysicalExplanation {
  /** The physical address. */
  readonly physical: number;
  /** Whether the memory at this address is known: it lies in the kernel's memory, or in the dump. */
  readonly known: boolean;
  /** What the frame is for; `null` if it is not allocated, or only page tables were given. */
  readonly owner: FrameOwner | null;
  /** The file offset of the byte, if the frame holds the file's bytes; otherwise `null`. */
  readonly fileOffset: number | null;
  /** The loaded segments whose file bytes include this byte of the file, by index; empty unless it is one. */
  readonly segments: readonly number[];
  /** Where the frame is used as a page table; `null` if it is none. */
  readonly table: {
    /** Its level. */
    readonly level: TableLevel;
    /** The first virtual address that it covers. */
    readonly covers: bigint;
    /** Index of the entry that the byte is in. */
    readonly entry: number;
  } | null;
  /** The same in one sentence. */
  readonly message: string;
}

/**
 * Explains what a physical address is: whose frame it is, which byte of the file, or which page table. Which virtual
 * addresses it has is found by searching the page tables.
 *
 * @example
 * ```ts
 * import { explainPhysical } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const { owner, fileOffset, segments } = explainPhysical(kernel, 0x201004);
 * assertEquals([owner, fileOffset, segments], ["file", 0x1004, [0]]);
 * assertEquals(explainPhysical(kernel, kernel.level4Frame + 8).table, { level: 4, covers: 0n, entry: 1 });
 * ```
 *
 * @param explained The kernel, or only page tables.
 * @param physical The physical address.
 * @param options Whether the kernel was unpacked from another file.
 * @returns What is there.
 * @throws {TypeError} If the address is not a number.
 * @throws {RangeError} If it is not an integer from 0 to 2^52 - 1.
 */
export function explainPhysical(
  explained: Explainable,
  physical: number,
  { unpacked = false }: Pick<ExplainOptions, "unpacked"> = {},
): PhysicalExplanation {
  if (typeof physical !== "number") throw new TypeError(`Cannot explain ${String(physical)}: pass a number`);
  if (!Number.isInteger(physical) || physical < 0 || physical >= PHYSICAL_END) {
    throw new RangeError(`Cannot explain physical ${physical}: it must be an integer from 0 to 2^52 - 1`);
  }
  const tables = tablesOf(explained);
  const kernel = kernelOf(explained);
  const layout = kernel && kernelLayout(kernel);
  const owner = layout?.ownerOf(physical) ?? null;
  const fileOffset = (owner === "file" ? layout?.fileOffsetOf(physical) : undefined) ?? null;
  const known = tables.pages.bytes(physical, 1) !== undefined;
  const place = known && (owner === "table" || !layout) ? tablePlace(tables, pageStart(physical)) : undefined;
  const table = place ? { ...place, entry: Math.floor((physical % 4096) / 8) } : null;
  const holders = fileOffset === null ? [] : (layout?.loads ?? []).filter((load) => holds(load, fileOffset));
  const segments = holders.map(({ index }) => index);
  const facts = { physical, known, owner, fileOffset, segments, table };
  return { ...facts, message: messageOf(facts, layout !== undefined, unpacked) };
}

function holds(load: LoadedHeader, offset: number): boolean {
  return offset >= load.fileOffset && offset < load.fileOffset + load.fileSize;
}

function messageOf(
  { known, owner, fileOffset, table }: Omit<PhysicalExplanation, "message">,
  hasOwners: boolean,
  unpacked: boolean,
): string {
  if (table) {
    return `The frame is the level-${table.level} page table for addresses from ${
      hexAddr(table.covers)
    }; the byte is ` +
      `in its entry ${table.entry}.`;
  }
  if (fileOffset !== null) {
    return `The frame holds the file's bytes; this one is at ${fileOffsetText(fileOffset, unpacked)}.`;
  }
  if (owner === "file") {
    return "The frame holds the end of the file's bytes; this byte is after the last that was read.";
  }
  if (owner !== null) return `The frame is ${ownerName(owner)}.`;
  if (!known) return "The memory at this address is not known.";
  return hasOwners ? "The frame is not allocated." : "The frame was not found among the page tables.";
}
