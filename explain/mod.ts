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

export type { KeptFile } from "../core/file/kept_file.ts";
export { openPageTables } from "../core/paging/open_page_tables.ts";
export type { ExplainedSource } from "./file/explained_file.ts";
export { openDisassembler } from "./instructions/disassembler.ts";
export type { Access, Disassembler, Flow, Instruction, MemoryUse, Operand } from "./instructions/instruction.ts";
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
