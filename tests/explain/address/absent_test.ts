/** What is said of addresses at which nothing is mapped. */

import { assert, assertEquals } from "@std/assert";
import { explainAddress } from "../../../explain/address/explain_address.ts";
import type { ExplainOptions } from "../../../explain/address/explain_options.ts";
import type { Explainable } from "../../../explain/explained.ts";
import { readSymbols } from "../../../explain/symbols/read_symbols.ts";
import { pagesOf } from "../../../explain/tables/physical_pages.ts";
import { loadKernel, physicalMemory } from "../../../mod.ts";
import { relocate } from "../../../plugins/relocate.ts";
import { buildElf } from "../../elf_builder.ts";

const EXAMPLES = new URL("../../../examples/hello/", import.meta.url);
const HELLO = await Deno.readFile(new URL("hello.elf", EXAMPLES));

function messagesAt(kernel: Explainable, address: bigint, options: ExplainOptions = {}): readonly string[] {
  return explainAddress(kernel, address, options).why.map(({ message }) => message);
}

Deno.test("an absent address names the missing bit and the nearest header, and by how much that misses", async () => {
  const kernel = await loadKernel(HELLO);
  assertEquals(messagesAt(kernel, 0xffff_ffff_8000_6000n), [
    "PRESENT is 0 in entry 6 of the level-1 table at physical 0x207000.",
    "No PT_LOAD program header covers the address: it is 0x9c1 bytes after the last byte of program header 2, which is " +
    "at 0xffffffff80002000..0xffffffff80005640.",
  ]);
  assertEquals(messagesAt(kernel, 0xffff_ffff_7fff_ffffn).slice(1), [
    "No PT_LOAD program header covers the address: it is 1 byte before the first byte of program header 0, which is at " +
    "0xffffffff80000000..0xffffffff80000c9c.",
  ]);
  const { canonical, mapped, nearest, segment, user } = explainAddress(kernel, 0xffff_ffff_8000_6000n);
  assertEquals([canonical, mapped, segment, user], [true, false, null, false]);
  assertEquals(nearest, {
    before: { start: 0xffff_ffff_8000_2000n, size: 0x4000, permissions: "RW-", owner: "bss", distance: 1n },
    after: null,
  });
});

Deno.test("an address that is not canonical names the bits that are wrong", async () => {
  const kernel = await loadKernel(HELLO);
  const start = "The processor does not accept the address: bit 47 is";
  const cases = [
    [0x0000_8000_0000_0000n, `${start} 1, but bits 48 to 63 are 0.`],
    [0xffff_0000_0000_0000n, `${start} 0, but bits 48 to 63 are 1.`],
    [0x0001_0000_0000_1000n, `${start} 0, but bit 48 is 1.`],
    [0xf0ff_8000_0000_0000n, `${start} 1, but bits 56 to 59 are 0.`],
    [0x0101_0000_0000_0000n, `${start} 0, but bits 48 and 56 are 1.`],
  ] as const;
  for (const [address, message] of cases) {
    const { canonical, levels, why, nearest } = explainAddress(kernel, address);
    assertEquals([canonical, levels.length, why.map((reason) => reason.message)], [false, 0, [message]]);
    assertEquals([nearest?.before, nearest?.after?.start], [null, 0xffff_ffff_8000_0000n]);
  }
});

Deno.test("an address of a device of a PC is one that --identity maps", async () => {
  const kernel = await loadKernel(HELLO);
  const cases = [
    [0xb_8000n, "vga-text", "the VGA text buffer"],
    [0xb_ffffn, "vga-text", "the VGA text buffer"],
    [0xa_0000n, "video-memory", "video memory"],
    [0xf_fff0n, "firmware", "firmware"],
    [0xfee0_00f0n, "local-apic", "the registers of the local APIC"],
    [0xfec0_0010n, "io-apic", "the registers of the I/O APIC"],
  ] as const;
  for (const [address, what, name] of cases) {
    const device = explainAddress(kernel, address).why.at(-1);
    assertEquals(device, {
      kind: "device",
      what,
      message: `A PC has ${name} at this physical address, which is not mapped at its own address.`,
      hint: "--identity maps physical memory at its own addresses.",
    });
  }
  for (const address of [0n, 0x10_0000n, 0x9_ffffn, 0xfee0_1000n]) {
    assert(explainAddress(kernel, address).why.every(({ kind }) => kind !== "device"));
  }
});

Deno.test("an address in a header's p_paddr range is told where that byte is mapped", async () => {
  const kernel = await loadKernel(HELLO);
  const [, , physical, ...more] = explainAddress(kernel, 0x20_0010n).why;
  assertEquals(more, []);
  assert(physical.kind === "physical-range");
  assertEquals([physical.index, physical.mappedAt], [0, 0xffff_ffff_8000_0010n]);
});

Deno.test("an address as linked, of a kernel that was moved, is told where that byte is now", async () => {
  const file = await Deno.readFile(new URL("hello-pie.elf", EXAMPLES));
  const kernel = await loadKernel(file, { plugins: [relocate()] });
  const moved = explainAddress(kernel, 0x1310n).why.at(-1);
  assert(moved?.kind === "moved");
  assertEquals([moved.index, moved.mappedAt], [1, 0x80_0000_1310n]);
});

Deno.test("what is in no PT_LOAD header is said not to be loaded: headers of other types, and sections", async () => {
  const file = buildElf({
    segments: [
      { filesz: 0x100, offset: 0x1000 },
      { p_type: 4, p_vaddr: 0x50_0000n, filesz: 0x20, offset: 0x1000, p_align: 4n },
      { p_vaddr: 0x60_0000n, filesz: 0, p_memsz: 0n },
    ],
  });
  const kernel = await loadKernel(file);
  assertEquals(
    messagesAt(kernel, 0x50_001fn).at(-1),
    "Program header 1 (NOTE) contains the address, but only PT_LOAD " +
      "headers are loaded.",
  );
  assertEquals(
    messagesAt(kernel, 0x60_0000n).at(-1),
    "Program header 2 is at this address, but takes no memory: its p_memsz is 0.",
  );
  assertEquals(messagesAt(kernel, 0x50_0020n).length, 2);
  const linker = await readSymbols(HELLO);
  const section = { ...linker.sections[0], name: ".lost", address: 0x70_0000n, size: 0x10n };
  const symbols = {
    ...linker,
    sectionAt: (address: bigint) =>
      address >= section.address && address < section.address + section.size ? section : undefined,
    symbolAt: () => undefined,
  };
  const { section: found } = explainAddress(kernel, 0x70_0008n, { symbols });
  assertEquals(found, { name: ".lost", offset: 8 });
  assertEquals(
    messagesAt(kernel, 0x70_0008n, { symbols }).at(-1),
    "Section .lost contains the address, but no PT_LOAD " +
      "program header does, so it is not loaded.",
  );
});

const PAGE = 4096;

/** Page tables from entries: the physical address of each, and its value. */
function tableSet(entries: Readonly<Record<number, bigint>>, levels: 4 | 5 = 4) {
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(0x1_0000) });
  const view = new DataView(memory.buffer);
  for (const [at, entry] of Object.entries(entries)) view.setBigUint64(Number(at), entry, true);
  return { root: 0x1000, levels, pages: pagesOf(memory) } as const;
}

Deno.test("page tables alone are explained without a kernel: the walk, the page, and what is near", () => {
  const tables = tableSet({ 0x1000: 0x2003n, 0x2000: 0x3007n, 0x3008: 0x8000_0000_0020_0083n });
  const { why, physical, pageSize, permissions, owner, segment, symbol } = explainAddress(tables, 0x20_1234n);
  assertEquals([physical, pageSize, permissions], [0x20_1234, 0x20_0000, "RW-"]);
  assertEquals([why, owner, segment, symbol], [[], null, null, null]);
  const absent = explainAddress(tables, 0x40_0010n);
  assertEquals(absent.why, [{
    kind: "absent",
    level: 2,
    table: 0x3000,
    entry: 2,
    bit: "PRESENT",
    message: "PRESENT is 0 in entry 2 of the level-2 table at physical 0x3000.",
  }]);
  assertEquals(absent.nearest, {
    before: { start: 0x20_0000n, size: 0x20_0000, permissions: "RW-", owner: null, distance: 0x11n },
    after: null,
  });
});

Deno.test("reserved bits and unknown memory end a walk, and are said to", () => {
  const tables = tableSet({ 0x1000: 0x2083n, 0x1008: 0x10_0003n });
  assertEquals(messagesAt(tables, 0n), ["Reserved bits are set in entry 0 of the level-4 table at physical 0x1000."]);
  assertEquals(messagesAt(tables, 2n ** 39n), [
    "The level-3 table at physical 0x100000 is in unknown memory.",
  ]);
  const { nearest } = explainAddress(tables, 0n);
  assertEquals(nearest, { before: null }); // what the unknown table maps may be nearer than anything else
  const root = { ...tables, root: 0x10_0000 };
  assertEquals(messagesAt(root, 0n), ["The level-4 table at physical 0x100000 is in unknown memory."]);
});

Deno.test("with five levels, addresses of 57 bits are canonical", () => {
  const tables = tableSet({ 0x1ff8: 0x2003n, 0x2ff8: 0x3003n, 0x3ff8: 0x4003n, 0x4ff8: 0x5003n, 0x5ff8: 0x6003n }, 5);
  assertEquals(explainAddress(tables, 0xffff_ffff_ffff_fff0n).physical, 0x6ff0);
  const { canonical, why, nearest } = explainAddress(tables, 0x00ff_ffff_ffff_f000n);
  assertEquals([canonical, why[0].kind, nearest?.before], [true, "absent", null]);
  assertEquals(nearest?.after, {
    start: 0xffff_ffff_ffff_f000n,
    size: 0x1000,
    permissions: "RWX",
    owner: null,
    distance: 0xffff_ffff_ffff_f000n - 0x00ff_ffff_ffff_f000n,
  });
  assertEquals(messagesAt(tables, 0x0100_0000_0000_0000n), [
    "The processor does not accept the address: bit 56 is 1, but bits 57 to 63 are 0.",
  ]);
});

Deno.test("a recursive entry is recognized in foreign page tables", () => {
  const tables = tableSet({ 0x1ff0: 0x1003n });
  const address = 0xffff_ff7f_bfdf_e000n + 510n * 8n;
  const [physical, table] = explainAddress(tables, address).why;
  assert(physical.kind === "physical" && table.kind === "table");
  assertEquals([physical.through, physical.physical, table.level, table.entry], ["recursive", 0x1ff0, 4, 510]);
});

Deno.test("a run that is near ends at the non-canonical hole, and where a permission changes", () => {
  const top = { 0x1000: 0x2003n, 0x17f8: 0x2003n, 0x1800: 0x2003n, 0x2000: 0x3003n, 0x2ff8: 0x3003n };
  const hole = tableSet({ ...top, 0x3000: 0x4003n, 0x3ff8: 0x4003n, 0x4000: 0x6003n, 0x4ff8: 0x5003n });
  const { before, after } = explainAddress(hole, 0x7fff_ffff_e000n).nearest!;
  assertEquals([after?.start, after?.size], [0x7fff_ffff_f000n, 0x1000]); // the next page has the next frame, too
  assertEquals([before?.start, before?.size], [0x7fff_ffe0_0000n, 0x1000]);
  const flags = [0x3n, 0x7n, 0x1n, 0x8000_0000_0000_0003n];
  const first = { 0x1000: 0x2007n, 0x2000: 0x3007n, 0x3000: 0x4007n };
  const runs = tableSet({
    ...first,
    ...Object.fromEntries(flags.map((bits, at) => [0x4008 + at * 8, BigInt(0x5000 + at * PAGE) | bits])),
  });
  const near = explainAddress(runs, 0n).nearest?.after;
  assertEquals([near?.start, near?.size, near?.permissions], [0x1000n, 0x1000, "RWX"]);
});

Deno.test("a table that maps nothing after the address is searched again where it is used next", () => {
  const tables = tableSet({ 0x1000: 0x2003n, 0x2000: 0x3003n, 0x3000: 0x4003n, 0x3008: 0x4003n, 0x4000: 0x5003n });
  const { before, after } = explainAddress(tables, 0x5010n).nearest!;
  assertEquals([before?.start, after?.start], [0n, 0x20_0000n]);
});
