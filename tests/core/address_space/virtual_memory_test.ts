import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { LoadError } from "../../../core/errors.ts";
import { ascendingFrames } from "../../../core/memory/frame_allocator.ts";
import { frameLedger } from "../../../core/memory/frame_ledger.ts";
import { freshMemory, physicalMemory } from "../../../core/memory/physical_memory.ts";
import { createMapper } from "../../../core/paging/mapper.ts";
import { readVirtual, writeVirtual } from "../../../core/address_space/virtual_memory.ts";
import { loadKernel } from "../../../mod.ts";
import { buildElf, fileByte } from "../../elf_builder.ts";

const PAGE = 0x1000;
const MIB2 = 0x20_0000;
const BASE = 0x40_0000;
const P = 1n;

/** The byte that these tests put at a physical address. */
function byteAt(address: number): number {
  return (address * 3 + Math.floor(address / PAGE) * 7) % 251;
}

const SIZE = 4 * MIB2;
const TABLES = 16 * PAGE;
const CONTENT = Uint8Array.from({ length: SIZE - TABLES }, (_, at) => byteAt(BASE + TABLES + at));

/** 8 MiB of memory, all of it filled by address but for the tables in its first frames. */
function open() {
  const memory = freshMemory(BASE, SIZE);
  memory.bytes(BASE + TABLES, CONTENT.length).set(CONTENT);
  const frames = frameLedger(ascendingFrames({ start: BASE + PAGE, end: BASE + TABLES }), memory, [], true);
  const pageTable = createMapper({ memory, level4Frame: BASE, frames, parentFlags: "writable" });
  const read = (virt: bigint, length: number) => readVirtual(memory, pageTable, virt, length);
  return { memory, pageTable, read };
}

function bytesAt(address: number, length: number): readonly number[] {
  return Array.from({ length }, (_, index) => byteAt(address + index));
}

Deno.test("readVirtual() reads across pages whose frames are not neighbours", () => {
  const { pageTable, read } = open();
  const phys = [0x50_0000, 0x42_3000, 0x60_1000];
  phys.forEach((frame, index) => pageTable.mapTo(0x1f_f000n + BigInt(index * PAGE), frame, P));
  assertEquals([...read(0x1f_fffen, PAGE + 4)], [
    ...bytesAt(0x50_0ffe, 2),
    ...bytesAt(0x42_3000, PAGE),
    ...bytesAt(0x60_1000, 2),
  ]);
});

Deno.test("readVirtual() reads within and across pages of 2 MiB", () => {
  const { pageTable, read } = open();
  pageTable.mapTo(0x20_0000n, 0x80_0000, P, { pageSize: MIB2 });
  pageTable.mapTo(0x40_0000n, 0x60_0000, P, { pageSize: MIB2 });
  pageTable.mapTo(0x60_0000n, 0x5f_f000, P);
  assertEquals([...read(0x31_2345n, 8)], bytesAt(0x91_2345, 8));
  assertEquals([...read(0x3f_fffdn, 6)], [...bytesAt(0x9f_fffd, 3), ...bytesAt(0x60_0000, 3)]);
  assertEquals([...read(0x5f_fffdn, 6)], [...bytesAt(0x7f_fffd, 3), ...bytesAt(0x5f_f000, 3)]);
});

Deno.test("readVirtual() reads a 1 GiB page that an entry of the test's own maps", () => {
  const { memory, pageTable, read } = open();
  pageTable.mapTo(0n, 0x50_0000, P);
  new DataView(memory.buffer).setBigUint64(PAGE + 8, P | 0x80n, true); // level 3, index 1: frames from 0 on
  assertEquals([...read(0x4000_0000n + 0x54_3210n, 5)], bytesAt(0x54_3210, 5));
});

Deno.test("readVirtual() reads the last bytes of both halves", () => {
  const { pageTable, read } = open();
  pageTable.mapTo(0x7fff_ffff_f000n, 0x50_0000, P);
  pageTable.mapTo(0xffff_ffff_ffff_f000n, 0x51_0000, P);
  assertEquals([...read(0x7fff_ffff_fffcn, 4)], bytesAt(0x50_0ffc, 4));
  assertEquals([...read(0xffff_ffff_ffff_fffcn, 4)], bytesAt(0x51_0ffc, 4));
});

Deno.test("readVirtual() gives a copy, and nothing for no bytes", () => {
  const { memory, pageTable, read } = open();
  pageTable.mapTo(0n, 0x50_0000, P);
  const copy = read(0n, 3);
  copy.fill(0);
  assertEquals([...memory.bytes(0x50_0000, 3)], bytesAt(0x50_0000, 3));
  pageTable.mapTo(0x1000n, 0, P); // outside memory
  for (const virt of [0n, 0x1000n, 0x2000n, 0xffff_ffff_ffff_ffffn]) assertEquals(read(virt, 0), new Uint8Array());
});

Deno.test("readVirtual() returns bytes of a buffer of their own, even from shared memory", () => {
  const memory = physicalMemory({ base: BASE, buffer: new SharedArrayBuffer(8 * PAGE) });
  const frames = frameLedger(ascendingFrames({ start: BASE + PAGE, end: BASE + 6 * PAGE }), memory, [], true);
  const pageTable = createMapper({ memory, level4Frame: BASE, frames, parentFlags: "writable" });
  pageTable.mapTo(0n, BASE + 6 * PAGE, P, { size: 2 * PAGE });
  memory.bytes(BASE + 7 * PAGE - 2, 4).set([1, 2, 3, 4]);
  for (const [virt, bytes] of [[0xffen, [1, 2]], [0x1000n, [3, 4]], [0xffen, [1, 2, 3, 4]]] as const) {
    const { buffer } = readVirtual(memory, pageTable, virt, bytes.length);
    assert(buffer instanceof ArrayBuffer);
    assertEquals([...new Uint8Array(buffer)], [...bytes]);
  }
});

Deno.test("readVirtual() refuses a range with a page that is not mapped, and names the first such byte", async (t) => {
  const cases = [
    { what: "the first page", virt: 0x3ffen, length: 4, at: 0x3ffen },
    { what: "the last page", virt: 0x4ffen, length: PAGE + 4, at: 0x6000n },
    { what: "a page in the middle", virt: 0x5000n, length: 3 * PAGE, at: 0x6000n },
    { what: "no level-4 entry", virt: 0xffff_8000_0000_0000n, length: 1, at: 0xffff_8000_0000_0000n },
  ];
  for (const { what, virt, length, at } of cases) {
    await t.step(what, () => {
      const { pageTable, read } = open();
      for (const page of [0x4000n, 0x5000n, 0x7000n]) pageTable.mapTo(page, 0x50_0000, P);
      const error: LoadError = assertThrows(() => void read(virt, length), LoadError);
      assertEquals(error.code, "page-not-mapped");
      assertEquals(error.detail.value, at);
    });
  }
});

Deno.test("readVirtual() refuses what is out of bounds", async (t) => {
  const { pageTable, read } = open();
  pageTable.mapTo(0x7fff_ffff_f000n, 0x50_0000, P);
  pageTable.mapTo(0xffff_ffff_ffff_f000n, 0x50_0000, P);
  pageTable.mapTo(0x1000n, 0x3f_f000, P, { size: 2 * PAGE });
  pageTable.mapTo(0x3000n, 0xbf_f000, P, { size: 2 * PAGE });
  const hole = "address-not-canonical";
  const cases = [
    { what: "an address that is not canonical", virt: 0x8000_0000_0000n, length: 1, code: hole, at: 0x8000_0000_0000n },
    { what: "an address below 0", virt: -1n, length: 1, code: hole, at: -1n },
    { what: "a range into the hole", virt: 0x7fff_ffff_ffffn, length: 2, code: hole, at: 0x8000_0000_0000n },
    { what: "a range across the hole", virt: 1n, length: 2 ** 53 - 1, code: hole, at: 0x1f_ffff_ffff_ffffn },
    { what: "a range past the top", virt: 2n ** 64n - 1n, length: 2, code: "address-overflow", at: 2n ** 64n },
    { what: "a frame below memory", virt: 0x1000n, length: 1, code: "frame-out-of-memory", at: 0x1000n },
    { what: "a frame after memory", virt: 0x3000n, length: PAGE + 1, code: "frame-out-of-memory", at: 0x4000n },
  ];
  for (const { what, virt, length, code, at } of cases) {
    await t.step(what, () => {
      const error: LoadError = assertThrows(() => void read(virt, length), LoadError);
      assertEquals<unknown>([error.code, error.detail.value], [code, at]);
    });
  }
  for (const length of [-1, 0.5, NaN, 2 ** 60]) {
    await t.step(`a length of ${length}`, () => void assertThrows(() => void read(0x1000n, length), RangeError));
  }
  await t.step(
    "an address that is not a bigint",
    () => void assertThrows(() => void read(0x1000 as never, 1), TypeError),
  );
});

Deno.test("readVirtual() reads any range as byte by byte through translate()", () => {
  const { pageTable, read } = open();
  const frames = [0x41_0000, 0x7f_f000, 0x41_1000, 0xbf_f000, 0x43_0000, 0x43_1000];
  frames.forEach((frame, index) => pageTable.mapTo(0x1f_d000n + BigInt(index * PAGE), frame, P));
  pageTable.mapTo(0x40_0000n, 0x80_0000, P, { pageSize: MIB2 });
  const end = frames.length * PAGE;
  fc.assert(
    fc.property(fc.nat(end), fc.nat(end), (a, b) => {
      const virt = 0x1f_d000n + BigInt(Math.min(a, b));
      const expected = Array.from({ length: Math.abs(a - b) }, (_, index) => {
        const found = pageTable.translate(virt + BigInt(index));
        return found.mapped ? byteAt(found.phys) : -1;
      });
      assertEquals([...read(virt, Math.abs(a - b))], expected);
    }),
    { numRuns: 25 },
  );
});

// writeVirtual()

Deno.test("writeVirtual() writes across pages, in both halves, and unshares each page once it has found them all", () => {
  const { memory, pageTable, read } = open();
  const frames = [0x50_0000, 0x42_3000, 0x60_1000];
  frames.forEach((frame, index) => pageTable.mapTo(0x1f_f000n + BigInt(index * PAGE), frame, P));
  pageTable.mapTo(0x7fff_ffff_f000n, 0x61_0000, P);
  pageTable.mapTo(0xffff_ffff_ffff_f000n, 0x61_1000, P);
  const asked: bigint[] = [];
  const unshare = (virt: bigint): number => {
    asked.push(virt);
    const found = pageTable.translate(virt);
    return found.mapped ? found.phys : NaN;
  };
  const bytes = Uint8Array.from({ length: PAGE + 4 }, (_, at) => at);
  writeVirtual(memory, pageTable, 0x1f_fffen, bytes, unshare);
  assertEquals(asked, [0x1f_fffen, 0x20_0000n, 0x20_1000n]);
  assertEquals(read(0x1f_fffen, bytes.length), bytes);
  assertEquals([...memory.bytes(0x50_0ffd, 1), ...memory.bytes(0x60_1002, 1)], [
    ...bytesAt(0x50_0ffd, 1),
    ...bytesAt(0x60_1002, 1),
  ]);
  for (const top of [0x7fff_ffff_fffcn, 0xffff_ffff_ffff_fffcn]) {
    writeVirtual(memory, pageTable, top, new Uint8Array([1, 2, 3, 4]), unshare);
    assertEquals(read(top, 4), new Uint8Array([1, 2, 3, 4]));
  }
  asked.length = 0;
  writeVirtual(memory, pageTable, 0x8000n, new Uint8Array(), unshare);
  assertEquals(asked, []);
});

Deno.test("writeVirtual() refuses as readVirtual() does, before it unshares or writes anything", () => {
  const { memory, pageTable } = open();
  pageTable.mapTo(0x1000n, 0x50_0000, P);
  pageTable.mapTo(0x7fff_ffff_f000n, 0x50_0000, P);
  pageTable.mapTo(0xffff_ffff_ffff_f000n, 0x50_0000, P);
  pageTable.mapTo(0x4000n, 0x50_0000, P);
  pageTable.mapTo(0x5000n, 0xc0_0000, P); // outside memory
  const before = new Uint8Array(memory.buffer).slice();
  const unshare = () => {
    throw new Error("a page was unshared");
  };
  const cases = [
    [0x1ffen, "page-not-mapped", 0x2000n],
    [0x2000n, "page-not-mapped", 0x2000n],
    [0x4ffen, "frame-out-of-memory", 0x5000n],
    [0x7fff_ffff_fffen, "address-not-canonical", 0x8000_0000_0001n],
    [0x8000_0000_0000n, "address-not-canonical", 0x8000_0000_0000n],
    [0xffff_ffff_ffff_fffen, "address-overflow", (1n << 64n) + 1n],
  ] as const;
  for (const [virt, code, value] of cases) {
    const write = () => writeVirtual(memory, pageTable, virt, new Uint8Array(4).fill(0xee), unshare);
    const error: LoadError = assertThrows(write, LoadError);
    assertEquals<unknown>([error.code, error.detail.value], [code, value]);
  }
  assertEquals(new Uint8Array(memory.buffer), before);
});

// Of loaded kernels

Deno.test("the read of a loaded kernel goes from the file's bytes through the copied page into the bss", async () => {
  const file = buildElf({
    segments: [{ offset: 0x1000, filesz: 0x1800, p_memsz: 0x4000n, p_vaddr: 0xffff_ffff_8000_0000n, p_flags: 6 }],
  });
  const kernel = await loadKernel(file);
  const bytes = Array.from({ length: 0x4000 }, (_, at) => at < 0x1800 ? fileByte(0x1000 + at) : 0);
  assertEquals([...kernel.read(0xffff_ffff_8000_0000n, 0x4000)], bytes);
  assertEquals([...kernel.read(0xffff_ffff_8000_17fen, 4)], [...bytes.slice(0x17fe, 0x1800), 0, 0]);
  const error: LoadError = assertThrows(() => void kernel.read(0xffff_ffff_8000_3fffn, 2), LoadError);
  assertEquals(error.code, "page-not-mapped");
  assertEquals(error.detail.value, 0xffff_ffff_8000_4000n);
});

Deno.test("a kernel loads again into the memory of its first load, whatever was written there", async () => {
  const file = buildElf({
    segments: [{ offset: 0x1000, filesz: 0x1800, p_memsz: 0x4000n, p_vaddr: 0xffff_ffff_8000_0000n, p_flags: 6 }],
  });
  const first = await loadKernel(file);
  const before = first.memory.bytes(first.memory.base, first.memory.size).slice();
  const bss = first.pageTable.translate(0xffff_ffff_8000_3000n);
  if (bss.mapped) first.memory.bytes(bss.phys, PAGE).fill(0xee);
  const second = await loadKernel(file, { memory: first.memory });
  assertEquals(second.nextFrame, first.nextFrame);
  assertEquals(second.memory.bytes(second.memory.base, second.memory.size), before);
});
