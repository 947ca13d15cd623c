import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { equals } from "@std/bytes/equals";
import fc from "fast-check";
import { ascendingFrames, type FrameAllocator } from "../../../core/memory/frame_allocator.ts";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";

const PAGE = 0x1000;
const MIB = 2 ** 20;

/** Every frame that an allocator has left, one by one. */
function drain(frames: FrameAllocator): readonly number[] {
  const taken: number[] = [];
  for (let frame = frames.allocateFrame("bss"); frame !== undefined; frame = frames.allocateFrame("bss")) {
    taken.push(frame);
  }
  return taken;
}

// ascendingFrames()

const SKIPS: readonly (readonly [string, number | undefined, readonly number[]])[] = [
  ["nothing", undefined, [0x1000, 0x2000, 0x3000, 0x4000]],
  ["the first frame", 0x1000, [0x2000, 0x3000, 0x4000]],
  ["a frame in the middle", 0x3000, [0x1000, 0x2000, 0x4000]],
  ["the last frame", 0x4000, [0x1000, 0x2000, 0x3000]],
  ["a frame before the range", 0, [0x1000, 0x2000, 0x3000, 0x4000]],
  ["a frame behind the range", 0x5000, [0x1000, 0x2000, 0x3000, 0x4000]],
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
      const behind = first + count * PAGE;
      assert(first >= start && behind <= end && first % PAGE === 0 && first >= last);
      assert(skip < first || skip >= behind);
      last = behind;
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

// frameLedger()

const MEMORY = () => physicalMemory({ base: MIB, buffer: new Uint8Array(MIB).fill(0xee).buffer });

function allocatorOf(
  frames: readonly (number | undefined)[],
  runs: readonly (number | undefined)[] = [],
): FrameAllocator {
  const [left, runsLeft] = [[...frames], [...runs]];
  return {
    allocateFrame: () => left.shift(),
    allocateFrames: () => runsLeft.shift(),
    nextFrame: 0x77000,
    framesAllocated: 5,
  };
}

Deno.test("allocateRun() zeroes its frames, unless they are known to be zero", () => {
  for (const zeroed of [false, true]) {
    const memory = MEMORY();
    const ledger = frameLedger(allocatorOf([MIB + PAGE], [MIB + 3 * PAGE]), memory, [], zeroed);
    assertEquals(ledger.allocateRun(1, "bss"), { phys: MIB + PAGE, size: PAGE, owner: "bss" });
    assertEquals(ledger.allocateRun(2, "copy"), { phys: MIB + 3 * PAGE, size: 2 * PAGE, owner: "copy" });
    const content = [0, 1, 2, 3, 4, 5].map((frame) => memory.bytes(MIB + frame * PAGE, PAGE));
    const byte = zeroed ? 0xee : 0;
    assertEquals(content.map((bytes) => bytes[0]), [0xee, byte, 0xee, byte, byte, 0xee]);
    assert(content.every((bytes) => bytes.every((each) => each === bytes[0])));
  }
});

Deno.test("allocateRun() gives one frame where the allocator has no such run, or knows no runs", () => {
  const one = { phys: MIB, size: PAGE, owner: "bss" };
  assertEquals(frameLedger(allocatorOf([MIB], [undefined]), MEMORY(), [], false).allocateRun(3, "bss"), one);
  const { allocateFrames: _, ...plain } = allocatorOf([MIB]);
  assertEquals(frameLedger(plain, MEMORY(), [], false).allocateRun(3, "bss"), one);
  assertStrictEquals(frameLedger(allocatorOf([], []), MEMORY(), [], false).allocateRun(3, "bss"), undefined);
  assertStrictEquals(frameLedger(allocatorOf([], []), MEMORY(), [], false).allocateRun(1, "bss"), undefined);
});

Deno.test("runs() joins neighbours of one owner and keeps the order of taking", () => {
  const ledger = frameLedger(allocatorOf([1, 2, 5, 4, 3, 6].map((at) => MIB + at * PAGE)), MEMORY(), [], false);
  for (const owner of ["table", "table", "table", "bss", "bss", "my own"]) ledger.allocateRun(1, owner);
  assertEquals(ledger.runs(), [
    { phys: MIB + PAGE, size: 2 * PAGE, owner: "table" },
    { phys: MIB + 5 * PAGE, size: PAGE, owner: "table" },
    { phys: MIB + 4 * PAGE, size: PAGE, owner: "bss" },
    { phys: MIB + 3 * PAGE, size: PAGE, owner: "bss" },
    { phys: MIB + 6 * PAGE, size: PAGE, owner: "my own" },
  ]);
  assertEquals([ledger.nextFrame, ledger.framesAllocated], [0x77000, 5]);
});

const TAKEN = [{ start: MIB + 8 * PAGE, end: MIB + 10 * PAGE, what: "something else" }];

Deno.test("allocateRun() refuses frames that are misaligned, outside memory or taken, and writes nothing there", () => {
  const untouched = new Uint8Array(MIB).fill(0xee);
  const singles = [
    MIB + 1,
    MIB + 0x800,
    0,
    MIB - PAGE,
    2 * MIB,
    -PAGE,
    NaN,
    Infinity,
    0.5,
    ...[8, 9].map((at) => MIB + at * PAGE),
  ];
  for (const frame of singles) {
    const memory = MEMORY();
    const ledger = frameLedger(allocatorOf([frame]), memory, TAKEN, false);
    assertThrows(() => ledger.allocateRun(1, "bss"), RangeError, "frame allocator");
    assert(equals(memory.bytes(MIB, MIB), untouched));
    assertEquals(ledger.runs(), []);
  }
  // runs of four frames whose first, last or middle frames are not to be had
  for (const first of [5, 7, 9, 253].map((at) => MIB + at * PAGE)) {
    const memory = MEMORY();
    const ledger = frameLedger(allocatorOf([], [first]), memory, TAKEN, false);
    assertThrows(() => ledger.allocateRun(4, "bss"), RangeError, "frame allocator");
    assert(equals(memory.bytes(MIB, MIB), untouched));
  }
  for (const first of [4, 10, 252].map((at) => MIB + at * PAGE)) {
    assertStrictEquals(
      frameLedger(allocatorOf([], [first]), MEMORY(), TAKEN, false).allocateRun(4, "bss")?.phys,
      first,
    );
  }
});
