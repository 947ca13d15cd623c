import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ascendingFrames, type FrameAllocator } from "../../../core/memory/frame_allocator.ts";

const PAGE = 0x1000;

/** Every frame that an allocator has left, one by one. */
function drain(frames: FrameAllocator): readonly number[] {
  const taken: number[] = [];
  for (let frame = frames.allocateFrame("bss"); frame !== undefined; frame = frames.allocateFrame("bss")) {
    taken.push(frame);
  }
  return taken;
}

const SKIPS: readonly (readonly [string, number | undefined, readonly number[]])[] = [
  ["nothing", undefined, [0x1000, 0x2000, 0x3000, 0x4000]],
  ["the first frame", 0x1000, [0x2000, 0x3000, 0x4000]],
  ["a frame in the middle", 0x3000, [0x1000, 0x2000, 0x4000]],
  ["the last frame", 0x4000, [0x1000, 0x2000, 0x3000]],
  ["a frame before the range", 0, [0x1000, 0x2000, 0x3000, 0x4000]],
  ["a frame after the range", 0x5000, [0x1000, 0x2000, 0x3000, 0x4000]],
];

for (const [what, skip, expected] of SKIPS) {
  Deno.test(`ascendingFrames() hands out every frame once, ascending, and leaves out ${what}`, () => {
    const frames = ascendingFrames({ start: 0x1000, end: 0x5000, skip });
    assertStrictEquals(frames.framesLeft, expected.length);
    assertEquals(drain(frames), expected);
    assertStrictEquals(frames.framesLeft, 0);
    assertStrictEquals(frames.framesAllocated, expected.length);
    assertEquals([frames.allocateFrame("table"), frames.allocateFrames!(1, "table")], [undefined, undefined]);
    assertStrictEquals(frames.framesAllocated, expected.length);
  });
}

Deno.test("nextFrame of ascendingFrames() is the next frame that can be handed out, never the one left out", () => {
  const frames = ascendingFrames({ start: 0x1000, end: 0x5000, skip: 0x2000 });
  const seen = [frames.nextFrame];
  for (const _ of "123") {
    frames.allocateFrame("bss");
    seen.push(frames.nextFrame);
  }
  assertEquals(seen, [0x1000, 0x3000, 0x4000, 0x5000]);
  assertStrictEquals(ascendingFrames({ start: 0x1000, end: 0x5000, skip: 0x1000 }).nextFrame, 0x2000);
});

Deno.test("allocateFrames() of ascendingFrames() gives runs that fit, and leaves everything as it was for others", () => {
  const frames = ascendingFrames({ start: 0x1000, end: 0x8000, skip: 0x4000 });
  assertStrictEquals(frames.allocateFrames!(4, "bss"), undefined); // across the one left out
  assertEquals([frames.nextFrame, frames.framesAllocated], [0x1000, 0]);
  assertStrictEquals(frames.allocateFrames!(3, "bss"), 0x1000);
  assertEquals([frames.nextFrame, frames.framesAllocated], [0x5000, 3]);
  assertStrictEquals(frames.allocateFrames!(4, "bss"), undefined); // across the end
  assertStrictEquals(frames.allocateFrames!(2 ** 40, "bss"), undefined);
  assertStrictEquals(frames.allocateFrames!(3, "bss"), 0x5000);
  assertEquals([frames.nextFrame, frames.framesAllocated], [0x8000, 6]);
});

Deno.test("ascendingFrames() hands out no frame twice, whatever is asked for", () => {
  const requests = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 40 });
  fc.assert(fc.property(requests, fc.nat(70), (counts, skipped) => {
    const [start, end, skip] = [0x1000, 65 * PAGE, skipped * PAGE];
    const frames = ascendingFrames({ start, end, skip });
    let last = 0;
    let handed = 0;
    for (const count of counts) {
      const first = count === 1 ? frames.allocateFrame("bss") : frames.allocateFrames!(count, "bss");
      if (first === undefined) continue;
      const after = first + count * PAGE;
      assert(first >= start && after <= end && first % PAGE === 0 && first >= last);
      assert(skip < first || skip >= after);
      last = after;
      handed += count;
      assertStrictEquals(frames.framesAllocated, handed);
      assert(frames.nextFrame >= last && frames.nextFrame !== skip);
    }
  }));
});

Deno.test("ascendingFrames() refuses addresses that are no multiple of 4096 up to 2^52", () => {
  const range = { start: 0x1000, end: 0x5000, skip: 0x2000 };
  for (const name of ["start", "end", "skip"]) {
    for (const value of [0x1800, -PAGE, 0.5, NaN, Infinity, 2 ** 52 + PAGE]) {
      assertThrows(() => ascendingFrames({ ...range, [name]: value }), RangeError, undefined, `${name} ${value}`);
    }
    assertThrows(() => ascendingFrames({ ...range, [name]: "4096" }), TypeError, undefined, name);
  }
});

Deno.test("ascendingFrames() has no frames where the range is empty or ends before it starts", () => {
  for (const end of [0, 0x3000]) assertEquals(drain(ascendingFrames({ start: 0x3000, end })), []);
});
