import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { PF_R, PF_W, PF_X } from "../../../core/elf/constants.ts";
import { loadKernel, type LoadOptions } from "../../../core/load_kernel.ts";
import type { LoadedKernel } from "../../../core/loaded_kernel.ts";
import {
  containsFrame,
  freshMemory,
  type PhysicalMemory,
  physicalMemory,
} from "../../../core/memory/physical_memory.ts";
import type { RuleSetName } from "../../../core/rules.ts";
import { buildElf } from "../../elf_builder.ts";

const MIB = 2 ** 20;
const RULES: readonly RuleSetName[] = ["default", "bootloader-0.10"];

// The window

Deno.test("physicalMemory() is a window on the caller's buffer: both see what either writes", () => {
  for (const buffer of [new ArrayBuffer(0x3000), new SharedArrayBuffer(0x3000)]) {
    const memory = physicalMemory({ base: 0x10_0000, buffer });
    assertEquals([memory.base, memory.size, memory.buffer === buffer, memory.fresh], [0x10_0000, 0x3000, true, false]);
    memory.bytes(0x10_1000, 2).set([1, 2]);
    new Uint8Array(buffer)[0x1002] = 3;
    assertEquals([...memory.bytes(0x10_0fff, 5)], [0, 1, 2, 3, 0]);
  }
});

Deno.test("bytes() gives every range inside the window, and refuses every other", () => {
  for (const base of [0, 0x10_0000, 2 ** 52 - 0x3000]) {
    const memory = physicalMemory({ base, buffer: new ArrayBuffer(0x3000) });
    const end = base + 0x3000;
    for (const [address, length] of [[base, 0], [base, 0x3000], [end - 1, 1], [end, 0], [base + 0xfff, 0x1002]]) {
      assertStrictEquals(memory.bytes(address, length).length, length);
    }
    const outside: readonly (readonly [number, number])[] = [
      [base, 0x3001],
      [base - 1, 1],
      [base - 1, 0],
      [end, 1],
      [end + 1, 0],
      [end - 1, 2],
      [base, -1],
      [base + 10, -5],
      [base + 0.5, 1],
      [base, 1.5],
      [NaN, 1],
      [base, NaN],
      [base, Infinity],
      [Infinity, 1],
    ];
    for (const [address, length] of outside) assertThrows(() => memory.bytes(address, length), RangeError);
  }
});

Deno.test("physicalMemory() takes whole pages up to 2^52 and refuses every other base and size", () => {
  const windows: readonly (readonly [number, number])[] = [
    [0, 0x1000],
    [0x1000, 0x2000],
    [2 ** 52 - 0x1000, 0x1000],
    [2 ** 51, 0x1000],
    [0, 0],
  ];
  for (const [base, size] of windows) {
    const memory = physicalMemory({ base, buffer: new ArrayBuffer(size) });
    assertEquals([memory.base, memory.size], [base, size]);
  }
  const refused: readonly (readonly [unknown, number])[] = [
    [1, 0x1000],
    [0xfff, 0x1000],
    [-0x1000, 0x1000],
    [0.5, 0x1000],
    [NaN, 0x1000],
    [Infinity, 0x1000],
    [2 ** 52, 0x1000],
    [2 ** 52 - 0x1000, 0x2000],
    [2 ** 53, 0x1000],
    [0, 1],
    [0, 0xfff],
    [0, 0x1001],
  ];
  for (const [base, size] of refused) {
    assertThrows(() => physicalMemory({ base: base as number, buffer: new ArrayBuffer(size) }), RangeError);
  }
  for (const base of ["0", undefined]) {
    assertThrows(() => physicalMemory({ base: base as never, buffer: new ArrayBuffer(0x1000) }), TypeError);
  }
});

Deno.test("physicalMemory() refuses what is not a buffer, a typed array above all: a view of one would be a copy", () => {
  for (const buffer of [new Uint8Array(0x1000), new Uint32Array(0x400), { byteLength: 0x1000 }]) {
    assertThrows(() => physicalMemory({ base: 0, buffer: buffer as never }), TypeError);
  }
});

Deno.test("freshMemory() is zero, says so, and keeps the bounds of a window", () => {
  const memory = freshMemory(0x10_0000, 0x2000);
  assertEquals([memory.base, memory.size, memory.fresh], [0x10_0000, 0x2000, true]);
  assert(memory.bytes(0x10_0000, 0x2000).every((byte) => byte === 0));
  for (const [base, size] of [[1, 0x1000], [0, 0x1001], [2 ** 52, 0x1000], [0, 2 ** 60], [0, -0x1000]]) {
    assertThrows(() => freshMemory(base, size), RangeError);
  }
});

Deno.test("containsFrame() holds for the page-aligned frames of a window", () => {
  const memory = physicalMemory({ base: 0x1_0000, buffer: new ArrayBuffer(0x3000) });
  const inside = [0x1_0000, 0x1_1000, 0x1_2000];
  const outside = [0, 0xf000, 0x1_0001, 0x1_0fff, 0x1_2001, 0x1_3000, -0x1000, NaN, Infinity, 0.5];
  assertEquals([...inside, ...outside].filter((frame) => containsFrame(memory, frame)), inside);
});

// Whole loads

/** Three pages of the file; then a page that is copied for its bss, and two zeroed pages. */
const TEXT = { p_flags: PF_R | PF_X, p_vaddr: 0xffff_ffff_8000_0000n, offset: 0x1000, filesz: 0x3000 };
const DATA = { p_flags: PF_R | PF_W, p_vaddr: 0xffff_ffff_8000_3000n, offset: 0x4000, filesz: 0x321, p_memsz: 0x2800n };
const FILE = buildElf({ header: { e_entry: TEXT.p_vaddr }, segments: [TEXT, DATA], length: 0x4400 });

/** A page walk of our own: the entries from level 4 to 1, or as far as they are present. */
function walk({ memory, level4Frame }: LoadedKernel, virt: bigint): readonly bigint[] {
  const entries: bigint[] = [];
  let table = level4Frame;
  for (const shift of [39n, 30n, 21n, 12n]) {
    const index = Number((virt >> shift) & 511n);
    const entry = new DataView(memory.buffer, table - memory.base + index * 8, 8).getBigUint64(0, true);
    entries.push(entry);
    if ((entry & 1n) === 0n) break;
    table = Number(entry & 0x000f_ffff_ffff_f000n);
  }
  return entries;
}

const frameOf = (entry: bigint): number => Number(entry & 0x000f_ffff_ffff_f000n);

function assertLoaded(kernel: LoadedKernel, kernelOffset: number): void {
  const { memory } = kernel;
  const leaf = (virt: bigint): bigint => {
    const entries = walk(kernel, virt);
    assertStrictEquals(entries.length, 4, `0x${virt.toString(16)} is not mapped`);
    return entries[3];
  };
  for (let page = 0; page < 3; page++) {
    const entry = leaf(TEXT.p_vaddr + BigInt(page * 0x1000));
    const frame = kernelOffset + TEXT.offset + page * 0x1000;
    assertEquals([frameOf(entry), entry & ~0x000f_ffff_ffff_f000n], [frame, 1n]);
    assert(equals(memory.bytes(frame, 0x1000), FILE.subarray(0x1000 + page * 0x1000, 0x2000 + page * 0x1000)));
  }
  const expected = new Uint8Array(0x3000);
  expected.set(FILE.subarray(DATA.offset, DATA.offset + DATA.filesz));
  for (let page = 0; page < 3; page++) {
    const entry = leaf(DATA.p_vaddr + BigInt(page * 0x1000));
    assertStrictEquals(entry & ~0x000f_ffff_ffff_f000n, (1n << 63n) | 3n);
    assert(equals(memory.bytes(frameOf(entry), 0x1000), expected.subarray(page * 0x1000, (page + 1) * 0x1000)));
  }
  assertStrictEquals(walk(kernel, DATA.p_vaddr + 0x3000n).at(-1)! & 1n, 0n, "a page too many is mapped");
  assertStrictEquals(walk(kernel, TEXT.p_vaddr - 0x1000n).at(-1)! & 1n, 0n, "a page too many is mapped");

  const [text, copy, bss] = [...kernel.mappings()];
  assertEquals([text.virt, text.phys, text.size], [TEXT.p_vaddr, kernelOffset + TEXT.offset, 0x3000]);
  assertStrictEquals(copy.phys, frameOf(leaf(DATA.p_vaddr)));
  assertStrictEquals(bss?.phys ?? copy.phys + 0x1000, frameOf(leaf(DATA.p_vaddr + 0x1000n)));
}

/** [where the window starts, where the file is placed in it] */
const PLACES: readonly (readonly [string, number, number])[] = [
  ["at 0", 0, 0],
  ["at 0, the file further up", 0, 0x5000],
  ["at 1 MiB", MIB, MIB + 0x1000],
  ["below 4 GiB, the text across it", 2 ** 32 - MIB, 2 ** 32 - 0x2000],
  ["below 4 GiB, the tables across it", 2 ** 32 - MIB, 2 ** 32 - 0x7000],
  ["at 4 GiB", 2 ** 32, 2 ** 32],
  ["at 2^40", 2 ** 40, 2 ** 40 + 0x3000],
  ["below 2^51", 2 ** 51 - 0x2000, 2 ** 51 - 0x2000],
  ["below 2^52", 2 ** 52 - 2 * MIB, 2 ** 52 - MIB],
];

for (const [where, base, kernelOffset] of PLACES) {
  Deno.test(`a small window ${where} holds a whole load, and its tables lead there`, async () => {
    for (const rules of RULES) {
      for (const level4Frame of [undefined, base + 0xf_0000]) {
        const memory = physicalMemory({ base, buffer: new ArrayBuffer(2 * MIB) });
        const kernel = await loadKernel(FILE, { rules, memory, kernelOffset, level4Frame });
        assertLoaded(kernel, kernelOffset);
        if (level4Frame !== undefined) assertStrictEquals(kernel.level4Frame, level4Frame);
        const tables = [...kernel.pageTable.tables()];
        assertEquals(tables.map(({ level }) => level), [4, 3, 2, 1]);
        assertEquals(tables.filter(({ frame }) => !containsFrame(memory, frame)), []);
      }
    }
  });
}

Deno.test("memory of our own can start at any page below 2^52", async () => {
  for (const base of [0x7000, 2 ** 32 - MIB, 2 ** 45, 2 ** 52 - 64 * MIB]) {
    const kernel = await loadKernel(FILE, { memory: { base } });
    assertLoaded(kernel, base + 2 * MIB);
    assertStrictEquals(kernel.memory.base, base);
  }
});

Deno.test("memory of our own that would fit below 2^52 is not refused for its reserve", async () => {
  const base = 2 ** 52 - 3 * MIB;
  assertLoaded(await loadKernel(FILE, { memory: { base } }), base + 2 * MIB);
});

// Memory that is not zero

function soil(buffer: ArrayBufferLike, how: "0xff" | "random"): PhysicalMemory {
  const words = new Uint32Array(buffer);
  let state = 0x2545_f491;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = how === "0xff" ? 0xffff_ffff : state;
  }
  return physicalMemory({ base: MIB, buffer });
}

/** Files whose pages are copied, merged and zeroed in every way that a rule set has. */
const DIRTY_FILES: readonly (readonly [string, Uint8Array, readonly RuleSetName[]])[] = [
  ["copies and bss", FILE, RULES],
  [
    "a table after the segments",
    buildElf({ header: { e_phoff: 0x4500n }, segments: [TEXT, DATA], length: 0x5000 }),
    RULES,
  ],
  [
    "bytes that are copied to other offsets, and pages that are merged",
    buildElf({
      segments: [
        { ...TEXT, p_vaddr: 0x40_0123n, offset: 0x1000, filesz: 0x1100, p_align: 1n },
        { ...DATA, p_vaddr: 0x40_1800n, offset: 0x2800, filesz: 0x200, p_memsz: 0x1000n, p_align: 1n },
        { ...DATA, p_vaddr: 0x40_2900n, offset: 0x2900, filesz: 0n, p_memsz: 0x10n, p_align: 1n },
      ],
    }),
    ["default"],
  ],
  [
    "an empty file part inside a page",
    buildElf({ segments: [TEXT, { ...DATA, p_vaddr: 0x40_0080n, offset: 0x1080, filesz: 0n }], length: 0x5000 }),
    ["bootloader-0.10"],
  ],
];

/** Asserts that a load into dirty memory leaves in every frame in use what a load into fresh memory does. */
async function assertSameInDirty(file: Uint8Array, options: LoadOptions): Promise<void> {
  const fresh = await loadKernel(file, { ...options, memory: { base: MIB, size: MIB } });
  for (const how of ["0xff", "random"] as const) {
    for (const buffer of [new ArrayBuffer(MIB), new SharedArrayBuffer(MIB)]) {
      const dirty = await loadKernel(file, { ...options, memory: soil(buffer, how) });
      assertEquals(dirty.frameRuns(), fresh.frameRuns());
      assertEquals([dirty.nextFrame, [...dirty.mappings()]], [fresh.nextFrame, [...fresh.mappings()]]);
      for (const { phys, size, owner } of fresh.frameRuns()) {
        const [one, other] = [dirty.memory.bytes(phys, size), fresh.memory.bytes(phys, size)];
        assert(equals(one, other), `a frame of ${owner} at 0x${phys.toString(16)} differs`);
      }
    }
  }
}

for (const [what, file, ruleSets] of DIRTY_FILES) {
  Deno.test(`memory that is not zero gives the bytes of fresh memory in every frame in use: ${what}`, async () => {
    for (const rules of ruleSets) {
      for (const level4Frame of [undefined, MIB + 0x1000]) {
        await assertSameInDirty(file, { rules, kernelOffset: MIB + 0x2000, level4Frame });
      }
    }
  });
}

Deno.test("memory that a kernel was loaded into serves again for another", async () => {
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(MIB) });
  const options = { memory, kernelOffset: 0x1000 };
  await loadKernel(DIRTY_FILES[2][1], options);
  const again = await loadKernel(FILE, options);
  assertLoaded(again, 0x1000);
  const fresh = await loadKernel(FILE, { ...options, memory: { size: MIB } });
  for (const { phys, size } of fresh.frameRuns()) {
    assert(equals(again.memory.bytes(phys, size), fresh.memory.bytes(phys, size)));
  }
});

const SOURCES = [["bytes", () => FILE], ["a stream", () => new Blob([FILE]).stream()]] as const;

for (const [kind, source] of SOURCES) {
  for (const rules of RULES) {
    Deno.test(`no byte of the caller's memory is written outside the frames in use (${kind}, ${rules})`, async () => {
      const memory = soil(new ArrayBuffer(MIB), "0xff");
      const options = { rules, memory, kernelOffset: MIB + 0x3000, level4Frame: MIB + 0x1000 };
      const kernel = await loadKernel(source(), options);
      const used = new Set<number>();
      for (const { phys, size } of kernel.frameRuns()) {
        for (let frame = phys; frame < phys + size; frame += 0x1000) used.add(frame);
      }
      for (let frame = MIB; frame < 2 * MIB; frame += 0x1000) {
        if (used.has(frame)) continue;
        assert(memory.bytes(frame, 0x1000).every((byte) => byte === 0xff), `0x${frame.toString(16)} was written`);
      }
    });

    Deno.test(`memory that holds what is in use and not a page more suffices (${kind}, ${rules})`, async () => {
      const { nextFrame } = await loadKernel(FILE, { rules, kernelOffset: 0 });
      const kernel = await loadKernel(source(), { rules, kernelOffset: 0, memory: { size: nextFrame } });
      assertLoaded(kernel, 0);
    });
  }
}
