/** Comparisons of kernels: rule sets, bases, plugins, patched bytes, dumps with holes, and hostile page tables. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type AnyPlugin, type LoadedKernel, loadKernel, type LoadOptions, physicalMemory } from "../../../mod.ts";
import { diffKernels, diffSteps, openTableSet, readSymbols, type TableSet } from "../../../explain/mod.ts";
import { openSnapshot, type PhysicalPages, snapshot } from "../../../explain/mod.ts";
import { framesInBoth } from "../../../explain/diff/frames_in_both.ts";
import { ACCESSED, DIRTY, PRESENT, WRITABLE } from "../../../core/paging/mod.ts";
import { PF_R, PF_W, PF_X } from "../../../core/elf/constants.ts";
import { presets } from "../../../plugins/presets.ts";
import { buildElf } from "../../elf_builder.ts";
import { runTool, testWithTools } from "../../tools.ts";

const PAGE = 4096;
const HELLO = "examples/hello/hello.elf";
const PIE = "examples/hello/hello-pie.elf";

type Options = Omit<LoadOptions<readonly AnyPlugin[]>, "pipeline">;

async function load(path: string | Uint8Array, options: Options = {}): Promise<LoadedKernel> {
  const file = typeof path === "string" ? await Deno.readFile(path) : path.slice();
  return await loadKernel(file, { ...presets.default, ...options }) as unknown as LoadedKernel;
}

Deno.test("two loads of a file are the same, at any physical address", async () => {
  for (const path of [HELLO, PIE]) {
    const a = await load(path);
    const b = await load(path, { memory: { base: 0x4000_0000 }, kernelOffset: 0x4123_4000 });
    assertEquals(diffKernels(a, b).verdict, "same");
    const found = diffKernels(a, b, { physical: true });
    assertEquals(found.mappings.changed, found.mappings.both);
    assertEquals(found.mappings.items.map(({ lost, gained }) => [lost, gained]).flat(2), []);
  }
});

Deno.test("a kernel at another base has moved, and nothing else", async () => {
  const [a, b] = [await load(PIE, { kernelBase: 0x1_0000n }), await load(PIE, { kernelBase: 0xffff_8000_0000_0000n })];
  const found = diffKernels(a, b);
  assertEquals([found.verdict, found.addresses, found.distance], ["moved", "linked", 0xffff_7fff_ffff_0000n]);
  assertEquals(found.facts.map(({ fact }) => fact), ["entryPoint", "virtualAddressOffset", "tlsTemplate"]);
  assertEquals(found.level4.items.map(({ kind, index }) => [kind, index]), [["removed", 0], ["added", 256]]);
  assertEquals([found.mappings.items, found.content.ranges.items], [[], []]);
  const plain = diffKernels(a, b, { absolute: true });
  assertEquals([plain.verdict, plain.addresses, plain.mappings.both], ["different", "plain", 0]);
  assertEquals([plain.mappings.added, plain.mappings.removed], [found.mappings.both, found.mappings.both]);
});

Deno.test("what does not belong to a kernel stays where it is when kernels are matched as linked", async () => {
  const base = 0x40_0000n;
  const [a, b] = [await load(PIE, { kernelBase: base }), await load(PIE, { kernelBase: 0x7000n + base })];
  for (const { addressSpace } of [a, b]) {
    addressSpace.mapFresh(0x10_0000_0000n, PAGE, PRESENT, "mine");
    addressSpace.memory.bytes(addressSpace.frameRuns().at(-1)?.phys ?? 0, 1)[0] = 7;
  }
  assertEquals(diffKernels(a, b).verdict, "moved");
  // A has pages of its own where B's kernel is, and B where A's is: they are not matched with the kernels.
  a.addressSpace.mapFresh(base + 0xc000n, PAGE, PRESENT, "of a");
  b.addressSpace.mapFresh(base + 0x1000n, PAGE, PRESENT, "of b");
  const { items } = diffKernels(a, b).mappings;
  assertEquals(items.map(({ kind, address, a, b }) => [kind, address, a?.owner, b?.owner]), [
    ["added", base + 0x1000n, undefined, "of b"],
    ["removed", base + 0xc000n, "of a", undefined],
  ]);
});

testWithTools(["readelf"], "the words that move with a kernel are those that its relocations write", async () => {
  const relocations = (await runTool("readelf", ["-rW", PIE])).match(/R_X86_64_RELATIVE/g) ?? [];
  assert(relocations.length > 0);
  // The bases differ in the lowest, in middle and in high bytes of a word, upwards and downwards.
  for (const [one, other] of [[0x1000n, 0x2000n], [0x8000_0000_0000n - 0x10_0000n, 0n], [0n, 0xffff_ffff_8000_0000n]]) {
    const [a, b] = [await load(PIE, { kernelBase: one }), await load(PIE, { kernelBase: other })];
    const { content, verdict } = diffKernels(a, b);
    assertEquals([verdict, content.movedWords, content.differing], ["moved", relocations.length, 0]);
  }
});

Deno.test("a word that moved is found where it is not aligned, or crosses a page", async () => {
  const file = buildElf({
    header: { e_type: 3, e_entry: 0x1000n },
    segments: [{ p_vaddr: 0x1000n, p_flags: PF_R | PF_W, offset: 0x1000, filesz: 0x3000 }],
  });
  const base = 0x1234_5678_9000n;
  for (const at of [0x1003n, 0x1ffdn, 0x1fffn, 0x2001n, 0x3ff8n]) {
    const [a, b] = [await load(file, { kernelBase: 0n }), await load(file, { kernelBase: base })];
    const pointer = new DataView(new ArrayBuffer(8));
    for (const [kernel, value] of [[a, 0x1_ff80n], [b, base + 0x1_ff80n]] as const) {
      pointer.setBigUint64(0, value, true);
      kernel.addressSpace.write(at + kernel.virtualAddressOffset, new Uint8Array(pointer.buffer));
    }
    const { content } = diffKernels(a, b);
    assertEquals([content.movedWords, content.differing], [1, 0], `at ${at}`);
    b.addressSpace.write(at + base + 7n, new Uint8Array([1])); // now it is another value
    assertEquals(diffKernels(a, b).content.movedWords, 0);
    assert(diffKernels(a, b).content.differing > 0);
  }
});

Deno.test("what a plugin does is shown: RELRO takes a permission away", async () => {
  const [a, b] = [
    await load(PIE),
    await load(PIE, { plugins: presets.default.plugins.filter(({ name }) => name !== "relro") }),
  ];
  const { verdict, mappings, content, level4 } = diffKernels(a, b);
  assertEquals([verdict, content.differing, level4.items.length], ["different", 0, 0]);
  assertEquals(
    mappings.items.map(({ kind, lost, gained, a, b }) => [kind, lost, gained, a?.permissions, b?.permissions]),
    [
      ["changed", [], ["WRITABLE"], "R--", "RW-"],
    ],
  );
});

Deno.test("the rules of v0.10 let a table forbid what its entries allow: level-4 entries and owners differ", async () => {
  const file = buildElf({
    segments: [
      { p_vaddr: 0x40_0000n, p_flags: PF_R | PF_X, offset: 0x1000, filesz: PAGE },
      { p_vaddr: 0x8000_0000_0000n - 0x1000n, p_flags: PF_R, offset: 0x2000, filesz: PAGE },
      { p_vaddr: 0x50_0000n, p_flags: PF_R | PF_W, offset: 0x2000, filesz: PAGE },
    ],
    length: 0x4000, // those rules want a byte after the last segment
  });
  const [a, b] = [await load(file), await load(file, presets["bootloader-0.10"])];
  const { mappings, content, level4 } = diffKernels(a, b);
  // Only the last entry has no writable page below it, and the writable page is the file's own under those rules.
  assertEquals(level4.items.map(({ index, kind, lost, gained }) => [index, kind, lost, gained]), [
    [255, "changed", ["WRITABLE"], []],
  ]);
  assertEquals(mappings.items.map(({ address, a, b, lost, gained }) => [address, a?.owner, b?.owner, lost, gained]), [
    [0x50_0000n, "copy", "file", [], []],
  ]);
  assertEquals(content.differing, 0);
});

testWithTools(["nm", "readelf"], "bytes that differ are named by section and symbol", async () => {
  const [[, start, size]] = [...(await runTool("nm", ["-S", HELLO])).matchAll(/^(\w+) (\w+) \w kernel_main$/gm)];
  const [, text] = /\] \.text +PROGBITS +(\w+)/.exec(await runTool("readelf", ["-SW", HELLO])) ?? [];
  const address = BigInt(`0x${start}`);
  assert(address > BigInt(`0x${text}`) && Number(`0x${size}`) > 0x40);
  const [a, b] = [await load(HELLO), await load(HELLO)];
  const old = a.read(address + 0x20n, 1)[0];
  b.addressSpace.write(address + 0x20n, new Uint8Array([old ^ 0xff]));
  const symbols = await readSymbols(await Deno.readFile(HELLO));
  for (const named of [{ a: symbols, b: symbols }, { a: symbols }, { b: symbols }]) {
    const { content } = diffKernels(a, b, { symbols: named });
    assertEquals(content.sections.items, [{ name: ".text", address: address + 0x20n, differing: 1 }]);
    assertEquals(content.symbols.items, [{ name: "kernel_main", address: address + 0x20n, differing: 1 }]);
    assertEquals(content.segments.items, [{ name: "LOAD", segment: 0, address: address + 0x20n, differing: 1 }]);
    assertEquals(content.ranges.items, [{
      address: address + 0x20n,
      size: 1,
      differing: 1,
      a: new Uint8Array([old]),
      b: new Uint8Array([old ^ 0xff]),
      segment: 0,
      section: ".text",
      symbol: { name: "kernel_main", offset: 0x20 },
    }]);
  }
});

Deno.test("bytes that are in no segment are counted, and a range ends with its segment", async () => {
  const file = buildElf({ segments: [{ p_vaddr: 0x40_0000n, p_flags: PF_R | PF_W, offset: 0x1000, filesz: 0x800 }] });
  const [a, b] = [await load(file), await load(file)];
  b.addressSpace.write(0x40_07fen, new Uint8Array(4).fill(0));
  b.addressSpace.write(0x40_0800n, new Uint8Array([1, 2]));
  const { content } = diffKernels(a, b);
  assertEquals([content.differing, content.outside], [4, 2]);
  assertEquals(content.ranges.items.map(({ address, size, segment, pageOf }) => [address, size, segment, pageOf]), [
    [0x40_07fen, 2, 0, undefined],
    [0x40_0800n, 2, undefined, 0],
  ]);
});

Deno.test("a snapshot, page tables, and a kernel are compared with one another", async () => {
  const kernel = await load(HELLO);
  const dump = dumpOf(kernel);
  for (const other of [dump, openSnapshot(structuredClone(snapshot(kernel)))]) {
    const found = diffKernels(kernel, other);
    assertEquals([found.verdict, found.unknown.items], ["same", []]);
  }
});

Deno.test("ACCESSED and DIRTY are counted separately, or counted if asked for", async () => {
  const kernel = await load(HELLO);
  const dump = dumpOf(kernel);
  for (const { virt, flags } of kernel.pageTable.leaves()) {
    kernel.pageTable.updateFlags(virt, { set: (flags & WRITABLE) === 0n ? ACCESSED : ACCESSED | DIRTY });
  }
  const size = 6 * PAGE;
  const ignored = diffKernels(dump, kernel);
  assertEquals([ignored.verdict, ignored.mappings.accessed], ["same", size]);
  const { verdict, mappings } = diffKernels(dump, kernel, { accessed: true });
  assertEquals([verdict, mappings.accessed, mappings.changed], ["different", 0, size]);
  for (const { a, gained } of mappings.items) {
    assertEquals(gained, a?.permissions === "RW-" ? ["ACCESSED", "DIRTY"] : ["ACCESSED"]);
  }
});

Deno.test("memory that is not known is neither the same nor different", async () => {
  const kernel = await load(HELLO);
  const dump = dumpOf(kernel);
  const entry = kernel.pageTable.translate(kernel.entryPoint);
  assert(entry.mapped);
  const frame = entry.phys - entry.phys % PAGE;
  const withoutPage = { ...dump, pages: without(dump.pages, frame) };
  const start = kernel.entryPoint - kernel.entryPoint % BigInt(PAGE);
  for (
    const [a, b, side] of [[kernel, withoutPage, "b"], [withoutPage, dump, "a"], [
      withoutPage,
      withoutPage,
      "both",
    ]] as const
  ) {
    const { verdict, unknown } = diffKernels(a, b);
    assertEquals([verdict, unknown.items], ["same", [{ side, what: "content", address: start, size: PAGE }]]);
  }
  const [, table] = kernel.pageTable.tables();
  const withoutTable = { ...dump, pages: without(dump.pages, table.frame) };
  // The segments are looked at before the rest on both sides of them, but it is one range.
  assertEquals(diffKernels(kernel, withoutTable).unknown.items, [
    { side: "b", what: "table", address: table.virt, size: Number(2n ** 64n - table.virt) },
  ]);
  const nothing = { ...dump, pages: without(dump.pages, dump.root) };
  assertEquals(diffKernels(nothing, nothing).unknown.items.map(({ side, what }) => [side, what]), [
    ["both", "table"],
    ["both", "table"],
  ]);
});

function dumpOf(kernel: LoadedKernel): TableSet {
  const { memory, level4Frame } = kernel;
  return openTableSet({
    memory: physicalMemory({ base: memory.base, buffer: memory.buffer.slice(0) }),
    cr3: level4Frame,
  });
}

function without(pages: PhysicalPages, hole: number): PhysicalPages {
  return {
    bytes: (phys, length) => phys >= hole && phys < hole + PAGE ? undefined : pages.bytes(phys, length),
    words: (frame) => frame === hole ? undefined : pages.words(frame),
  };
}

/** Page tables made by hand: each table has entries of an index, the number of a page, and flags. */
function handMade(
  tables: readonly (readonly (readonly [index: number, page: number, flags: bigint])[])[],
  { levels = 4, pages = 16 }: { readonly levels?: 4 | 5; readonly pages?: number } = {},
): TableSet & { readonly memory: Uint8Array; readonly entries: BigUint64Array } {
  const buffer = new ArrayBuffer(pages * PAGE);
  const entries = new BigUint64Array(buffer);
  tables.forEach((table, at) => {
    for (const [index, page, flags] of table) entries[at * 512 + index] = BigInt(page * PAGE) | flags;
  });
  const set = openTableSet({ memory: physicalMemory({ base: 0, buffer }), cr3: 0, levels });
  return { ...set, memory: new Uint8Array(buffer), entries };
}

const ALL = Array.from({ length: 512 }, (_, index) => index);
const RW = PRESENT | WRITABLE;

/** Four tables that map one page 2^36 times. */
function sharedTables(): ReturnType<typeof handMade> {
  return handMade([1, 2, 3, 4].map((next) => ALL.map((index) => [index, next, RW] as const)));
}

Deno.test("four tables that map 2^36 pages are compared at once", () => {
  const [a, b] = [sharedTables(), sharedTables()];
  const same = diffKernels(a, b);
  assertEquals([same.verdict, same.complete, same.content.compared], ["same", true, PAGE]);
  assertEquals(same.repeated, { items: [], more: 0 });
  b.memory[4 * PAGE + 5] = 1;
  const { content, repeated, complete } = diffKernels(a, b);
  assertEquals([content.differing, complete, content.first?.address], [1, true, 5n]);
  // All that follows goes through the same tables: of level 1, then of level 2, and of level 3.
  assertEquals(repeated.items.length + repeated.more, 3 * 511);
  assertEquals(repeated.items[0], { address: 0x20_0000n, size: 0x20_0000, as: 0n });
  const [empty] = [handMade([[]])];
  assertEquals(diffKernels(empty, a).mappings.added, 512 * PAGE);
  assert([...framesInBoth(a, b)].length <= 2 ** 20);
});

Deno.test("pages of different sizes, reserved bits and five levels are compared by what they map", () => {
  const HUGE = 1n << 7n;
  const small = handMade([[[0, 1, RW]], [[0, 2, RW]], [[0, 3, RW]], ALL.map((index) => [index, 512 + index, RW])], {
    pages: 1024,
  });
  const large = handMade([[[0, 1, RW]], [[0, 2, RW]], [[0, 512, RW | HUGE]]], { pages: 1024 });
  const [mapping] = diffKernels(small, large).mappings.items;
  assertEquals([mapping.size, mapping.a?.pageSize, mapping.b?.pageSize], [0x20_0000, PAGE, 0x20_0000]);
  assertEquals([mapping.kind, mapping.lost, mapping.gained], ["changed", [], []]);
  const reserved = handMade([[[0, 1, RW]], [[0, 2, RW]], [[0, 512, RW | HUGE | 1n << 13n]]], { pages: 1024 });
  assertEquals(diffKernels(reserved, large).mappings.items.map(({ kind }) => kind), ["added"]);
  assertEquals(diffKernels(reserved, reserved).verdict, "same");
  const five = handMade([[[0, 1, RW], [511, 5, RW]], [[0, 2, RW]], [[0, 3, RW]], [[0, 4, RW]], [[7, 9, RW]], [[
    511,
    2,
    RW,
  ]]], {
    levels: 5,
  });
  const four = handMade([[[0, 1, RW], [511, 1, RW]], [[0, 2, RW]], [[0, 3, RW]], [[7, 9, RW]]]);
  const found = diffKernels(five, four);
  assertEquals([found.mappings.items, found.facts], [[], [{ fact: "levels", a: 5, b: 4 }]]);
  assertEquals(found.level4.items, []);
  four.entries[3 * 512 + 8] = 0x9000n | PRESENT;
  assertEquals(diffKernels(five, four).mappings.items.map(({ address }) => address), [0x8000n]);
});

Deno.test("tables that contain themselves are not followed", () => {
  const tables = (recursive: boolean) =>
    handMade([[[0, 1, RW], [510, recursive ? 0 : 1, RW]], [[0, 2, RW]], [[0, 3, RW]], [[7, 9, RW]]]);
  assertEquals(diffKernels(tables(true), tables(true)).verdict, "same");
  const { verdict, level4 } = diffKernels(tables(true), tables(false));
  assertEquals(verdict, "different");
  assertEquals(level4.items.map(({ index, kind, lost, gained }) => [index, kind, lost, gained]), [[
    510,
    "changed",
    [],
    [],
  ]]);
});

Deno.test("page tables are compared by what they map, not as bytes", () => {
  // Page 5 maps all of memory, tables included; in B, another table maps the same page.
  const a = handMade([
    [[0, 1, RW], [1, 2, RW]],
    [[0, 3, RW]],
    [[0, 4, RW]],
    [[0, 5, RW]],
    [[0, 5, RW]],
    ALL.slice(0, 16).map((at) => [at, at, RW]),
  ]);
  const { content } = diffKernels(a, a);
  assertEquals([content.compared, content.tables], [10 * PAGE, 6 * PAGE]);
});

Deno.test("frames that are mapped at several addresses are compared once", () => {
  const tables = () =>
    handMade([[[0, 1, RW]], [[0, 2, RW]], [[0, 3, RW], [1, 4, RW]], [[0, 8, RW], [1, 9, RW], [2, 10, RW]], [
      [3, 9, RW],
      [4, 10, RW],
      [5, 11, RW],
    ]]);
  const [a, b] = [tables(), tables()];
  for (const page of [8, 9, 10, 11]) b.memory[page * PAGE + page] = 1;
  const { content } = diffKernels(a, b);
  assertEquals([content.compared, content.differing], [4 * PAGE, 4]);
  assertEquals(content.ranges.items.map(({ address }) => address), [8n, 0x1009n, 0x200an, 0x20_500bn]);
});

Deno.test("a comparison goes in steps, and refuses a limit that is none", async () => {
  const file = buildElf({ segments: [{ p_vaddr: 0x40_0000n, offset: 0x1000, filesz: 0x10_0000 }] });
  const [a, b] = [await load(file), await load(file)];
  const steps = diffSteps(a, b);
  let count = 0;
  let step = steps.next();
  for (; !step.done; step = steps.next()) count++;
  assert(count >= 4, `${count} steps for 1 MiB`);
  assertEquals(step.value, diffKernels(a, b));
  for (const limit of [-1, 0.5, NaN, Infinity]) assertThrows(() => diffKernels(a, b, { limit }), RangeError, "limit");
});

Deno.test("the frames that a comparison reads of B are those of pages that A maps, segments first", async () => {
  const kernel = await load(HELLO);
  const frames = [...kernel.mappings()].flatMap(({ phys, size }) =>
    Array.from({ length: size / PAGE }, (_, at) => phys + at * PAGE)
  );
  assertEquals([...framesInBoth(kernel, dumpOf(kernel))], frames);
});
