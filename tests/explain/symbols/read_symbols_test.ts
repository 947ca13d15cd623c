/** Symbols and sections of files that are built for one question each. */

import { assert, assertEquals } from "@std/assert";
import { readSymbols } from "../../../explain/symbols/read_symbols.ts";
import {
  ABS,
  code,
  COMMON,
  type FileSpec,
  FUNC,
  GLOBAL,
  LOCAL,
  namedFile,
  NOTYPE,
  OBJECT,
  type SymbolSpec,
  WEAK,
} from "../named_file.ts";

const BASE = 0xffff_ffff_8000_0000n;
const TEXT = code(BASE, 0x1000n);
const DATA = { name: ".data", type: 1, flags: 3, address: BASE + 0x1000n, size: 0x800n };

function read(spec: FileSpec) {
  return readSymbols(namedFile(spec));
}

async function namesAt(symbols: readonly SymbolSpec[], ...offsets: readonly bigint[]) {
  const found = await read({ sections: [TEXT, DATA], symbols });
  return offsets.map((offset) => {
    const place = found.symbolAt(BASE + offset);
    return place && `${place.symbol.name}+${place.offset}`;
  });
}

const LAYOUTS = [true, false].flatMap((wide) => [true, false].map((bigEndian) => ({ wide, bigEndian })));

for (const layout of LAYOUTS) {
  Deno.test(`sections and symbols are read of ELF${layout.wide ? 64 : 32}, ${layout.bigEndian ? "big" : "little"}-endian`, async () => {
    const base = layout.wide ? 0xfedc_ba98_7654_3000n : 0x8765_4000n;
    const symbols = await read({
      ...layout,
      sections: [code(base, 0x123n), { name: ".bss", type: 8, flags: 3, address: base + 0x1000n, size: 0x45n }],
      symbols: [
        { name: "one", value: base + 1n, size: 7n },
        { name: "two", value: base + 0x1010n, size: 0x21n, type: OBJECT, binding: LOCAL, section: 2 },
      ],
    });
    assertEquals(symbols.sections, [
      { index: 1, name: ".text", address: base, size: 0x123n, type: 1, flags: 6n },
      { index: 2, name: ".bss", address: base + 0x1000n, size: 0x45n, type: 8, flags: 3n },
    ]);
    assertEquals([symbols.count, symbols.unread, symbols.table, symbols.hasLineNumbers], [2, 0, ".symtab", false]);
    const [one] = symbols.find("one");
    const [two] = symbols.find("two");
    const common = { absolute: false };
    assertEquals(one, {
      name: "one",
      address: base + 1n,
      size: 7n,
      type: "function",
      binding: "global",
      index: 1,
      ...common,
    });
    const place = { name: "two", address: base + 0x1010n, size: 0x21n, ...common };
    assertEquals(two, { ...place, type: "object", binding: "local", index: 2 });
    assertEquals(symbols.symbolAt(base + 7n), { symbol: one, offset: 6 });
    assertEquals(symbols.symbolAt(base + 0x1030n), { symbol: two, offset: 32 });
    assertEquals(symbols.sectionAt(base + 0x122n)?.name, ".text");
    assertEquals([symbols.sectionAt(base + 0x123n), symbols.sectionAt(base - 1n)], [undefined, undefined]);
    assertEquals([...symbols.inRange(base, base + 0x2000n)], [one, two]);
    assertEquals([...symbols.inRange(base + 2n, base + 0x1010n)], []);
  });
}

Deno.test("a symbol names its own bytes, then the nearest before an address in the same section does", async () => {
  const symbols = [
    { name: "outer", value: BASE + 0x10n, size: 0x40n },
    { name: "inner", value: BASE + 0x20n, size: 0x10n },
    { name: "label", value: BASE + 0x34n, type: NOTYPE },
    { name: "data", value: BASE + 0x1010n, size: 4n, type: OBJECT, section: 2 },
  ];
  assertEquals(await namesAt(symbols, 0n, 0x10n, 0x1fn, 0x20n, 0x2fn), [
    undefined,
    "outer+0",
    "outer+15",
    "inner+0",
    "inner+15",
  ]);
  // A label is a place in the function that contains it; after the function, it is the nearest.
  assertEquals(await namesAt(symbols, 0x30n, 0x38n, 0x4fn, 0x50n), ["outer+32", "outer+40", "outer+63", "label+28"]);
  assertEquals(await namesAt(symbols, 0xfffn, 0x1000n, 0x1010n, 0x1014n), [
    "label+4043",
    undefined,
    "data+0",
    "data+4",
  ]);
  assertEquals(await namesAt(symbols, 0x17ffn, 0x1800n), ["data+2031", undefined]);
});

Deno.test("of several symbols at an address, functions come first, then objects, and globals before others", async () => {
  const at = { value: BASE + 0x100n, size: 8n };
  const all = [
    { ...at, name: "label", type: NOTYPE, size: 0n },
    { ...at, name: "object", type: OBJECT },
    { ...at, name: "weak", binding: WEAK },
    { ...at, name: "local", binding: LOCAL },
    { ...at, name: "other" },
    { ...at, name: "global" },
  ];
  const order = ["other", "global", "local", "weak", "object", "label"];
  const symbols = await read({ sections: [TEXT], symbols: all });
  assertEquals([...symbols.inRange(at.value, at.value + 1n)].map(({ name }) => name), order);
  for (let left = 0; left < all.length; left++) {
    const rest = all.filter(({ name }) => !order.slice(0, left).includes(name));
    assertEquals(await namesAt(rest, 0x100n), [`${order[left]}+0`]);
  }
  // After their end, the label may be what goes on.
  assertEquals(await namesAt(all, 0x108n), ["label+8"]);
});

Deno.test("a symbol reaches no further than its section, however large it says it is", async () => {
  const symbols = [{ name: "endless", value: BASE + 0x800n, size: 0xffff_ffff_ffff_ffffn }];
  assertEquals(await namesAt(symbols, 0xfffn, 0x1000n), ["endless+2047", undefined]);
  const file = await read({
    sections: [code(0x1000n, 0xffff_ffff_ffff_f000n)],
    symbols: [{ name: "all", value: 0x1000n, size: 0xffff_ffff_ffff_f000n }, { name: "last", value: 2n ** 64n - 1n }],
  });
  assertEquals(file.symbolAt(0x1000n + 2n ** 53n - 2n)?.offset, 2 ** 53 - 2);
  assertEquals(file.symbolAt(2n ** 64n - 1n)?.symbol.name, "last");
});

Deno.test("what is no address in a section is found by its name, but names no address", async () => {
  const symbols = [
    { name: "absolute", value: BASE + 4n, size: 100n, section: ABS },
    { name: "at_end", value: BASE + 0x1000n, type: NOTYPE },
    { name: "elsewhere", value: BASE + 0x1004n, size: 4n },
  ];
  assertEquals(await namesAt(symbols, 4n, 8n, 0x1000n, 0x1004n), [undefined, undefined, undefined, undefined]);
  const found = await read({ sections: [TEXT, DATA], symbols });
  assertEquals(found.count, 3);
  assertEquals([...found.inRange(0n, 1n << 64n)], []);
  assertEquals(found.find("absolute").map(({ absolute, address }) => [absolute, address]), [[true, BASE + 4n]]);
  assertEquals(found.find("at_end").map(({ absolute, address }) => [absolute, address]), [[false, BASE + 0x1000n]]);
});

Deno.test("files, sections, thread-local, common, undefined and nameless symbols are none", async () => {
  const value = BASE + 16n;
  const symbols = [
    { name: "kernel.c", value, type: 4, section: ABS },
    { name: "section", value, type: 3 },
    { name: "per_thread", value, type: 6 },
    { name: "common", value, section: COMMON },
    { name: "undefined", value, section: 0 },
    { name: "of a processor", value, section: 0xff02 },
    { name: "", value },
  ];
  const found = await read({ sections: [TEXT], symbols });
  assertEquals([found.count, found.table], [0, undefined]);
  assertEquals(found.symbolAt(value), undefined);
  for (const { name } of symbols) assertEquals(found.find(name), []);
});

Deno.test("other types and bindings than those of the gABI are kept", async () => {
  const value = BASE + 16n;
  const found = await read({
    sections: [TEXT],
    symbols: [{ name: "ifunc", value, type: 10 }, { name: "unique", value, binding: 10, type: 13 }],
  });
  assertEquals(found.find("ifunc").map(({ type, binding }) => [type, binding]), [["ifunc", "global"]]);
  assertEquals(found.find("unique").map(({ type, binding }) => [type, binding]), [["other", "other"]]);
});

Deno.test("marks of code and data are left out on the machines that have them", async () => {
  const names = ["$d", "$x", "$x.12", "$xrv64i2p1", "$data", "$", "main"];
  const symbols = names.map((name, at) => ({ name, value: BASE + 4n * BigInt(at), type: NOTYPE, binding: LOCAL }));
  for (
    const [machine, expected] of [[62, names], [183, ["$data", "$", "main"]], [243, ["$data", "$", "main"]]] as const
  ) {
    const found = await read({ machine, sections: [TEXT], symbols });
    assertEquals([...found.inRange(0n, 1n << 64n)].map(({ name }) => name), [...expected]);
  }
});

Deno.test("zeroed thread-local data has no addresses, initialised has", async () => {
  const found = await read({
    sections: [
      { name: ".tbss", type: 8, flags: 0x403, address: BASE, size: 0x100n },
      { name: ".init_array", type: 14, flags: 3, address: BASE, size: 8n },
      { name: ".tdata", type: 1, flags: 0x403, address: BASE + 8n, size: 8n },
      { name: ".comment", type: 1, flags: 0x30, size: 8n },
    ],
  });
  assertEquals(found.sections.map(({ name }) => name), [".init_array", ".tdata"]);
  assertEquals([BASE, BASE + 8n, BASE + 16n].map((at) => found.sectionAt(at)?.name), [
    ".init_array",
    ".tdata",
    undefined,
  ]);
});

Deno.test("line numbers are there if their section has bytes", async () => {
  const has = async (...sections: FileSpec["sections"] & object) => (await read({ sections })).hasLineNumbers;
  for (const name of [".debug_line", ".zdebug_line"]) {
    assertEquals(await has(TEXT, { name, flags: 0, size: 10n }), true);
    assertEquals(await has(TEXT, { name, flags: 0, size: 0n }), false);
    assertEquals(await has(TEXT, { name, flags: 0, size: 10n, type: 8 }), false); // as in a file with debug data alone
  }
  assertEquals(await has(TEXT, { name: ".debug_line_str", flags: 0, size: 10n }), false);
});

Deno.test("numbers of sections that do not fit in 16 bits are read where they are", async () => {
  const sections = Array.from({ length: 70_000 }, (_, at) => code(BASE + 16n * BigInt(at), 16n, `.t${at + 1}`));
  const found = await read({
    extended: true,
    sections,
    symbols: [{ name: "first", value: BASE }, { name: "last", value: BASE + 16n * 69_999n, section: 70_000 }],
  });
  assertEquals(found.sections.length, 70_000);
  assertEquals(found.sectionAt(BASE + 16n * 69_999n + 15n)?.name, ".t70000");
  const last = found.symbolAt(BASE + 16n * 69_999n + 15n);
  assertEquals([last?.symbol.name, last?.offset], ["last", 15]);
  assertEquals(found.symbolAt(BASE + 16n), undefined);
});

Deno.test("a file that was stripped has the names of its dynamic symbol table", async () => {
  const found = await read({ table: 11, sections: [TEXT], symbols: [{ name: "exported", value: BASE, type: FUNC }] });
  assertEquals([found.table, found.count], [".dynsym", 1]);
});

Deno.test("an object file has no addresses, and other files have no names", async () => {
  const spec = { sections: [TEXT], symbols: [{ name: "main", value: BASE, binding: GLOBAL }] };
  const without = [namedFile({ ...spec, type: 1 }), namedFile({ ...spec, entrySize: 40 }).subarray(0, 64)];
  const others = [new Uint8Array(), new TextEncoder().encode("#!/bin/sh\n"), namedFile(spec).fill(3, 4, 5)];
  for (const file of [...without, ...others]) {
    const found = await readSymbols(file);
    assertEquals([found.sections, found.count, found.table], [[], 0, undefined]);
    assertEquals([found.symbolAt(BASE), found.find("main"), found.similar("main")], [undefined, [], []]);
  }
  // The sections are read, but symbols of this entry size (sh_entsize) cannot be.
  const odd = await read({ ...spec, entrySize: 40 });
  assertEquals([odd.sections.length, odd.count], [1, 0]);
});

Deno.test("names may be in any script, end with the table, and be found however many there are", async () => {
  const names = ["größe", "名前", "a\u{1f600}b", ...Array.from({ length: 5000 }, (_, at) => `function_${at}`)];
  const symbols = names.map((name, at) => ({ name, value: BASE + BigInt(at % 0x1000), size: 1n }));
  const found = await read({ sections: [TEXT], symbols });
  for (const at of [0, 1, 2, 3, 9, 2500, 4000, 5002]) {
    for (let times = 0; times < 20; times++) { // the first ones without an index
      assertEquals(found.find(names[at]).map(({ name, index }) => [name, index]), [[names[at], at + 1]]);
    }
  }
  for (const name of ["", "function_", "function_5000", "rößeg", "größe\0", "größe\0名前"]) {
    assertEquals(found.find(name), []);
  }
  const twice = await read({ sections: [TEXT], symbols: [...symbols.slice(0, 4), symbols[2], symbols[3]] });
  for (let times = 0; times < 20; times++) assertEquals(twice.find(names[2]).map(({ index }) => index), [3, 5]);
});

Deno.test("a name of a million symbols is found as often as is worth looking at", async () => {
  const symbols = Array.from({ length: 3000 }, () => ({ name: "same", value: BASE }));
  const found = await read({ sections: [TEXT], symbols });
  for (let times = 0; times < 20; times++) assertEquals(found.find("same").length, 1024);
});

Deno.test("similar() finds names with few other characters, and those that contain a name as a word", async () => {
  const names = [
    "init_idt",
    "init_gdt",
    "kernel_main",
    "_ZN6kernel3idt4init17h0123456789abcdefE",
    "domain_alloc",
    "main.cold",
    "AZURE_ZERO",
    "kmain",
  ];
  const symbols = names.map((name, at) => ({ name, value: BASE + BigInt(at) }));
  const found = await read({ sections: [TEXT], symbols });
  const suggested = (name: string) => [...found.similar(name)];
  assertEquals(suggested("init_itd"), ["init_idt", "init_gdt"]);
  assertEquals(suggested("INIT_IDT_"), ["init_idt", "init_gdt"]);
  assertEquals(suggested("azure_zero"), ["AZURE_ZERO"]);
  assertEquals(suggested("kernel_mian"), ["kernel_main"]);
  assertEquals(suggested("kmian"), ["kmain"]);
  assertEquals(suggested("main"), ["kmain", "main.cold", "kernel_main"]);
  assertEquals(suggested("idt::init"), [names[3]]);
  assertEquals(suggested("kernel::idt::init"), [names[3]]);
  assertEquals(suggested("gdt::init"), []);
  assertEquals(suggested("zzzzzz"), []);
  assertEquals(suggested(""), []);
  assert(suggested("x".repeat(1000)).length === 0);
});

Deno.test("similar() suggests five names at most, the nearest ones", async () => {
  const names = Array.from({ length: 500 }, (_, at) => `handler_${String(at).padStart(3, "0")}`);
  const symbols = ["handlers_77", ...names, "handler_77"].map((name, at) => ({ name, value: BASE + BigInt(at) }));
  const found = await read({ sections: [TEXT], symbols });
  const similar = found.similar("handler_77x");
  assertEquals([similar.length, similar.includes("handler_77"), new Set(similar).size], [5, true, 5]);
});
