/**
 * Explains loaded kernels and page tables: what is at an address, and what page-table entries mean.
 *
 * @example
 * ```ts
 * import { decodeEntry } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const { pageTable, entryPoint } = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const entries = pageTable.walk(entryPoint).map(({ entry, level }) => decodeEntry(entry, level));
 * assertEquals(entries.map(({ kind }) => kind), ["table", "table", "table", "page"]);
 * assertEquals(entries[3].flags, ["PRESENT"]);
 * ```
 *
 * @module
 */

export { openPageTables } from "../core/paging/open_page_tables.ts";
export type {
  MapEntry,
  MapGap,
  MapModel,
  MapOfMemory,
  MapPermissions,
  MapRun,
  MapTable,
  MapTotals,
  NameRange,
  PermissionCount,
  RunCount,
} from "./map/address_map.ts";
export { mapModel, type MapModelOptions } from "./map/map_model.ts";
export type { DeepestLevel, MapTableEntry } from "./map/table_entries.ts";
export type { KeptFile } from "../core/file/kept_file.ts";
export type { Explainable, ExplainedKernel } from "./explained.ts";
export type { ExplainedSource } from "./file/explained_file.ts";
export type { KernelSection, KernelSymbol, KernelSymbols, SymbolPlace } from "./symbols/kernel_symbols.ts";
export { linkedAddress, loadedAddress, type Moved } from "./symbols/linked_address.ts";
export { readSymbols } from "./symbols/read_symbols.ts";
export { type DecodedEntry, decodeEntry, type EntryField, type EntryFlag } from "./tables/decode_entry.ts";
export { listRuns } from "./tables/list_runs.ts";
export { type ListedTable, listTables } from "./tables/list_tables.ts";
export { openTableSet, type TableSetOptions } from "./tables/open_table_set.ts";
export type { PhysicalPages } from "./tables/physical_pages.ts";
export type {
  EntryPlace,
  ListOptions,
  ListProgress,
  PageRun,
  RecursiveEntry,
  ReservedEntry,
  RunOptions,
  TableItem,
  TableProblem,
  UnknownTable,
} from "./tables/table_items.ts";
export type { TableLevel, TableSet } from "./tables/table_set.ts";
export { type FoundAddress, virtualAddressesOf } from "./tables/virtual_addresses.ts";
export { type Permission, type Walk, type WalkedLevel, type WalkEnd, walkTables } from "./tables/walk_tables.ts";
