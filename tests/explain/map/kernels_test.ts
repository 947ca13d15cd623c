/** Maps of loaded kernels, each page compared with what leaves(), frameRuns() and the program headers say of it. */

import { assert, assertEquals } from "@std/assert";
import { addDirectMap } from "../../../boot/direct_map.ts";
import { addIdentityMap } from "../../../boot/identity_map.ts";
import { addKernelStack } from "../../../boot/kernel_stack.ts";
import { addRecursiveEntry } from "../../../boot/recursive_entry.ts";
import { RULES } from "../../../core/rules.ts";
import type { MapRun } from "../../../explain/map/address_map.ts";
import { mapModel } from "../../../explain/map/map_model.ts";
import { openSnapshot, snapshot } from "../../../explain/snapshot.ts";
import { openTableSet } from "../../../explain/tables/open_table_set.ts";
import { type LoadedKernel, LoadError, loadKernel, type RuleSetName } from "../../../mod.ts";
import { relocate } from "../../../plugins/relocate.ts";
import { relro } from "../../../plugins/relro.ts";
import { buildElf } from "../../elf_builder.ts";
import { PAGE } from "../../core/paging/bits.ts";
import { HELLO, pathOf } from "../../cli/kload.ts";

const CORPUS = pathOf("tests/fixtures/original/corpus/");
const FILES = [HELLO, pathOf("examples/hello/hello-pie.elf")]
  .concat([...Deno.readDirSync(CORPUS)].map(({ name }) => CORPUS + name));

type Kernel = Omit<LoadedKernel, "usedLevel4Entries">;

/** What is known of a page, found the slow way. */
interface Page {
  readonly phys: number;
  readonly permissions: string;
  readonly owner: string | undefined;
  readonly segments: readonly number[];
}

function pagesOf(kernel: Kernel): ReadonlyMap<bigint, Page> {
  const pages = new Map<bigint, Page>();
  const frames = kernel.frameRuns();
  for (const { virt, phys, pageSize } of kernel.pageTable.leaves()) {
    assertEquals(pageSize, PAGE);
    const entries = kernel.pageTable.walk(virt).map(({ entry }) => entry);
    const writable = entries.every((entry) => (entry & 2n) !== 0n);
    const executable = entries.every((entry) => entry >> 63n === 0n);
    const segments = kernel.programHeaders.filter(({ p_type, p_vaddr, p_memsz, p_filesz }) => {
      const start = BigInt.asUintN(48, p_vaddr + kernel.virtualAddressOffset); // some rules extend bit 47 themselves
      const size = p_memsz > p_filesz ? p_memsz : p_filesz;
      const low = BigInt.asUintN(48, virt);
      return p_type === 1 && size > 0n && start < low + BigInt(PAGE) && start + size > low;
    });
    pages.set(virt, {
      phys,
      permissions: `R${writable ? "W" : "-"}${executable ? "X" : "-"}`,
      owner: frames.find((run) => phys >= run.phys && phys < run.phys + run.size)?.owner,
      segments: segments.map(({ index }) => index).sort(),
    });
  }
  return pages;
}

/** Fails unless each page of the runs is as it should be, and returns their number. */
function assertPages(kernel: Kernel, runs: readonly MapRun[], what: string): number {
  const pages = pagesOf(kernel);
  let count = 0;
  for (const { virt, phys, size, permissions, owner, segments, fileOffset } of runs) {
    for (let done = 0; done < size; done += PAGE) {
      const page = pages.get(virt + BigInt(done));
      assert(page, what);
      const found = { phys: phys + done, permissions: `${permissions}`, owner, segments: [...segments].sort() };
      assertEquals(found, page, `${what}, ${virt + BigInt(done)}`);
      count++;
    }
    assertEquals(fileOffset !== undefined, owner === "file", what);
    if (fileOffset !== undefined) assertEquals(fileOffset, phys - kernel.addressSpace.file.phys, what);
  }
  assertEquals(count, pages.size, what);
  return count;
}

for (const rules of Object.keys(RULES) as RuleSetName[]) {
  Deno.test(`every page of every file that the ${rules} rules load has its run, owner and headers`, async () => {
    let count = 0;
    for (const file of FILES) {
      const bytes = await Deno.readFile(file);
      const plugins = rules === "bootloader-0.10" ? [] : [relocate(), relro()];
      const kernel = await loadKernel(bytes, { rules, plugins, maxMemory: 2 ** 26 }).catch((error) => {
        assert(error instanceof LoadError, String(error));
        return undefined;
      });
      if (!kernel || [...kernel.pageTable.leaves()].length > 5000) continue;
      const { entries, tables } = await mapModel(kernel);
      count += assertPages(kernel, entries.flatMap(({ runs }) => runs), file);
      for (const { frame, level, owner } of tables) assert(owner === "table" || level === 4, `${file}: ${frame}`);
      const listed = tables.map(({ level, frame, virt }) => ({ level: level as number, frame, virt }));
      assertEquals(listed, [...kernel.pageTable.tables()], file);
    }
    assert(count > 100, `${count} pages`);
  });
}

Deno.test("a run's file offset is where its bytes are in the file", async () => {
  const bytes = await Deno.readFile(HELLO);
  const kernel = await loadKernel(bytes);
  const runs = (await mapModel(kernel)).entries.flatMap(({ runs }) => runs);
  const fromFile = runs.filter(({ fileOffset }) => fileOffset !== undefined);
  assertEquals(fromFile.length, 2);
  for (const { virt, size, fileOffset = -1 } of fromFile) {
    assertEquals(kernel.read(virt, size), bytes.slice(fileOffset, fileOffset + size));
  }
});

Deno.test("pages that RELRO sealed are a run of their own, without write permission", async () => {
  const kernel = await loadKernel(await Deno.readFile(pathOf("examples/hello/hello-pie.elf")), {
    plugins: [relocate(), relro()],
  });
  const sealed = kernel.programHeaders.find(({ p_type }) => p_type === 0x6474_e552)!;
  const runs = (await mapModel(kernel)).entries.flatMap(({ runs }) => runs);
  const first = sealed.p_vaddr + kernel.virtualAddressOffset;
  const start = first - first % BigInt(PAGE);
  const run = runs.find(({ virt, size }) => virt <= start && start < virt + BigInt(size))!;
  assertEquals([run.permissions, run.owner, run.virt, run.size], [
    "R--",
    "copy",
    start,
    Number(first + sealed.p_memsz - start),
  ]);
  const next = runs[runs.indexOf(run) + 1];
  assertEquals([next.virt, next.permissions, next.segments], [run.virt + BigInt(run.size), "RW-", run.segments]);
});

Deno.test("a page of two segments has both, in the order of their addresses", async () => {
  const segments = [
    { offset: 0x1800, filesz: 0x400, p_vaddr: 0x40_0800n, p_flags: 4, p_align: 0x1000n },
    { offset: 0x1000, filesz: 0x400, p_vaddr: 0x40_0000n, p_flags: 4, p_align: 0x1000n },
    { offset: 0x2000, filesz: 0x400, p_vaddr: 0x40_1000n, p_flags: 4, p_align: 0x1000n },
  ];
  const kernel = await loadKernel(buildElf({ segments }));
  const runs = (await mapModel(kernel)).entries.flatMap(({ runs }) => runs);
  assertEquals(runs.map(({ segments, size }) => [segments, size]), [[[1, 0], PAGE], [[2], PAGE]]);
});

Deno.test("a direct map is one run of large pages, however many owners its frames have", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO));
  const { offset } = addDirectMap(kernel, { size: 2 ** 32, largestPage: 0x20_0000 });
  const { entries, directMaps } = await mapModel(kernel);
  assertEquals(directMaps, [{ virt: offset, phys: 0, size: 2 ** 32, offset }]);
  const runs = entries.flatMap(({ runs }) => runs).filter(({ directMap }) => directMap);
  const { owner, owners } = runs[0];
  assertEquals([runs.length, runs[0].size, runs[0].pageSize, owner, owners], [
    1,
    2 ** 32,
    0x20_0000,
    undefined,
    undefined,
  ]);
});

Deno.test("an identity map has offset 0, and is told from the kernel", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO));
  addIdentityMap(kernel, { size: 2 ** 30 });
  const { entries, directMaps } = await mapModel(kernel);
  assertEquals(directMaps, [{ virt: 0n, phys: 0, size: 2 ** 30, offset: 0n }]);
  const direct = entries.map(({ index, runs }) => [index, runs.every(({ directMap }) => directMap)]);
  assertEquals(direct, [[0, true], [511, false]]);
});

Deno.test("what maps only a part of memory is no direct map", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO));
  addDirectMap(kernel, { size: 0x20_0000 });
  assertEquals((await mapModel(kernel)).directMaps, []);
});

Deno.test("of page tables alone, a direct map is recognized if the place of memory is given", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO));
  const { offset } = addDirectMap(kernel);
  const { memory, level4Frame } = kernel;
  const tables = openTableSet({ memory, cr3: level4Frame });
  assertEquals((await mapModel(tables)).directMaps, []);
  const [map] = (await mapModel(tables, { memory })).directMaps;
  assertEquals([map.offset, map.phys + map.size], [offset, memory.base + memory.size]);
});

Deno.test("large pages whose frames have several owners name them, and are split from those that have one", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO), { reserve: 2 ** 20 });
  const { addressSpace, memory } = kernel;
  const virt = 0x40_0000_0000n;
  // The file is at 2 MiB, and the tables and the rest of the kernel right after it.
  addressSpace.map(virt, 0x20_0000, 1n, { pageSize: 0x20_0000 });
  assert(memory.size < 0x40_0000);
  const run = (await mapModel(kernel)).entries.flatMap(({ runs }) => runs).find((each) => each.virt === virt)!;
  assertEquals([run.owner, run.owners], [undefined, ["file", "table", "copy", "bss"]]);
});

Deno.test("a recursive entry is a part, and what else is mapped stays", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO));
  const before = await mapModel(kernel);
  addRecursiveEntry(kernel, { index: 510 });
  const { entries, parts, totals } = await mapModel(kernel);
  assertEquals(entries.map(({ index, kind }) => [index, kind]), [[510, "recursive"], [511, "table"]]);
  assertEquals(parts.map((part) => [part.kind, part.level, part.table, part.kind === "recursive" && part.index]), [
    ["recursive", 4, kernel.level4Frame, 510],
  ]);
  assertEquals([totals.bytes, totals.unmapped], [before.totals.bytes, before.totals.unmapped - 2n ** 39n]);
});

Deno.test("what was added after the load is owned by its name, and in no segment", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO));
  const stack = addKernelStack(kernel, { size: 0x8000 });
  const run = (await mapModel(kernel)).entries.flatMap(({ runs }) => runs).find(({ owner }) =>
    owner === "kernel-stack"
  )!;
  assertEquals([run.virt + BigInt(run.size), run.size, run.segments], [stack.top, 0x8000, []]);
});

Deno.test("a snapshot that was posted is mapped like the kernel that it was taken of", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO));
  addDirectMap(kernel, { size: 2 ** 30 });
  const posted = openSnapshot(structuredClone(snapshot(kernel)));
  assertEquals(await mapModel(posted), await mapModel(kernel));
});

Deno.test("the tables of another kernel get segments from the one that is given, and no owners", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO));
  const tables = openTableSet({ memory: kernel.memory, cr3: kernel.level4Frame });
  const runs = (await mapModel(tables, { kernel })).entries.flatMap(({ runs }) => runs);
  assertEquals(runs.map(({ segments, owner, size }) => [segments, owner, size]), [
    [[0], undefined, PAGE],
    [[1], undefined, PAGE],
    [[2], undefined, 4 * PAGE],
  ]);
});
