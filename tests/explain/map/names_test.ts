/** The sections and symbols of runs are those that readelf prints for their addresses. */

import { assert, assertEquals } from "@std/assert";
import type { KernelSection, KernelSymbols } from "../../../explain/symbols/kernel_symbols.ts";
import { mapModel } from "../../../explain/map/map_model.ts";
import { rangeNames } from "../../../explain/map/range_names.ts";
import { readSymbols } from "../../../explain/symbols/read_symbols.ts";
import { loadKernel } from "../../../mod.ts";
import { relocate } from "../../../plugins/relocate.ts";
import { relro } from "../../../plugins/relro.ts";
import { pathOf } from "../../cli/kload.ts";
import { testWithTools } from "../../tools.ts";
import { allocated, readelfNames } from "../readelf_names.ts";

const KERNELS = ["examples/hello/hello.elf", "examples/hello/hello-pie.elf", "examples/custom_handler/kernel.elf"];

for (const name of KERNELS) {
  testWithTools(["readelf"], `the sections of the runs of ${name} are those of readelf`, async () => {
    const path = pathOf(name);
    const bytes = await Deno.readFile(path);
    const kernel = await loadKernel(bytes, { plugins: [relocate(), relro()] });
    const symbols = await readSymbols(bytes);
    const printed = await readelfNames(path);
    const sections = allocated(printed).filter(({ size }) => size > 0n);
    const { entries } = await mapModel(kernel, { symbols });
    let named = 0;
    for (const { virt, size, sections: range } of entries.flatMap(({ runs }) => runs)) {
      const start = BigInt.asUintN(64, virt - kernel.virtualAddressOffset);
      const inside = sections.filter((each) => each.address < start + BigInt(size) && each.address + each.size > start)
        .sort((one, other) => one.address < other.address ? -1 : 1);
      assertEquals([range?.first, range?.last, range?.count ?? 0], [
        inside[0]?.name,
        inside.at(-1)?.name,
        inside.length,
      ]);
      named += inside.length;
    }
    assert(named >= sections.length, `${named} of ${sections.length}`);
  });

  testWithTools(["readelf"], `the symbols of the runs of ${name} are those of readelf`, async () => {
    const path = pathOf(name);
    const bytes = await Deno.readFile(path);
    const kernel = await loadKernel(bytes, { plugins: [relocate(), relro()] });
    const { tables, sections } = await readelfNames(path);
    const table = tables.get(".symtab") ?? tables.get(".dynsym") ?? [];
    // A label at the end of its section names nothing in it.
    const placed = table.filter(({ type, section, name, value }) => {
      if (!/^\d+$/.test(section) || ["SECTION", "FILE", "TLS"].includes(type) || name === "") return false;
      const { address, size } = sections.find(({ index }) => index === Number(section))!;
      return value >= address && value < address + size;
    });
    const { entries } = await mapModel(kernel, { symbols: await readSymbols(bytes) });
    for (const { virt, size, symbols: range } of entries.flatMap(({ runs }) => runs)) {
      const start = BigInt.asUintN(64, virt - kernel.virtualAddressOffset);
      const end = start + BigInt(size);
      const inside = placed.filter((each) =>
        each.value >= start && each.value < end || each.value < start && each.value + each.size > start
      );
      assertEquals(range?.count ?? 0, inside.length, virt.toString(16));
      if (!range) continue;
      const lowest = inside.reduce((least, { value }) => value < least ? value : least, end);
      const highest = inside.reduce((most, { value }) => value > most ? value : most, 0n);
      assert(inside.some(({ name, value }) => name === range.first && value === lowest), range.first);
      assert(inside.some(({ name, value }) => name === range.last && value === highest), range.last);
    }
  });
}

Deno.test("a symbol that reaches into a run is its first", () => {
  const symbol = { type: "object", binding: "global", index: 1, absolute: false } as const;
  const table = { ...symbol, name: "table", address: 0x1800n, size: 0x1000n };
  const after = { ...symbol, name: "after", address: 0x2900n, size: 8n };
  const names = {
    sections: [],
    symbolAt: (address: bigint) => ({ symbol: table, offset: Number(address - table.address) }),
    endsOfRange: (start: bigint, end: bigint) => {
      return start <= after.address && after.address < end ? { first: after, last: after, count: 1 } : undefined;
    },
  } as unknown as KernelSymbols;
  const { symbols } = rangeNames(names, { virtualAddressOffset: 0x10_0000n });
  assertEquals(symbols(0x10_2000n, 0x1000), { first: "table", last: "after", count: 2 });
  assertEquals(symbols(0x10_2000n, 0x800), { first: "table", last: "table", count: 1 });
  assertEquals(symbols(0x10_2900n, 0x800), { first: "after", last: "after", count: 1 });
});

Deno.test("sections that overlap are found all the same", () => {
  const section = (name: string, address: bigint, size: bigint): KernelSection => ({
    index: 0,
    name,
    address,
    size,
    type: 1,
    flags: 2n,
  });
  const sections = [section("all", 0n, 0x10_000n), section("early", 0x100n, 0x100n), section("empty", 0x5000n, 0n)];
  const names = rangeNames({ sections } as unknown as KernelSymbols, { virtualAddressOffset: 0n });
  assertEquals(names.sections(0n, 0x1000), { first: "all", last: "early", count: 2 });
  assertEquals(names.sections(0x5000n, 0x1000), { first: "all", last: "all", count: 1 });
  assertEquals(names.sections(0x1_0000n, 0x1000), undefined);
  assertEquals([names.hasSection("early", 0x1000n, 16), names.hasSection("empty", 0x5000n, 16)], [false, false]);
});
