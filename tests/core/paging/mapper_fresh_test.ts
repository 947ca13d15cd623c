import { assertEquals, assertThrows } from "@std/assert";
import { LoadError } from "../../../core/errors.ts";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { freshMemory, physicalMemory } from "../../../core/memory/physical_memory.ts";
import { createMapper } from "../../../core/paging/mapper.ts";

const PAGE = 0x1000;
const MIB2 = 0x20_0000;
const P = 1n;
const W = 2n;

function open(pages: number, skip?: number) {
  const memory = freshMemory(0, pages * PAGE);
  const frames = frameLedger(ascendingFrames({ start: PAGE, end: memory.size, skip }), memory, [], true);
  const mapper = createMapper({ memory, level4Frame: 0, frames, parentFlags: "writable" });
  return { memory, frames, mapper };
}

Deno.test("mapFresh() takes the frame of a page before the tables that the page needs", () => {
  const { mapper, frames } = open(2048);
  assertEquals(mapper.mapFresh(0x1f_e000n, MIB2 + 3 * PAGE, P | W, "bss"), [
    { offset: 0x0000, phys: 0x1000, size: PAGE }, // then tables of levels 3, 2 and 1 in 0x2000 to 0x4000
    { offset: 0x1000, phys: 0x5000, size: PAGE },
    { offset: 0x2000, phys: 0x6000, size: PAGE }, // then a level-1 table in 0x7000
    { offset: 0x3000, phys: 0x8000, size: 511 * PAGE },
    { offset: 0x20_2000, phys: 0x20_7000, size: PAGE }, // then a level-1 table in 0x208000
  ]);
  assertEquals([...mapper.tables()].map(({ frame }) => frame), [0, 0x2000, 0x3000, 0x4000, 0x7000, 0x20_8000]);
  assertEquals([...mapper.leaves()].length, 515);
  assertEquals(mapper.translate(0x40_0fffn), { mapped: true, phys: 0x20_7fff, pageSize: PAGE, flags: P | W });
  assertEquals(frames.runs().map(({ owner, size }) => [owner, size / PAGE]), [
    ["bss", 1],
    ["table", 3],
    ["bss", 2],
    ["table", 1],
    ["bss", 512],
    ["table", 1],
  ]);
});

Deno.test("mapFresh() takes frames one by one where the allocator cannot give a run", () => {
  const { mapper } = open(32, 0x7000);
  assertEquals(mapper.mapFresh(0n, 4 * PAGE, P, "bss").map(({ offset, phys, size }) => [offset, phys, size]), [
    [0x0000, 0x1000, PAGE],
    [0x1000, 0x5000, PAGE],
    [0x2000, 0x6000, PAGE],
    [0x3000, 0x8000, PAGE],
  ]);
});

Deno.test("mapFresh() refuses a page that is mapped already", () => {
  const { mapper } = open(32);
  mapper.mapTo(0x3000n, 0, P);
  const error: LoadError = assertThrows(() => void mapper.mapFresh(0n, 4 * PAGE, P, "bss"), LoadError);
  assertEquals([error.code, error.detail.value], ["page-already-mapped", 0x3000n]);
  assertEquals([...mapper.leaves()].length, 1);
});

Deno.test("mapFresh() says how many bytes there is no room for if frames run out", () => {
  const { mapper } = open(8);
  const error: LoadError = assertThrows(() => void mapper.mapFresh(0n, 16 * PAGE, P, "bss"), LoadError);
  assertEquals([error.code, error.detail.value], ["frames-exhausted", 12 * PAGE]);
});

Deno.test("mapFresh() refuses a range that is misaligned, not canonical or out of its half", () => {
  const { mapper, frames } = open(32);
  for (const [virt, size] of [[1n, PAGE], [0n, 1], [1n << 47n, PAGE], [0x7fff_ffff_f000n, 2 * PAGE]] as const) {
    assertThrows(() => void mapper.mapFresh(virt, size, P, "bss"), RangeError);
  }
  assertEquals(frames.framesAllocated, 0);
});

Deno.test("mapFresh() clears frames of memory that was used before", () => {
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(16 * PAGE) });
  memory.bytes(PAGE, 15 * PAGE).fill(0xee);
  const frames = frameLedger(ascendingFrames({ start: PAGE, end: memory.size }), memory, [], false);
  const mapper = createMapper({ memory, level4Frame: 0, frames, parentFlags: "writable" });
  const [run] = mapper.mapFresh(0n, PAGE, P, "bss");
  assertEquals(memory.bytes(run.phys, PAGE), new Uint8Array(PAGE));
  assertEquals([...mapper.leaves()].length, 1);
});
