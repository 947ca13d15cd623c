import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { LoadError } from "../../../core/errors.ts";
import type { FrameAllocator } from "../../../core/memory/frame_allocator.ts";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";

const PAGE = 0x1000;
const MIB = 2 ** 20;

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

function assertUnusable(allocate: () => unknown, frame: number): void {
  const error: LoadError = assertThrows(() => void allocate(), LoadError, "from the frame allocator");
  assertEquals([error.code, error.detail.value], ["frame-unusable", frame]);
}

Deno.test("a frame that is handed out twice is refused, in whatever order frames come", () => {
  const at = (page: number) => MIB + page * PAGE;
  for (const pages of [[1, 1], [1, 2, 1], [3, 2, 1, 2], [5, 3, 4, 3]]) {
    const ledger = frameLedger(allocatorOf(pages.map(at)), MEMORY(), [], false);
    for (const _ of pages.slice(1)) ledger.allocateRun(1, "bss");
    assertUnusable(() => ledger.allocateRun(1, "bss"), at(pages[pages.length - 1]));
  }
  const ledger = frameLedger(allocatorOf([at(4)], [at(3), at(6)]), MEMORY(), [], false);
  ledger.allocateRun(2, "bss");
  ledger.allocateRun(2, "bss");
  assertUnusable(() => ledger.allocateRun(1, "bss"), at(4));
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
    assertUnusable(() => ledger.allocateRun(1, "bss"), frame);
    assert(equals(memory.bytes(MIB, MIB), untouched));
    assertEquals(ledger.runs(), []);
  }
  // runs of four frames whose first, last or middle frames are not to be had
  for (const first of [5, 7, 9, 253].map((at) => MIB + at * PAGE)) {
    const memory = MEMORY();
    const ledger = frameLedger(allocatorOf([], [first]), memory, TAKEN, false);
    assertUnusable(() => ledger.allocateRun(4, "bss"), first);
    assert(equals(memory.bytes(MIB, MIB), untouched));
  }
  for (const first of [4, 10, 252].map((at) => MIB + at * PAGE)) {
    assertStrictEquals(
      frameLedger(allocatorOf([], [first]), MEMORY(), TAKEN, false).allocateRun(4, "bss")?.phys,
      first,
    );
  }
});

Deno.test("claimBelow() takes the lowest frame that fits, is not in use and that the allocator never hands out", () => {
  const memory = MEMORY();
  const taken = [{ start: MIB, end: MIB + PAGE, what: "something else" }];
  const ledger = frameLedger(allocatorOf([MIB + PAGE]), memory, taken, false, MIB + 8 * PAGE);
  ledger.allocateRun(1, "bss");
  const all = () => true;
  assertStrictEquals(ledger.claimBelow(2 * MIB, "own", all), MIB + 2 * PAGE);
  assertStrictEquals(ledger.claimBelow(2 * MIB, "own", (phys) => phys >= MIB + 5 * PAGE), MIB + 5 * PAGE);
  assertStrictEquals(ledger.claimBelow(2 * MIB, "own", all), MIB + 3 * PAGE);
  assertStrictEquals(ledger.claimBelow(MIB + 4 * PAGE, "own", all), undefined); // below that all are in use
  assertStrictEquals(ledger.claimBelow(2 * MIB, "own", (phys) => phys >= MIB + 8 * PAGE), undefined);
  assertEquals(ledger.runs(), [
    { phys: MIB + PAGE, size: PAGE, owner: "bss" },
    { phys: MIB + 2 * PAGE, size: PAGE, owner: "own" },
    { phys: MIB + 5 * PAGE, size: PAGE, owner: "own" },
    { phys: MIB + 3 * PAGE, size: PAGE, owner: "own" },
  ]);
  assertEquals(memory.bytes(MIB + 2 * PAGE, 2 * PAGE), new Uint8Array(2 * PAGE));
});

Deno.test("claimBelow() claims nothing if it is not known which frames the allocator hands out", () => {
  assertStrictEquals(
    frameLedger(allocatorOf([]), MEMORY(), [], false).claimBelow(2 * MIB, "own", () => true),
    undefined,
  );
});
