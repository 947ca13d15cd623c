/** Sections that are not loaded: found by their headers, kept, and mapped read-only. */

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { type AnyPlugin, LoadError, loadKernel, physicalMemory, type RuleSetName } from "../../mod.ts";
import { NO_EXECUTE, PRESENT } from "../../core/paging/mod.ts";
import { RULES } from "../../core/rules.ts";
import type { Stage } from "../../core/stages/mod.ts";
import { runTool, testWithTools } from "../tools.ts";
import { type SectionHeader, sections } from "../../plugins/sections.ts";
import { fileWith, FRAME, load, SHDR, SHT, slice, STRTAB, SYMTAB, TABLE_AT, WINDOW } from "./section_file.ts";

const RULE_SETS = Object.keys(RULES) as readonly RuleSetName[];

for (const rules of RULE_SETS) {
  Deno.test(`the symbol table and its strings are mapped under ${rules}`, async () => {
    const file = fileWith();
    const { kernel, mappedSections, sectionPages, neighbourBytes, remarks } = await load(file, {}, { rules });
    assertEquals(mappedSections, [
      {
        name: ".symtab",
        index: 1,
        virt: WINDOW + 0x128n,
        size: 0x48,
        type: SHT.SYMTAB,
        flags: 0n,
        entsize: 24n,
        link: 2,
        info: 1,
      },
      {
        name: ".strtab",
        index: 2,
        virt: WINDOW + 0x170n,
        size: 0x31,
        type: SHT.STRTAB,
        flags: 0n,
        entsize: 0n,
        link: 0,
        info: 0,
      },
    ]);
    assertEquals(sectionPages, [{ virt: WINDOW, size: 0x1000, fileOffset: 0x2000 }]);
    assertEquals([neighbourBytes, remarks], [0x1000 - 0x48 - 0x31, []]);
    for (const { virt, size, index } of mappedSections) {
      assertEquals(kernel.read(virt, size), slice(file, index === 1 ? SYMTAB : STRTAB));
    }
    // The frame is the file's own, and can neither be written to nor executed.
    const page = { mapped: true, phys: 0x20_0000 + 0x2000, pageSize: 4096, flags: PRESENT | NO_EXECUTE };
    assertEquals(kernel.pageTable.translate(WINDOW), page as never);
    assert(kernel.usedLevel4Entries.has(1));
    // What the page shares with a segment is not disturbed: bss is zero.
    assertEquals(kernel.read(0x40_1123n, 0x100), new Uint8Array(0x100));
  });

  Deno.test(`sections far apart keep their distance under ${rules}; nothing between them is mapped`, async () => {
    const file = fileWith();
    const names = [".debug_frame", ".symtab"];
    const { kernel, mappedSections, sectionPages, neighbourBytes } = await load(file, { names }, { rules });
    assertEquals(mappedSections.map(({ name, virt }) => [name, virt]), [
      [".symtab", WINDOW + 0x128n],
      [".debug_frame", WINDOW + 0x3ff0n],
    ]);
    assertEquals(sectionPages, [
      { virt: WINDOW, size: 0x1000, fileOffset: 0x2000 },
      { virt: WINDOW + 0x3000n, size: 0x3000, fileOffset: 0x5000 },
    ]);
    assertEquals(neighbourBytes, 0x4000 - 0x48 - 0x1020);
    assertEquals(kernel.read(mappedSections[1].virt, 0x1020), slice(file, FRAME));
    assertEquals(kernel.pageTable.translate(WINDOW + 0x1000n), { mapped: false, level: 1 });
  });
}

/** The file as a stream of pieces of this size. */
function streamOf(file: Uint8Array<ArrayBuffer>, size: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull: (controller) => {
      if (at >= file.length) return controller.close();
      controller.enqueue(file.slice(at, at += size));
    },
  }, { highWaterMark: 0 });
}

for (const [where, shoff, end] of [["behind", TABLE_AT, TABLE_AT + 5 * SHDR], ["before", 0x400, 0x7010]] as const) {
  Deno.test(`a table ${where} the sections: no byte more is read than they need, however the file arrives`, async () => {
    const file = fileWith({ shoff });
    const names = [".symtab", ".debug_frame"];
    const whole = await load(file, { names });
    const tail = where === "before" ? fileNamesEnd(file, shoff) : end;
    assertEquals(whole.kernel.bytesRead, tail);
    for (const size of [1, 7, 64, 4096, 2 ** 20]) {
      const cut = await load(streamOf(file, size), { names });
      assertEquals(cut.mappedSections, whole.mappedSections);
      const { base } = whole.kernel.memory;
      const length = whole.kernel.nextFrame - base;
      assertEquals(cut.kernel.nextFrame, whole.kernel.nextFrame);
      assertEquals(cut.kernel.memory.bytes(base, length), whole.kernel.memory.bytes(base, length));
    }
  });
}

/** Where the names end, which the builder puts behind all sections. */
function fileNamesEnd(file: Uint8Array<ArrayBuffer>, shoff: number): number {
  const view = new DataView(file.buffer, shoff + 4 * SHDR, SHDR);
  return Number(view.getBigUint64(24, true) + view.getBigUint64(32, true));
}

Deno.test("a predicate sees every section but that of index 0, and chooses", async () => {
  const seen: SectionHeader[] = [];
  const select = (section: SectionHeader) => {
    seen.push(section);
    return section.sh_type === SHT.STRTAB;
  };
  const { mappedSections } = await load(fileWith(), { select });
  assertEquals(seen.map(({ index, name }) => [index, name]), [
    [1, ".symtab"],
    [2, ".strtab"],
    [3, ".debug_frame"],
    [4, ".shstrtab"],
  ]);
  const { sh_name: _, ...rest } = seen[0];
  assertEquals(rest, { index: 1, ...SYMTAB, sh_flags: 0n, sh_addr: 0n, sh_addralign: 1n });
  assertEquals(mappedSections.map(({ name }) => name), [".strtab", ".shstrtab"]);
});

Deno.test("a predicate that throws: plugin-failed, with its error as the cause", async () => {
  const cause = new Error("no");
  const select = () => {
    throw cause;
  };
  const error = await assertRejects(() => load(fileWith(), { select }), LoadError);
  assertEquals([error.code, error.detail], ["plugin-failed", { field: "plugin", value: "sections" }]);
  assertStrictEquals(error.cause, cause);
});

Deno.test("sections() refuses options of the wrong kind", () => {
  for (const options of [{ names: "x" }, { names: [1] }, { select: true }, { names: [], select: () => true }]) {
    assertThrows(() => sections(options as never), TypeError);
  }
});

Deno.test("names() of the caller's are copied", async () => {
  const names = [".symtab"];
  const plugin = sections({ names });
  names[0] = ".strtab";
  const kernel = await loadKernel(fileWith(), { plugins: [plugin] });
  assertEquals(kernel.results.sections?.mappedSections.map(({ name }) => name), [".symtab"]);
});

Deno.test("a 32-bit file's sections are read in their own layout", async () => {
  // An Elf32_Shdr has 40 bytes; only the older rules accept such a file.
  const file = new Uint8Array(0x2000);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  const view = new DataView(file.buffer);
  const half = (at: number, value: number) => view.setUint16(at, value, true);
  const word = (at: number, ...values: number[]) =>
    values.forEach((value, n) => view.setUint32(at + 4 * n, value, true));
  half(16, 2);
  half(18, 3);
  word(20, 1, 0x40_0000, 52, 0x1800, 0);
  [52, 32, 1, 40, 3, 2].forEach((value, at) => half(40 + 2 * at, value));
  word(52, 1, 0x1000, 0x40_0000, 0x40_0000, 0x100, 0x100, 5, 0x1000);
  file.set(new TextEncoder().encode("\0.symtab\0.shstrtab\0"), 0x1200);
  word(0x1828, 1, 2, 0, 0, 0x1100, 0x30, 7, 4, 4, 16);
  word(0x1850, 9, 3, 0, 0, 0x1200, 19, 0, 0, 1, 0);
  file.fill(0x5a, 0x1100, 0x1130);
  const { kernel, mappedSections } = await load(file, { names: [".symtab"] }, { rules: "bootloader-0.10" });
  assertEquals(mappedSections, [
    {
      name: ".symtab",
      index: 1,
      virt: WINDOW + 0x100n,
      size: 0x30,
      type: 2,
      flags: 0n,
      entsize: 16n,
      link: 7,
      info: 4,
    },
  ]);
  assertEquals(kernel.read(WINDOW + 0x100n, 0x30), new Uint8Array(0x30).fill(0x5a));
});

Deno.test("memory of the caller's, full of other things, shows only zeros past the file", async () => {
  const file = fileWith().slice(0, TABLE_AT + 5 * SHDR);
  const buffer = new SharedArrayBuffer(0x40_0000);
  new Uint8Array(buffer).fill(0xcc);
  const last = { ...FRAME, sh_offset: BigInt(TABLE_AT), sh_size: BigInt(4 * SHDR) };
  const whole = fileWith({ sections: [SYMTAB, STRTAB, last] }).slice(0, file.length);
  const memory = physicalMemory({ base: 0x10_0000, buffer });
  const { kernel, sectionPages } = await load(whole, { names: [".debug_frame"] }, { memory, kernelOffset: 0x10_0000 });
  assertEquals(sectionPages, [{ virt: WINDOW, size: 0x1000, fileOffset: TABLE_AT }]);
  assertEquals(kernel.read(WINDOW + BigInt(5 * SHDR), 0x1000 - 5 * SHDR), new Uint8Array(0x1000 - 5 * SHDR));
});

Deno.test("what another stage asks to keep stays kept", async () => {
  const keep: Stage = { name: "keep", needs: [], adds: ["keepUntil"], run: () => ({ keepUntil: 0x7800 }) };
  const other: AnyPlugin = { name: "keep-more", stages: [{ after: "parse", stage: keep }] };
  const kernel = await loadKernel(fileWith({ shoff: 0x400 }), { plugins: [other, sections()] });
  assertEquals([kernel.bytesRead, kernel.results.sections?.mappedSections.length], [0x7800, 2]);
});

for (const name of ["hello.elf", "hello-pie.elf"]) {
  testWithTools(["readelf"], `every section of ${name} that readelf shows is mapped, or in the image`, async () => {
    const path = new URL(`../../examples/hello/${name}`, import.meta.url);
    const printed = printedSections(await runTool("readelf", ["-SW", fromFileUrl(path)]));
    assert(printed.length > 5);
    const file = await Deno.readFile(path);
    const { kernel, mappedSections, remarks } = await load(file, { select: () => true });
    const unloaded = printed.filter(({ flags }) => !flags.includes("A"));
    const fields = mappedSections.map(({ index, name, size, entsize, link, info }) => {
      return { index, name, size, entsize: Number(entsize), link, info };
    });
    assertEquals(fields, unloaded.map(({ offset: _, flags: __, ...rest }) => rest));
    assertEquals(remarks.length, printed.length - unloaded.length);
    unloaded.forEach(({ offset, size }, at) => {
      assertEquals(kernel.read(mappedSections[at].virt, size), file.slice(offset, offset + size));
    });
  });
}

/** The rows of `readelf -SW`: Nr, Name, Type, Address, Off, Size, ES, Flg, Lk, Inf. */
function printedSections(text: string) {
  const row = /^ +\[ *(\d+)\] (\S+) +\S+ +[0-9a-f]{16} ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) +([A-Z]*) +(\d+) +(\d+)/gm;
  return [...text.matchAll(row)].map(([, index, name, offset, size, entsize, flags, link, info]) => ({
    index: Number(index),
    name,
    offset: parseInt(offset, 16),
    size: parseInt(size, 16),
    entsize: parseInt(entsize, 16),
    flags,
    link: Number(link),
    info: Number(info),
  }));
}
