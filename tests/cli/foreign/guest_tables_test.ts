/** Taking pages out of a guest is bounded, whatever its tables are. */

import { assert, assertEquals } from "@std/assert";
import { MOST_PAGES, takePages } from "../../../cli/input/foreign/guest_tables.ts";
import { listRuns } from "../../../explain/tables/list_runs.ts";
import { walkTables } from "../../../explain/tables/walk_tables.ts";

const PAGE = 4096;

/** A page of 512 entries. */
function page(entry: (index: number) => bigint): Uint8Array<ArrayBuffer> {
  return new Uint8Array(BigUint64Array.from({ length: 512 }, (_, index) => entry(index)).buffer);
}

Deno.test("of tables without end, the upper levels are read, and no more than the limit", async () => {
  const read: number[] = [];
  const { tables, count, isCut } = await takePages({ root: 0, levels: 4 }, (frame) => {
    read.push(frame);
    // Every entry leads to a frame of its own.
    return Promise.resolve(page((index) => BigInt((frame * 512 + (index + 1) * PAGE) % 2 ** 52) | 3n));
  }, () => [2 ** 40]);
  assertEquals([count, read.length, isCut], [MOST_PAGES, MOST_PAGES, true]);
  assertEquals(read.slice(0, 513), Array.from({ length: 513 }, (_, nth) => nth * PAGE));
  // Addresses are walked to where what was read ends.
  const { levels, end } = walkTables(tables, 0n);
  assertEquals([levels.length, end], [3, { kind: "unknown", level: 1 }]);
  const last = walkTables(tables, 2n ** 64n - 1n);
  assertEquals([last.levels.length, last.end], [2, { kind: "unknown", level: 2 }]);
});

Deno.test("a limit that just suffices cuts nothing", async () => {
  const [level3, first] = [PAGE, 2 * PAGE];
  const full = 512 * 31 + 478; // level-1 tables, with one root, one of level 3 and 32 of level 2 before them
  const level2 = (nth: number): number => first + nth * PAGE;
  const level1 = (nth: number): number => first + (32 + nth) * PAGE;
  const pages = (count: number) => (frame: number) => {
    const nth = (frame - first) / PAGE;
    if (frame === 0) return Promise.resolve(page((index) => index === 0 ? BigInt(level3) | 3n : 0n));
    if (frame === level3) return Promise.resolve(page((index) => index < 32 ? BigInt(level2(index)) | 3n : 0n));
    if (nth < 32) {
      return Promise.resolve(page((index) => nth * 512 + index < count ? BigInt(level1(nth * 512 + index)) | 3n : 0n));
    }
    return Promise.resolve(page(() => 0n));
  };
  assertEquals(1 + 1 + 32 + full, MOST_PAGES);
  const whole = await takePages({ root: 0, levels: 4 }, pages(full));
  assertEquals([whole.count, whole.isCut, [...listRuns(whole.tables)].length], [MOST_PAGES, false, 0]);
  const more = await takePages({ root: 0, levels: 4 }, pages(full + 1));
  assertEquals([more.count, more.isCut], [MOST_PAGES, true]);
  assertEquals([...listRuns(more.tables)].map(({ kind }) => kind), ["unknown"]);
});

Deno.test("a page is asked for once, be it there or not", async () => {
  const read: number[] = [];
  const { tables, count, isCut } = await takePages({ root: 0, levels: 4 }, (frame) => {
    read.push(frame);
    const entries = [3n, 3n | BigInt(PAGE), 3n | BigInt(PAGE), 3n | 0x5000n, 3n | 0x5000n];
    return Promise.resolve(frame <= PAGE ? page((index) => entries[index] ?? 0n) : undefined);
  }, () => [0x5123, PAGE + 5, 0x6000]);
  assertEquals(read, [0, PAGE, 0x5000, 0x6000]);
  assertEquals([count, isCut], [2, false]);
  assert(tables.pages.words(PAGE) && !tables.pages.words(0x5000));
  assertEquals(tables.pages.bytes(PAGE + 4090, 6)?.length, 6);
  assertEquals([tables.pages.bytes(PAGE + 4090, 7), tables.pages.bytes(0x5000, 1)], [undefined, undefined]);
});
