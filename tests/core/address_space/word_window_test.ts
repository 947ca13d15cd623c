import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { NO_PAGE, openWordWindow } from "../../../core/address_space/word_window.ts";
import { LoadError } from "../../../core/errors.ts";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import { NO_EXECUTE, PRESENT } from "../../../core/paging/entry.ts";
import { openSpace } from "./open_space.ts";

const BASE = 0x10_0000;
const PAGE = 0x40_0000;

/** Four pages of a file at 0x40_0000, in memory that starts at 1 MiB. */
function openFile({ frames = 16, buffer = new ArrayBuffer(0x2_0000) as ArrayBufferLike } = {}) {
  const memory = physicalMemory({ base: BASE, buffer });
  const file = { phys: BASE + 0x1000, size: 0x4000 };
  memory.bytes(file.phys, file.size).forEach((_, at, bytes) => bytes[at] = at >> 8);
  const allocator = ascendingFrames({ start: BASE + 0x8000, end: BASE + 0x8000 + frames * 0x1000 });
  const space = openSpace({ memory, level4Frame: BASE, allocator, file });
  space.map(BigInt(PAGE), file.phys, PRESENT | NO_EXECUTE, { size: file.size });
  return { memory, space, window: openWordWindow(space), file };
}

Deno.test("a page is read where it is, and written in a frame of its own", () => {
  for (const buffer of [new ArrayBuffer(0x2_0000), new SharedArrayBuffer(0x2_0000)]) {
    const { space, window, file } = openFile({ buffer });
    const { framesAllocated } = space.frames;
    assertEquals(window.readable(PAGE + 0x1000), 0x2000);
    assertEquals(space.frames.framesAllocated, framesAllocated);
    const offset = window.writable(PAGE + 0x1000);
    assertEquals(space.frames.framesAllocated, framesAllocated + 1);
    assertNotEquals(offset, 0x2000);
    assertEquals(window.view.getUint8(offset + 0x100), 0x11);
    window.view.setUint8(offset, 0xff);
    assertEquals(space.read(BigInt(PAGE + 0x1000), 1)[0], 0xff);
    assertEquals(space.memory.bytes(file.phys + 0x1000, 1)[0], 0x10);
    assertEquals(window.writable(PAGE + 0x1000), offset);
    assertEquals(window.readable(PAGE + 0x1000), offset);
    assertEquals(space.frames.framesAllocated, framesAllocated + 1);
  }
});

Deno.test("wordsAt() has the same bytes as the view", () => {
  const { window } = openFile();
  const offset = window.readable(PAGE + 0x2000);
  assertEquals(window.wordsAt(offset)[(offset + 0x104) >>> 2], window.view.getInt32(offset + 0x104, true));
});

Deno.test("wordsAt() takes offsets above 4 GiB", () => {
  const buffer = new ArrayBuffer(2 ** 32 + 0x1000); // the system commits no page of it before it is touched
  const memory = physicalMemory({ base: BASE, buffer });
  const allocator = ascendingFrames({ start: BASE + 2 ** 32, end: BASE + 2 ** 32 + 0x1000 });
  const space = openSpace({
    memory,
    level4Frame: BASE,
    allocator: ascendingFrames({ start: BASE, end: BASE + 0x8000, skip: BASE }),
  });
  const phys = allocator.allocateFrame("bss")!;
  space.map(BigInt(PAGE), phys, PRESENT);
  const window = openWordWindow(space);
  const offset = window.writable(PAGE);
  assertEquals(offset, 2 ** 32);
  window.wordsAt(offset)[(offset + 8) >>> 2] = 0x1234_5678;
  assertEquals(window.view.getInt32(offset + 8, true), 0x1234_5678);
  assertEquals([...space.read(BigInt(PAGE + 8), 4)], [0x78, 0x56, 0x34, 0x12]);
});

Deno.test("pages that are not mapped, or lie outside memory, are not there", () => {
  const { space, window } = openFile();
  space.map(0x80_0000n, 0, PRESENT);
  space.map(0x80_1000n, BASE + 0x2_0000, PRESENT);
  for (const page of [PAGE + 0x4000, 0x80_0000, 0x80_1000, 2 ** 48 - 0x1000]) {
    assertEquals([window.readable(page), window.writable(page)], [NO_PAGE, NO_PAGE]);
  }
});

Deno.test("changes made without the window are seen after forget()", () => {
  const { space, window } = openFile();
  const before = window.readable(PAGE);
  const phys = space.unshare(BigInt(PAGE));
  window.forget();
  const after = window.readable(PAGE);
  assert(before !== after);
  assertEquals(after, phys - BASE);
});

Deno.test("pages that share a place in the window do not get each other's frames", () => {
  const { memory, space } = openFile();
  const window = openWordWindow(space);
  const far = PAGE + 64 * 0x1000; // 64 pages on: the same place
  space.map(BigInt(far), BASE + 0x1_f000, PRESENT);
  memory.bytes(BASE + 0x1_f000, 1)[0] = 0xab;
  for (let round = 0; round < 3; round++) {
    assertEquals(window.readable(PAGE), 0x1000);
    assertEquals(window.view.getUint8(window.readable(far)), 0xab);
  }
  const own = window.writable(PAGE);
  assertEquals(window.writable(far), 0x1_f000);
  assertEquals([window.readable(PAGE), window.writable(PAGE)], [own, own]);
});

Deno.test("writable() fails like unshare() when no frame is left", () => {
  const { window } = openFile({ frames: 3 }); // which the page tables take
  const error = assertThrows(() => window.writable(PAGE), LoadError);
  assertEquals(error.code, "frames-exhausted");
});
