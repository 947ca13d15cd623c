import { assert, assertEquals, assertRejects } from "@std/assert";
import { keepFile } from "../../core/file/kept_file.ts";
import { arenaOf, BASE, takeArena } from "../../loaders/load/arena.ts";
import { checkKernel } from "../../loaders/mod.ts";
import { type AnyPlugin, LoadError, loadKernel, type LoadOptions } from "../../mod.ts";
import { presets } from "../../plugins/presets.ts";
import { buildElf } from "../elf_builder.ts";
import { answeredFiles, readOriginal } from "../original.ts";

const SIZE = 2 ** 24;

async function outcome(file: Uint8Array, options: LoadOptions<readonly AnyPlugin[]>): Promise<string> {
  try {
    const { entryPoint, mappings } = await loadKernel<readonly AnyPlugin[]>(file, options);
    return [entryPoint, ...[...mappings()].flatMap(({ virt, size, writable }) => [virt, size, writable])].join(" ");
  } catch (error) {
    if (error instanceof LoadError) return error.message;
    throw error;
  }
}

Deno.test("loads one after the other in the same memory come to what they come to in memory of their own", async () => {
  let loads = 0;
  for (const { name } of answeredFiles().filter(({ name }) => name !== "bss-exhausts-arena.elf")) {
    const file = readOriginal(name);
    const arena = (await arenaOf(keepFile(file), SIZE))!;
    const place = { level4Frame: BASE, kernelOffset: BASE + 4096 };
    for (const version of ["bootloader-0.10", "bootloader-0.11", "bootloader-0.10"] as const) {
      const inArena = await outcome(arena.source, { ...presets[version], ...place, memory: arena.memory });
      assertEquals(
        inArena,
        await outcome(file, { ...presets[version], ...place, memory: { base: BASE, size: SIZE } }),
        name,
      );
      assertEquals(arena.source, file, `${name} is not intact after ${version}`);
      loads++;
    }
    const kernelBase = 0x100_0000n;
    const rest = { ...presets.default, kernelOffset: BASE + 4096, ...(file[16] === 3 ? { kernelBase } : {}) };
    const last = await outcome(arena.source, { ...rest, memory: arena.memory });
    assertEquals(last, await outcome(file, { ...rest, memory: { base: BASE, size: SIZE } }), name);
  }
  assert(loads > 800);
});

Deno.test("a file is copied once, and nobody else gets the memory after it was taken", async () => {
  const file = keepFile(new Blob([new Uint8Array(5000).fill(7)]));
  const arena = await arenaOf(file, SIZE);
  assertEquals(await arenaOf(file, SIZE), arena);
  assertEquals([arena?.source.length, arena?.source[4999], arena?.memory.base], [5000, 7, BASE]);
  assertEquals(takeArena(file, SIZE), arena);
  assertEquals(takeArena(file, SIZE), undefined);
  await arenaOf(file, SIZE);
  assertEquals(takeArena(file, SIZE - 1), undefined);
  assertEquals(takeArena(keepFile(new Uint8Array(1)), SIZE), undefined);
});

Deno.test("a file without a place in the memory gets none", async () => {
  assertEquals(await arenaOf(keepFile(new Uint8Array(4096)), 2 * 4096), undefined);
  assertEquals((await arenaOf(keepFile(new Uint8Array(4096)), 3 * 4096))?.source.length, 4096);
  assertEquals(await arenaOf(keepFile(new Uint8Array(10)), 2 ** 52), undefined);
});

Deno.test("verdicts on a large file are those of the same file with loaders asked one by one", async () => {
  const pie = readOriginal("real-static-pie.elf");
  const files = [
    buildElf({
      segments: [{ filesz: 0x18_0000 }, { filesz: 16, offset: 0x20_0000, p_vaddr: 0x80_0000n, p_memsz: 0x5000n }],
      length: 0x20_1000,
    }),
    buildElf({ header: { e_entry: 1n }, segments: [{ filesz: 0x18_0000 }], length: 0x20_0000 }),
    buildElf({ segments: [{ filesz: 0x18_0000, p_memsz: 2n ** 28n }], length: 0x20_0000 }),
    Uint8Array.from([...pie, ...new Uint8Array(2 ** 20)]),
  ];
  for (const file of files) {
    const names = ["kload", "bootloader-0.10"] as const;
    const { verdicts } = await checkKernel(file, { loaders: names });
    const alone = await Promise.all(
      names.map(async (name) => (await checkKernel(file, { loaders: [name] })).verdicts[0]),
    );
    assertEquals(verdicts, alone);
  }
});

Deno.test("a large file that may not be kept whole is a limit exceeded", async () => {
  const file = buildElf({ segments: [{ filesz: 0x100 }], length: 2 ** 21 });
  const options = { loaders: ["bootloader-0.10"], maxMemory: 2 ** 20 } as const;
  const error = await assertRejects(() => checkKernel(new Blob([file]).stream(), options), LoadError);
  assertEquals(error.code, "memory-limit-exceeded");
});
