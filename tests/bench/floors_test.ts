/** The floors do what kload does: the same memory, entries and answers, in cases like those that are measured. */

import { assert, assertEquals } from "@std/assert";
import { equals } from "@std/bytes/equals";
import * as floors from "../../bench/floors.ts";
import { HIGHER_HALF, manyHeaders, MIB, PAGE, staticPie, threeSegments } from "../../bench/kernels.ts";
import { ascendingFrames, loadKernel, physicalMemory, readHeaders } from "../../mod.ts";
import { NO_EXECUTE, openPageTables, PRESENT, USER_ACCESSIBLE, WRITABLE } from "../../core/paging/mod.ts";
import { relocate } from "../../plugins/relocate.ts";

/** A base that carries into the upper half when it is added. */
const BASE = 0xffff_8000_ffff_e000n;
const HALVES = [0xffff_e000, 0xffff_8000] as const;
const COUNT = 5000;

for (const rules of ["default", "bootloader-0.11"] as const) {
  Deno.test(`relocateRela() leaves the words that a load under the ${rules} rules leaves`, async () => {
    const { file, table, words: start } = staticPie(COUNT, "rela");
    const words = wordsOf(file);
    floors.relocateRela(words, table, COUNT, HALVES);
    const kernel = await loadKernel(file, { rules, plugins: [relocate()], kernelBase: BASE });
    assertEquals(kernel.results.relocate?.counts, { R_X86_64_RELATIVE: COUNT });
    assertEquals(new Uint8Array(words.buffer, start, COUNT * 8), kernel.read(BASE + BigInt(start), COUNT * 8));
    assert(words[start / 4 + 1] !== words[start / 4 + COUNT * 2 - 1], "a carry into the upper half is among them");
  });
}

Deno.test("addToWords() leaves the words that a load with RELR leaves", async () => {
  const { file, words: start } = staticPie(COUNT, "relr");
  const words = wordsOf(file);
  floors.addToWords(words, start, COUNT, HALVES);
  const kernel = await loadKernel(file, { plugins: [relocate()], kernelBase: BASE });
  assertEquals(kernel.results.relocate?.counts, { RELR: COUNT });
  assertEquals(new Uint8Array(words.buffer, start, COUNT * 8), kernel.read(BASE + BigInt(start), COUNT * 8));
});

Deno.test("sumFields() reads the six fields of every header", async () => {
  const file = manyHeaders(300);
  const { programHeaders } = await readHeaders(file);
  const sum = programHeaders.reduce((sum, { p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align }) => {
    return sum + p_offset + p_vaddr + p_paddr + p_filesz + p_memsz + p_align;
  }, 0n);
  assertEquals(floors.sumFields(new DataView(file.buffer), 64, 300), sum);
});

Deno.test("every header of manyHeaders() is loaded", async () => {
  const kernel = await loadKernel(manyHeaders(300));
  assertEquals([...kernel.pageTable.leaves()].length, 300);
});

for (const pages of [1, 700]) {
  Deno.test(`loadPages() leaves the memory that a load leaves: segments of ${pages} pages`, async () => {
    const file = threeSegments(pages * PAGE);
    const bytes = new Uint8Array(16 * MIB);
    const level4 = floors.loadPages(file, bytes, new Uint32Array(bytes.buffer), 2 * MIB);
    const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(bytes.length) });
    const kernel = await loadKernel(file, { memory });
    assertEquals(level4, kernel.level4Frame);
    assert(equals(bytes, memory.bytes(0, memory.size)), "the memories differ");
  });
}

Deno.test("the loops over entries leave what mapTo(), unmap() and updateFlags() leave", () => {
  const pages = 700;
  const { words, mapper, tables } = mapped(PRESENT | WRITABLE, pages);
  const [byHand, in64] = [new Uint32Array(words.length), new Uint32Array(words.length)];
  floors.writeEntries(byHand, tables, pages, 2 * MIB | 3);
  floors.writeEntries64(new BigUint64Array(in64.buffer), tables, pages, BigInt(2 * MIB | 3));
  const ours = () => tables.map((table) => words.slice(table / 4, table / 4 + 1024));
  const theirs = (words: Uint32Array) => tables.map((table) => words.slice(table / 4, table / 4 + 1024));
  assertEquals(theirs(byHand), ours());
  assertEquals(theirs(in64), ours());

  const each = (change: (virt: bigint) => void) => {
    for (let page = 0; page < pages; page++) change(HIGHER_HALF + BigInt(page * PAGE));
  };
  each((virt) => mapper.updateFlags(virt, PRESENT | USER_ACCESSIBLE));
  floors.replaceFlags(byHand, tables, pages, 5);
  assertEquals(theirs(byHand), ours());
  each((virt) => mapper.unmap(virt));
  floors.clearEntries(byHand, tables, pages);
  assertEquals(theirs(byHand), ours());
});

for (const flags of [PRESENT | WRITABLE, PRESENT | NO_EXECUTE]) {
  Deno.test(`translate(), walk(), read() and visitPages() find what a mapper finds: flags ${flags}`, () => {
    const pages = 1100;
    const { memory, words, mapper, tables } = mapped(flags, pages);
    const entries = new BigUint64Array(memory.buffer);
    for (let offset = 0; offset < pages * PAGE; offset += 0x3_1008) {
      const virt = HIGHER_HALF + BigInt(offset);
      const { mapped, ...found } = mapper.translate(virt) as { mapped: true; phys: number };
      assert(mapped);
      assertEquals<unknown>(floors.translate(words, 0, virt), found);
      assertEquals(floors.walk(entries, words, 0, virt), mapper.walk(virt));
      const bytes = memory.bytes(0, memory.size);
      assertEquals(floors.read(bytes, words, 0, virt, 8), bytes.slice(found.phys, found.phys + 8));
    }
    const visited: floors.Page[] = [];
    floors.visitPages(words, tables, HIGHER_HALF, (page) => visited.push(page));
    assertEquals<unknown>(visited, [...mapper.leaves()]);
  });
}

Deno.test("readWhole() and drain() leave the whole file in the buffer", async () => {
  const content = threeSegments(300 * PAGE);
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, content);
    using file = await Deno.open(path);
    const [read, drained] = [new Uint8Array(content.length), new Uint8Array(content.length)];
    await floors.readWhole(file, read);
    await floors.drain(new Blob([content]).stream(), drained);
    assert(equals(read, content) && equals(drained, content));
  } finally {
    await Deno.remove(path);
  }
});

/** Page tables at the start of a memory of 8 MiB that map so many pages onto its frames from 2 MiB on. */
function mapped(flags: bigint, pages: number) {
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(8 * MIB) });
  memory.bytes(2 * MIB, 6 * MIB).forEach((_, index, bytes) => bytes[index] = index * 7 + (index >>> 12));
  const frames = ascendingFrames({ start: PAGE, end: MIB });
  const mapper = openPageTables(memory, 0, { frames });
  mapper.mapTo(HIGHER_HALF, 2 * MIB, flags, { size: pages * PAGE });
  const tables = [...mapper.tables()].filter(({ level }) => level === 1).map(({ frame }) => frame);
  return { memory, words: new Uint32Array(memory.buffer), mapper, tables };
}

function wordsOf(file: Uint8Array): Uint32Array {
  return new Uint32Array(file.slice().buffer, 0, file.length >> 2);
}
