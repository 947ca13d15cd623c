/**
 * Page tables that are mapped as pages.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { PAGE_SIZE, pageStart } from "../../core/memory/addresses.ts";
import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import { TABLE_ENTRIES } from "../../core/paging/entry.ts";
import type { TableSet } from "../tables/table_set.ts";
import { signExtended, type Walk } from "../tables/walk_tables.ts";
import type { Reason } from "./reason.ts";
import { tablePlace } from "./table_place.ts";

/**
 * Explains a page that the walk comes to through an entry that points to the table of the highest level.
 *
 * @param tables The page tables.
 * @param walk The walk to the page.
 * @param physical Physical address of the byte.
 * @param owner What the frame is for, if that is known.
 * @returns The reasons; none if the walk goes through no such entry.
 */
export function recursiveReasons(
  tables: TableSet,
  { levels }: Walk,
  physical: number,
  owner: FrameOwner | null,
): readonly Reason[] {
  const entry = levels.find(({ kind, address }) => kind === "table" && address === tables.root);
  if (!entry) return [];
  const { level, index } = entry;
  const message = `Entry ${index} of the level-${level} table points to the level-${tables.levels} table itself, so ` +
    "that page tables are mapped here.";
  return [
    { kind: "physical", physical, through: "recursive", ...(owner === null ? {} : { owner }), message },
    ...tableReasons(tables, physical),
  ];
}

/**
 * Explains a byte of a page table.
 *
 * @param tables The page tables.
 * @param physical Physical address of the byte.
 * @returns The reason; none if no table was found there.
 */
export function tableReasons(tables: TableSet, physical: number): readonly Reason[] {
  const place = tablePlace(tables, pageStart(physical));
  if (!place) return [];
  const { level } = place;
  const entry = Math.floor((physical % PAGE_SIZE) / (PAGE_SIZE / TABLE_ENTRIES));
  const covers = signExtended(place.covers + (BigInt(entry) << BigInt(level * 9 + 3)), tables.levels);
  const message =
    `The frame is the level-${level} table for addresses from ${hexAddr(place.covers)}; the byte is in its ` +
    `entry ${entry}, for addresses from ${hexAddr(covers)}.`;
  return [{ kind: "table", level, entry, covers, message }];
}
