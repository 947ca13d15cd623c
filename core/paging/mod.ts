/**
 * Work on x86-64 page tables that lie in physical memory: opening, walking, mapping, changing and listing them.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { openPageTables, PRESENT, WRITABLE } from "@kload/kload/paging";
 * import { assertEquals } from "@std/assert";
 *
 * const { memory, level4Frame, entryPoint } = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const tables = openPageTables(memory, level4Frame);
 * tables.updateFlags(entryPoint, PRESENT | WRITABLE);
 * const page = tables.translate(entryPoint);
 * assertEquals(page.mapped && page.flags, PRESENT | WRITABLE);
 * ```
 *
 * A range of pages is changed as a whole: all of its pages, or none:
 *
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { NO_EXECUTE, WRITABLE } from "@kload/kload/paging";
 * import { assertEquals } from "@std/assert";
 *
 * const { pageTable, mappings } = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const [{ virt, phys, size, pageSize }] = mappings();
 * const changed = pageTable.updateFlags(virt, { clear: WRITABLE, set: NO_EXECUTE }, { size });
 * assertEquals(changed, size / pageSize); // the other flags of each page are as they were
 * const [run] = pageTable.unmap(virt, { size });
 * assertEquals([run.phys, run.size], [phys, size]);
 * pageTable.mapTo(virt, phys, run.flags, run); // maps it again
 * ```
 *
 * @module
 */

export {
  ACCESSED,
  DIRTY,
  GLOBAL,
  HUGE_PAGE,
  NO_CACHE,
  NO_EXECUTE,
  type PageSize,
  PRESENT,
  USER_ACCESSIBLE,
  WRITABLE,
  WRITE_THROUGH,
} from "./entry.ts";
export type { UnmappedRun } from "./change_run.ts";
export type { FlagChange } from "./flag_change.ts";
export type { Leaf } from "./leaves.ts";
export type { Mapping, Table } from "./listing.ts";
export type { FreshRun } from "./map_run.ts";
export type { MapOptions, Mapper } from "./mapper.ts";
export { openPageTables } from "./open_page_tables.ts";
export type { Translation, WalkStep } from "./translate.ts";
export { type UsedLevel4Entries, usedLevel4Entries } from "./used_level4_entries.ts";
