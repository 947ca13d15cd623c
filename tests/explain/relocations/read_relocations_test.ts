/** Relocation entries of files that are built for one question each. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { readRelocations } from "../../../explain/relocations/read_relocations.ts";
import type { KernelRelocations, RelocationEntry } from "../../../explain/relocations/kernel_relocations.ts";
import { LoadError } from "../../../mod.ts";
import { kernelFile, type KernelSpec, RELA, RELR, type Tags, WORDS } from "../../plugins/relocate/kernel_file.ts";
import { writeSection } from "../../plugins/section_file.ts";
import { damaged, recorded } from "../sources.ts";

const ALL = [0n, 1n << 64n] as const;
const JMPREL = RELA + 240;
const RELATIVE = 8;

const read = (spec: KernelSpec) => readRelocations(kernelFile(spec));

/** Tags for the tables of a kernel: sizes in entries. */
function tags(
  counts: { readonly rela?: number; readonly jumps?: number; readonly relr?: number },
  ...more: Tags
): Tags {
  const { rela, jumps, relr } = counts;
  const number = BigInt;
  return [
    ...(rela === undefined ? [] : [[7n, number(RELA)], [8n, number(24 * rela)], [9n, 24n]] as const),
    ...(jumps === undefined ? [] : [[23n, number(JMPREL)], [2n, number(24 * jumps)], [20n, 7n]] as const),
    ...(relr === undefined ? [] : [[36n, number(RELR)], [35n, number(8 * relr)], [37n, 8n]] as const),
    [6n, 0x2400n],
    [5n, 0x2500n],
    [10n, 0x100n],
    ...more,
    [0n, 0n],
  ];
}

/** What tests look at: the table, the entry, and the place. */
function listed(relocations: KernelRelocations) {
  return [...relocations.inRange(...ALL)].map(({ table, entry, place }) => `${table} ${entry} ${place.toString(16)}`);
}

Deno.test("an entry has its table, its place in the file, its type and its addend", async () => {
  const relocations = await read({
    rela: [[WORDS, RELATIVE, 0, -5n], [WORDS + 16, 1, 2, 0x7fn], [WORDS + 8, 99, 0, 1n]],
    symbols: [[1, 0x12, 1, 0x1234n], [7, 0x22, 0, 0n], [1, 0x10, 0xfff1, 9n]],
  });
  const common = { table: "DT_RELA", tag: "DT_RELA", header: 2 } as const;
  const expected: readonly RelocationEntry[] = [
    { ...common, entry: 0, fileOffset: RELA, place: BigInt(WORDS), type: "R_X86_64_RELATIVE", addend: -5n },
    { ...common, entry: 2, fileOffset: RELA + 48, place: BigInt(WORDS + 8), type: "99", addend: 1n },
    {
      ...common,
      entry: 1,
      fileOffset: RELA + 24,
      place: BigInt(WORDS + 16),
      type: "R_X86_64_64",
      symbol: { index: 2, name: "beta", value: 0n, defined: false, absolute: false },
      addend: 0x7fn,
    },
  ];
  assertEquals([...relocations.inRange(...ALL)], [...expected]);
  assertEquals(relocations.tables, [{ name: "DT_RELA", tag: "DT_RELA", header: 2, fileOffset: RELA, entries: 3 }]);
  assertEquals([relocations.count, relocations.isPartial], [3, false]);
  assertEquals([...relocations.inRange(BigInt(WORDS + 1), BigInt(WORDS + 16))], [expected[1]]);
  assertEquals(relocations.countIn(BigInt(WORDS), BigInt(WORDS + 9)), 2);
});

Deno.test("places, addends and words have all their 64 bits", async () => {
  const base = 0x1234_5678_9abc_0000n;
  const addend = 0x0fed_cba9_8765_4321n;
  const words = [0x1122_3344_5566_7788n];
  const relocations = await read({
    base,
    rela: [[WORDS + 8, RELATIVE, 0, addend]],
    relr: [base + BigInt(WORDS)],
    words,
  });
  const found = [...relocations.inRange(...ALL)].map(({ tag, place, addend }) => [tag, place, addend]);
  assertEquals(found, [["DT_RELR", base + BigInt(WORDS), words[0]], ["DT_RELA", base + BigInt(WORDS + 8), addend]]);
  assertEquals(relocations.at(base + BigInt(WORDS + 8)).length, 1);
});

Deno.test("an address is covered by words that start up to seven bytes before it", async () => {
  const relocations = await read({ rela: [[WORDS, RELATIVE, 0, 1n], [WORDS + 4, RELATIVE, 0, 2n]] });
  const at = (by: number) => relocations.at(BigInt(WORDS + by)).map(({ addend }) => addend);
  assertEquals([-1, 0, 3, 4, 7, 8, 11, 12].map(at), [[], [1n], [1n], [1n, 2n], [1n, 2n], [2n], [2n], []]);
  for (const address of [-1n, 0n, 6n, 1n << 64n, 1n << 70n]) assertEquals(relocations.at(address), []);
});

Deno.test("entries of one place are in the order in which they are applied: DT_RELR, DT_RELA, DT_JMPREL", async () => {
  const entry = [WORDS, RELATIVE, 0, 1n] as const;
  const rela = [entry, [WORDS + 8, RELATIVE, 0, 2n], ...Array(9).fill([0, 0, 0, 0n]), entry] as const;
  const relocations = await read({ rela, relr: [BigInt(WORDS), 0b11n], tags: tags({ rela: 2, jumps: 2, relr: 2 }) });
  const place = BigInt(WORDS);
  assertEquals(relocations.tables.map(({ name, entries }) => [name, entries]), [["DT_RELR", 2], ["DT_RELA", 2], [
    "DT_JMPREL",
    2,
  ]]);
  assertEquals(relocations.at(place).map(({ tag, entry }) => [tag, entry]), [["DT_RELR", 0], ["DT_RELA", 0], [
    "DT_JMPREL",
    1,
  ]]);
  assertEquals(relocations.at(place + 8n).map(({ tag, entry }) => [tag, entry]), [["DT_RELR", 1], ["DT_RELA", 1]]);
});

Deno.test("the last 64 of more entries for one word are found", async () => {
  const rela = Array.from({ length: 20 }, () => [WORDS, RELATIVE, 0, 1n] as const);
  assertEquals((await read({ rela })).at(BigInt(WORDS)).map(({ entry }) => entry), rela.map((_, at) => at));
  const relr = Array.from({ length: 50 }, () => BigInt(WORDS));
  const both = await read({ rela, relr });
  assertEquals(
    both.at(BigInt(WORDS)).map(({ tag, entry }) => `${tag} ${entry}`),
    [
      ...relr.map((_, at) => `DT_RELR ${at}`),
      ...rela.map((_, at) => `DT_RELA ${at}`),
    ].slice(-64),
  );
  assertEquals(both.countIn(BigInt(WORDS), BigInt(WORDS + 1)), 70);
});

Deno.test("entries that write nothing are left out, and the others keep their numbers", async () => {
  const relocations = await read({ rela: [[WORDS, 0, 0, 1n], [WORDS + 8, RELATIVE, 0, 1n], [0, 0, 0, 0n]] });
  assertEquals([relocations.count, listed(relocations)], [1, [`DT_RELA 1 ${(WORDS + 8).toString(16)}`]]);
});

Deno.test("entries that DT_RELASZ and DT_PLTRELSZ both count are listed once", async () => {
  const rela = [0, 8, 16].map((by) => [WORDS + by, RELATIVE, 0, 1n] as const);
  const both: Tags = [[23n, BigInt(RELA + 24)], [2n, 48n], [20n, 7n]];
  const relocations = await read({ rela, tags: tags({ rela: 3 }, ...both) });
  assertEquals(listed(relocations), [0, 8, 16].map((by, at) => `DT_RELA ${at} ${(WORDS + by).toString(16)}`));
});

Deno.test("words of DT_RELR have what the place holds before, which is 0 where the file has nothing", async () => {
  // 0x2ff8 is the last word of the file bytes, 0x3000 is zeroed, and 0x9000 is in no segment.
  const relocations = await read({ relr: [BigInt(WORDS), 0b101n, 0x2ff8n, 0b11n, 0x9000n], words: [7n, 8n, -9n] });
  const entries = [...relocations.inRange(...ALL)];
  assertEquals(entries.map(({ place, entry, addend }) => [place, entry, addend]), [
    [BigInt(WORDS), 0, 7n],
    [BigInt(WORDS + 16), 1, -9n],
    [0x2ff8n, 2, 0n],
    [0x3000n, 3, 0n],
    [0x9000n, 4, undefined],
  ]);
});

Deno.test("bitmaps of DT_RELR follow one another, from the last word on", async () => {
  const bits = [3n, (1n << 63n) | 1n, 0x8000_0000_0000_0001n];
  const relocations = await read({ relr: [BigInt(WORDS), ...bits, 0xffff_ffff_ffff_fff8n, 0b11n] });
  const places = [...relocations.inRange(...ALL)].map(({ place }) => place);
  const first = BigInt(WORDS) + 8n;
  const last = (bitmap: bigint) => first + 8n * (63n * bitmap + 62n);
  // The word after the last address is nowhere.
  assertEquals(places, [BigInt(WORDS), first, last(1n), last(2n), 0xffff_ffff_ffff_fff8n]);
});

Deno.test("a table names the sections that its entries lie in", async () => {
  const rela = Array.from({ length: 8 }, (_, at) => [WORDS + 8 * at, RELATIVE, 0, 1n] as const);
  const file = new Uint8Array(0x5000);
  file.set(kernelFile({ rela }));
  file.set(new TextEncoder().encode("\0.rela.dyn\0.rela.plt\0.odd\0.names\0"), 0x4800);
  const section = (index: number, name: number, type: number, offset: number, size: number) => {
    writeSection(file, 0x4000 + 64 * index, name, { sh_type: type, sh_offset: BigInt(offset), sh_size: BigInt(size) });
  };
  section(1, 1, 4, RELA, 3 * 24);
  section(2, 11, 4, RELA + 5 * 24, 2 * 24);
  section(3, 21, 4, RELA + 5 * 24 + 4, 3 * 24); // does not start where an entry does
  section(4, 26, 3, 0x4800, 0x40);
  const view = new DataView(file.buffer);
  view.setBigUint64(40, 0x4000n, true);
  [64, 5, 4].forEach((value, at) => view.setUint16(58 + 2 * at, value, true));
  const relocations = await readRelocations(file);
  assertEquals(relocations.tables.map(({ name, fileOffset, entries }) => [name, fileOffset, entries]), [
    [".rela.dyn", RELA, 3],
    ["DT_RELA", RELA + 3 * 24, 2],
    [".rela.plt", RELA + 5 * 24, 2],
    ["DT_RELA", RELA + 7 * 24, 1],
  ]);
  const names = [
    ".rela.dyn 0",
    ".rela.dyn 1",
    ".rela.dyn 2",
    "DT_RELA 3",
    "DT_RELA 4",
    ".rela.plt 0",
    ".rela.plt 1",
    "DT_RELA 7",
  ];
  assertEquals([...relocations.inRange(...ALL)].map(({ table, entry }) => `${table} ${entry}`), names);
});

Deno.test("a dynamic table that the plugin refuses still shows what DT_RELA has, if that is sound", async () => {
  const rela = [[WORDS, RELATIVE, 0, 1n]] as const;
  const expected = [`DT_RELA 0 ${WORDS.toString(16)}`];
  assertEquals(listed(await read({ rela, tags: tags({ rela: 1 }, [18n, 8n]) })), expected); // DT_RELSZ
  assertEquals(listed(await read({ rela, tags: tags({ rela: 1, jumps: 1 }, [20n, 17n]) })), expected);
  assertEquals(listed(await read({ rela, tags: [[7n, BigInt(RELA)], [8n, 24n], [0n, 0n]] })), []); // no DT_RELAENT
});

Deno.test("tables outside the file, in zeroed memory or in no segment have no entries", async () => {
  const rela = [[WORDS, RELATIVE, 0, 1n]] as const;
  for (const address of [0x3100n, 0x9000n, 0xffff_ffff_ffff_fff0n]) {
    const moved: Tags = [[7n, address], [8n, 24n], [9n, 24n], [0n, 0n]];
    const relocations = await read({ rela, tags: moved });
    assertEquals([relocations.count, relocations.tables], [0, []]);
  }
  const cut = kernelFile({ rela: Array(5).fill(rela[0]) }).slice(0, RELA + 2 * 24 + 10);
  assertEquals((await readRelocations(cut)).count, 2);
  const huge: Tags = [[7n, BigInt(RELA)], [8n, 1n << 63n], [9n, 24n], [0n, 0n]];
  assertEquals((await read({ rela, tags: huge })).tables[0].entries, Math.floor((0x3000 - RELA) / 24));
});

Deno.test("fixed kernels are listed too, and files of other machines are not", async () => {
  const rela = [[WORDS, RELATIVE, 0, 1n]] as const;
  assertEquals((await read({ rela, e_type: 2 })).count, 1);
  assertEquals((await read({ rela, dynamics: 3 })).count, 1);
  for (const [at, value] of [[18, 183], [4, 1], [5, 2], [0, 0]]) {
    assertEquals((await readRelocations(kernelFile({ rela }).fill(value, at, at + 1))).count, 0);
  }
});

Deno.test("a number of program headers that does not fit is read where it is", async () => {
  const file = kernelFile({ rela: [[WORDS, RELATIVE, 0, 1n]], extra: 0x100 });
  const view = new DataView(file.buffer);
  const count = view.getUint16(56, true);
  const headers = 0x4000 + 56 * count;
  assert(headers + 64 <= file.length);
  view.setUint16(56, 0xffff, true); // e_phnum
  view.setBigUint64(40, BigInt(headers), true);
  [64, 1, 0].forEach((value, at) => view.setUint16(58 + 2 * at, value, true));
  view.setUint32(headers + 44, count, true); // sh_info of section header 0
  assertEquals((await readRelocations(file)).count, 1);
  view.setUint32(headers + 44, count - 1, true); // without the last one, PT_DYNAMIC
  assertEquals((await readRelocations(file)).count, 0);
});

Deno.test("a symbol that the file does not have has no name", async () => {
  const relocations = await read({ rela: [[WORDS, 1, 0x7fff_ffff, 0n]] });
  const [{ symbol }] = relocations.at(BigInt(WORDS));
  assertEquals(symbol, { index: 0x7fff_ffff, name: "", value: 0n, defined: false, absolute: false });
});

Deno.test("of a source that is read at offsets, only headers and tables are read", async () => {
  const { source, ranges } = recorded(kernelFile({ rela: [[WORDS, RELATIVE, 0, 1n]] }));
  assertEquals((await readRelocations(source)).count, 1);
  const read = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  assertEquals(ranges.filter(({ start }) => start >= 0x1000).map(({ start }) => start), [0x2000, RELA]);
  assert(read < 64 + 56 * 3 + 16 * 10 + 24 + 1, `${read} bytes`);
});

Deno.test("entries stay as they were read, and failing sources reject", async () => {
  const bytes = kernelFile({
    rela: [[WORDS, 1, 1, 3n]],
    relr: [BigInt(WORDS)],
    words: [5n],
    symbols: [[1, 0x12, 1, 4n]],
  });
  const relocations = await readRelocations(bytes);
  bytes.fill(0xaa);
  assertEquals(relocations.at(BigInt(WORDS)).map(({ addend, symbol }) => [addend, symbol?.name]), [[5n, undefined], [
    3n,
    "alpha",
  ]]);
  const failing = { size: 1000, readAt: () => Promise.reject(new Error("gone")) };
  assertEquals((await assertRejects(() => readRelocations(failing), LoadError)).code, "source-failed");
  await assertRejects(
    () => readRelocations(bytes, { signal: AbortSignal.abort(new Error("enough")) }),
    Error,
    "enough",
  );
});

Deno.test("of a file that asks for many millions of words, four million are listed", async () => {
  const file = new Uint8Array(8 * 2 ** 20);
  file.set(kernelFile({ tags: [[36n, 0x2100n], [35n, BigInt(file.length)], [37n, 8n], [0n, 0n]] }));
  const view = new DataView(file.buffer);
  const data = 64 + 56;
  view.setBigUint64(data + 32, BigInt(file.length), true); // p_filesz and p_memsz
  view.setBigUint64(data + 40, BigInt(file.length), true);
  file.fill(0xff, 0x2100);
  view.setBigUint64(0x2100, BigInt(WORDS), true);
  const relocations = await readRelocations(file);
  assert(relocations.isPartial);
  assert(relocations.count > 2 ** 22 - 64 && relocations.count <= 2 ** 22, `${relocations.count} words`);
});

Deno.test("no damaged file makes reading or looking up fail", async () => {
  const hello = await Deno.readFile(new URL("../../../examples/hello/hello-pie.elf", import.meta.url));
  const built = kernelFile({
    rela: [[WORDS, RELATIVE, 0, 1n], [WORDS, 1, 1, 1n], [WORDS + 8, 6, 2, 1n]],
    relr: [BigInt(WORDS), 0xffffn, 0x1_0001n],
    symbols: [[1, 0x12, 1, 0x1234n], [7, 0x22, 0, 0n]],
  });
  let found = 0;
  for (const file of [hello, built]) {
    const ranges = [{ start: 0, end: 64 + 56 * 4 }, { start: 0x2000, end: 0x2700 }, { start: 0, end: file.length }];
    for (const copy of damaged(file, ranges, 1500)) {
      const relocations = await readRelocations(copy);
      let entries = 0;
      for (const { place } of relocations.inRange(...ALL)) {
        if (entries++ < 100) assert(relocations.at(place).some((entry) => entry.place === place));
      }
      assertEquals(entries, relocations.count);
      found += entries;
    }
  }
  assert(found > 5000, `${found} entries`);
});
