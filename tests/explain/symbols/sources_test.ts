/** What is read of which sources, what happens if they fail, and that no file makes reading symbols fail. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { keepFile } from "../../../core/file/kept_file.ts";
import { readSymbols } from "../../../explain/symbols/read_symbols.ts";
import { LoadError } from "../../../mod.ts";
import { watched } from "../../core/intake/watched_sources.ts";
import { code, namedFile } from "../named_file.ts";
import { damaged, recorded } from "../sources.ts";

const HELLO = new URL("../../../examples/hello/hello.elf", import.meta.url);
const BASE = 0xffff_ffff_8000_0000n;

const SMALL = namedFile({
  sections: [code(BASE, 0x1000n)],
  symbols: [{ name: "main", value: BASE + 4n, size: 8n }, { name: "other", value: BASE + 12n, size: 8n }],
});

Deno.test("of a source that is read at offsets, only headers, symbols and names are read, each once", async () => {
  const bytes = await Deno.readFile(HELLO);
  const view = new DataView(bytes.buffer);
  const { source, ranges } = recorded(bytes);
  const symbols = await readSymbols(source);
  const [shoff, shnum] = [Number(view.getBigUint64(40, true)), view.getUint16(60, true)];
  const section = (index: number) => {
    const at = shoff + 64 * index;
    const [start, size] = [view.getBigUint64(at + 24, true), view.getBigUint64(at + 32, true)].map(Number);
    return { type: view.getUint32(at + 4, true), link: view.getUint32(at + 40, true), start, end: start + size };
  };
  const table = Array.from({ length: shnum }, (_, index) => section(index)).find(({ type }) => type === 2);
  assert(table);
  const wanted = [table, section(table.link), section(view.getUint16(62, true))];
  const expected = [
    { start: 0, end: 64 },
    { start: shoff, end: shoff + 64 * shnum },
    ...wanted.map(({ start, end }) => ({ start, end })),
  ];
  const needed = new Set(
    expected.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, at) => start + at)),
  );
  const read = ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, at) => start + at));
  assertEquals(new Set(read), needed);
  assert(read.length <= needed.size + 64, "the first section header may be read twice");
  assertEquals(symbols.find("_start").length, 1);
});

Deno.test("every kind of source has the same names, and is released", async () => {
  const bytes = await Deno.readFile(HELLO);
  const expected = [...(await readSymbols(bytes)).inRange(0n, 1n << 64n)];
  assert(expected.length > 10);
  const { stream, events } = watchedStream(bytes);
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  const sources = [bytes.buffer, shared, new Blob([bytes]), new Response(bytes), stream, recorded(bytes).source];
  for (const source of sources) assertEquals([...(await readSymbols(source)).inRange(0n, 1n << 64n)], expected);
  assert(!stream.locked, events.join());
});

function watchedStream(bytes: Uint8Array<ArrayBuffer>) {
  const { stream, ...rest } = watched([bytes.slice(0, 100), bytes.slice(100)]);
  return { stream, events: Object.keys(rest) };
}

Deno.test("a kept file stays open, and what was read of it is kept", async () => {
  const { source, ranges } = recorded(SMALL);
  const file = keepFile(source);
  assertEquals((await readSymbols(file)).count, 2);
  const reads = ranges.length;
  assertEquals((await readSymbols(file)).count, 2);
  assertEquals(ranges.length, reads);
});

Deno.test("names stay as they were read, whatever becomes of the bytes", async () => {
  const bytes = SMALL.slice();
  const symbols = await readSymbols(bytes);
  bytes.fill(0xaa);
  assertEquals([...symbols.inRange(BASE, BASE + 100n)].map(({ name }) => name), ["main", "other"]);
  assertEquals(symbols.symbolAt(BASE + 13n)?.offset, 1);
});

Deno.test("a failing source, a limit and an abort reject; unknown options and sources are refused", async () => {
  const failing = { size: 1000, readAt: () => Promise.reject(new Error("gone")) };
  const error = await assertRejects(() => readSymbols(failing), LoadError);
  assertEquals([error.code, error.cause instanceof Error && error.cause.message], ["source-failed", "gone"]);
  const limited = await assertRejects(() => readSymbols(recorded(SMALL).source, { maxMemory: 100 }), LoadError);
  assertEquals(limited.code, "memory-limit-exceeded");

  const reason = new Error("enough");
  await assertRejects(() => readSymbols(SMALL, { signal: AbortSignal.abort(reason) }), Error, "enough");
  const controller = new AbortController();
  const hanging = { size: 1000, readAt: () => new Promise<number>(() => {}) };
  const waiting = readSymbols(hanging, { signal: controller.signal });
  controller.abort(reason);
  await assertRejects(() => waiting, Error, "enough");

  await assertRejects(() => readSymbols(SMALL, { limit: 5 } as object), TypeError, "limit");
  await assertRejects(() => readSymbols(SMALL, { maxMemory: -1 }), RangeError, "maxMemory");
  await assertRejects(() => readSymbols("kernel.elf" as unknown as Uint8Array), TypeError, "source");
});

Deno.test("an abort is heard while a table of millions of symbols is read", async () => {
  const file = hugeFile();
  const controller = new AbortController();
  const reading = readSymbols(file, { signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 1);
  await assertRejects(() => reading, Error, "enough");
});

/** A file of 9 GiB: half of it symbols of one address, half of it the names, none of which ends. */
function hugeFile() {
  const base = namedFile({ sections: [code(BASE, 0x1000n)], symbols: [{ name: "x", value: BASE, size: 1n }] });
  const view = new DataView(base.buffer);
  const shoff = Number(view.getBigUint64(40, true));
  const [symtab, strtab] = [shoff + 64 * 2, shoff + 64 * 3];
  const GIB = 2 ** 30;
  for (const [at, offset] of [[symtab, GIB], [strtab, 5 * GIB]]) {
    view.setBigUint64(at + 24, BigInt(offset), true);
    view.setBigUint64(at + 32, BigInt(4 * GIB), true);
  }
  const symbol = new Uint8Array(24 * 1024);
  for (let at = 0; at < symbol.length; at += 24) {
    const one = new DataView(symbol.buffer, at);
    one.setUint32(0, 1, true);
    one.setUint8(4, 0x12);
    one.setUint16(6, 1, true);
    one.setBigUint64(8, BASE, true);
    one.setBigUint64(16, 1n, true);
  }
  return {
    size: 9 * GIB,
    readAt: (offset: number, buffer: Uint8Array): number => {
      if (offset >= 5 * GIB) buffer.fill(0x61);
      else if (offset >= GIB) {
        for (let at = 0; at < buffer.length; at += symbol.length) {
          buffer.set(symbol.subarray(0, buffer.length - at), at);
        }
      } else buffer.set(base.subarray(offset, offset + buffer.length));
      return buffer.length;
    },
  };
}

Deno.test("of a table of 4 GiB, four million symbols are read, and how many were not is said", async () => {
  const symbols = await readSymbols(hugeFile());
  assertEquals([symbols.count, symbols.unread], [2 ** 22 - 1, Math.floor(2 ** 32 / 24) - 2 ** 22]);
  const [first] = symbols.inRange(BASE, BASE + 1n);
  assertEquals([first.index, first.name.length], [1, 2 ** 16]);
  assertEquals(symbols.symbolAt(BASE)?.symbol.index, 1);
  assertEquals([symbols.find("main"), symbols.similar("main")], [[], []]);
});

/** Looks up everything in every way: nothing may throw. */
function lookUp(symbols: Awaited<ReturnType<typeof readSymbols>>): void {
  const edges = symbols.sections.flatMap(({ address, size }) => [address - 1n, address, address + size]);
  for (const address of [-1n, 0n, ...edges, 1n << 63n, (1n << 64n) - 1n, 1n << 64n]) {
    symbols.sectionAt(address);
    symbols.symbolAt(address);
  }
  let last = -1n;
  for (const { name, address } of symbols.inRange(0n, 1n << 64n)) {
    assert(address >= last);
    last = address;
    const place = symbols.symbolAt(address);
    assert(place && place.symbol.address <= address && place.offset === Number(address - place.symbol.address));
    const isText = !name.includes("\ufffd"); // what is no text is not found by what is printed of it
    assert(!isText || symbols.find(name).some((symbol) => symbol.address === address), name);
  }
  symbols.similar("kernel_main");
}

Deno.test("no damaged file makes reading or looking up fail", async () => {
  const hello = await Deno.readFile(HELLO);
  const pie = await Deno.readFile(new URL("hello-pie.elf", HELLO));
  const wide = {
    sections: [code(BASE, 0x1000n)],
    symbols: [{ name: "main", value: BASE }, { name: "a", value: BASE }],
  };
  const narrow = { ...wide, wide: false, bigEndian: true, sections: [code(0x1000n, 0x1000n)] };
  const built = [namedFile({ ...wide, extended: true }), namedFile(narrow), namedFile({ ...wide, table: 11 })];
  let found = 0;
  for (const file of [hello, pie, ...built]) {
    const shoff = Number(new DataView(file.buffer).getBigUint64(40, true) % BigInt(file.length));
    const ranges = [{ start: 0, end: 64 }, { start: shoff, end: file.length }, { start: 0, end: file.length }];
    for (const copy of damaged(file, ranges, 400)) {
      const symbols = await readSymbols(copy);
      lookUp(symbols);
      found += symbols.count;
    }
  }
  assert(found > 1000, `${found} symbols`);
});
