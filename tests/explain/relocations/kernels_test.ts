/** Relocation entries of compiled kernels, against what readelf says of them and what the kernels hold once loaded. */

import { assert, assertEquals } from "@std/assert";
import { readRelocations } from "../../../explain/relocations/read_relocations.ts";
import type { RelocationEntry } from "../../../explain/relocations/kernel_relocations.ts";
import { loadKernel } from "../../../mod.ts";
import { relocate } from "../../../plugins/relocate.ts";
import { runTool, testWithTools } from "../../tools.ts";
import { BUILD_TOOLS, withKernels } from "../kernels.ts";

const ALL = [0n, 1n << 64n] as const;

/** An entry as readelf prints it. */
interface EntryLine {
  readonly table: string;
  readonly entry?: number;
  readonly fileOffset?: number;
  readonly place: bigint;
  readonly type: string;
  readonly symbol?: { readonly index: number; readonly name: string; readonly value: bigint };
  readonly addend?: bigint;
}

const TABLE = /^Relocation section '(.*)' at offset 0x([0-9a-f]+) contains/;
const RELA = /^([0-9a-f]{16}) {2}([0-9a-f]{8})[0-9a-f]{8} (R_\w+) +(?:([0-9a-f]{16}) (?:(\S+) )?([+-]) )?([0-9a-f]+)$/;
const RELR = /^([0-9a-f]{16})$/;

async function readelfEntries(path: string): Promise<readonly EntryLine[]> {
  const entries: EntryLine[] = [];
  let [table, offset, entry] = ["", 0, 0];
  for (const line of (await runTool("readelf", ["-rW", path])).split("\n")) {
    const [, name, start] = TABLE.exec(line) ?? [];
    if (name !== undefined) [table, offset, entry] = [name, Number(`0x${start}`), 0];
    const word = RELR.exec(line)?.[1];
    if (word !== undefined) entries.push({ table, place: BigInt(`0x${word}`), type: "RELR" });
    const [, place, symbol, type, value, symbolName = "", sign, digits] = RELA.exec(line) ?? [];
    if (place === undefined) continue;
    entries.push({
      table,
      entry,
      fileOffset: offset + 24 * entry++,
      place: BigInt(`0x${place}`),
      type,
      ...(value === undefined
        ? {}
        : { symbol: { index: Number(`0x${symbol}`), name: symbolName, value: BigInt(`0x${value}`) } }),
      addend: BigInt(`0x${digits}`) * (sign === "-" ? -1n : 1n),
    });
  }
  return entries;
}

/** The part of an entry that readelf prints. */
function printed({ table, entry, fileOffset, place, type, symbol, addend }: RelocationEntry): EntryLine {
  if (type === "RELR") return { table, place, type };
  const named = symbol && { index: symbol.index, name: symbol.name, value: symbol.value };
  return { table, entry, fileOffset, place, type, ...(named ? { symbol: named } : {}), addend };
}

const byPlace = (a: EntryLine, b: EntryLine) => a.place < b.place ? -1 : a.place > b.place ? 1 : 0;

testWithTools(
  [...BUILD_TOOLS, "readelf"],
  "the relocation entries of compiled kernels are those of readelf",
  async () => {
    const seen = new Map<string, number>();
    await withKernels(async (paths) => {
      for (const [name, path] of paths) {
        const relocations = await readRelocations(await Deno.readFile(path));
        const expected = await readelfEntries(path);
        const found = [...relocations.inRange(...ALL)];
        assertEquals(found.map(printed), expected.toSorted(byPlace), name);
        assertEquals([relocations.count, relocations.isPartial], [expected.length, false], name);
        assertEquals(
          new Set(relocations.tables.map(({ name }) => name)),
          new Set(expected.map(({ table }) => table)),
          name,
        );
        for (const { type } of found) seen.set(type, (seen.get(type) ?? 0) + 1);
        for (const entry of found) {
          for (const by of [0n, 7n]) {
            assert(relocations.at(entry.place + by).some((each) => each.place === entry.place));
          }
          assertEquals(relocations.countIn(entry.place, entry.place + 1n), 1);
        }
      }
    });
    for (const type of ["R_X86_64_RELATIVE", "R_X86_64_64", "R_X86_64_GLOB_DAT", "R_X86_64_JUMP_SLOT", "RELR"]) {
      assert((seen.get(type) ?? 0) > 0, `no ${type} was tried`);
    }
  },
);

testWithTools(BUILD_TOOLS, "an entry explains the word that the plugin relocate wrote", async () => {
  let words = 0;
  await withKernels(async (paths) => {
    for (const name of ["pie", "pie-packed", "pie-lld", "pie-lld-packed", "pie-debug", "hello-pie"]) {
      const file = await Deno.readFile(`${paths.get(name)}`);
      const relocations = await readRelocations(file);
      const base = 0xffff_ffff_c000_0000n;
      const plain = await loadKernel(file);
      const kernel = await loadKernel(file, { kernelBase: base, plugins: [relocate()] });
      const number = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
      for (const { type, place, addend = 0n, symbol } of relocations.inRange(...ALL)) {
        const before = number(plain.read(place, 8));
        const after = number(kernel.read(BigInt.asUintN(64, base + place), 8));
        if (type === "RELR") assertEquals(addend, before, name);
        const isMissing = symbol?.defined === false;
        assertEquals(after, isMissing ? 0n : BigInt.asUintN(64, base + addend), `${place.toString(16)} in ${name}`);
        words++;
      }
      const counts = Object.values(kernel.results.relocate?.counts ?? {});
      assertEquals(relocations.count, counts.reduce((sum, count) => sum + count, 0), name);
    }
  });
  assert(words > 40, `${words} words`);
});

testWithTools([...BUILD_TOOLS, "objcopy"], "without sections, tables are named by their tags", async () => {
  await withKernels(async (paths) => {
    for (const name of ["shared", "pie-packed"]) {
      const file = await Deno.readFile(`${paths.get(name)}`);
      const bySections = [...(await readRelocations(file)).inRange(...ALL)];
      file.fill(0, 40, 48).fill(0, 58, 64); // no section headers
      const byTags = await readRelocations(file);
      const tags = { ".rela.dyn": "DT_RELA", ".rela.plt": "DT_JMPREL", ".relr.dyn": "DT_RELR" };
      assertEquals(
        [...byTags.inRange(...ALL)],
        bySections.map((entry) => ({ ...entry, table: tags[entry.table as keyof typeof tags] })),
      );
      assert(bySections.every(({ table, tag }) => tags[table as keyof typeof tags] === tag));
    }
  });
});
