/** The bounds of the options of writeBootInfo(). */

import { assertEquals, assertThrows } from "@std/assert";
import { type BootInfoOptions, writeBootInfo } from "../../../boot/boot_info.ts";
import { loadKernel } from "../../../mod.ts";
import { buildElf } from "../../elf_builder.ts";
import { snapshotOf } from "../snapshot.ts";

const FILE = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }] });
const region = (start: number, end: number, tag?: number) => {
  return { start, end, kind: "unknown-bios", ...(tag === undefined ? {} : { tag }) } as const;
};

const GOOD: readonly BootInfoOptions[] = [
  { apiVersion: [0, 0, 0] },
  { apiVersion: [65535, 65535, 65535] },
  { rsdp: 0 },
  { rsdp: 2 ** 52 - 1 },
  { memoryMap: [] },
  { memoryMap: [region(0, 1), region(1, 2), region(2 ** 52 - 1, 2 ** 52)] },
  { memoryMap: [region(0, 1, 0), region(1, 2, 2 ** 32 - 1)] },
];

for (const options of GOOD) {
  Deno.test(`writeBootInfo() takes ${JSON.stringify(options)}`, async () => {
    const kernel = await loadKernel(FILE);
    const { address } = writeBootInfo(kernel, options);
    const view = new DataView(kernel.read(address, 232).buffer);
    const [major, minor, patch] = options.apiVersion ?? [0, 11, 16];
    assertEquals([0, 2, 4].map((at) => view.getUint16(at, true)), [major, minor, patch]);
    assertEquals(view.getUint32(112, true), options.rsdp === undefined ? 1 : 0);
    if (options.rsdp !== undefined) assertEquals(view.getBigUint64(120, true), BigInt(options.rsdp));
  });
}

const BAD: readonly BootInfoOptions[] = [
  { apiVersion: [-1, 0, 0] },
  { apiVersion: [0, 65536, 0] },
  { apiVersion: [0, 0, 0.5] },
  { apiVersion: [0, 11] as never },
  { apiVersion: [0, 11, 16, 0] as never },
  { rsdp: -1 },
  { rsdp: 0.5 },
  { rsdp: 2 ** 52 },
  { memoryMap: [region(-1, 1)] },
  { memoryMap: [region(1, 1)] },
  { memoryMap: [region(0, 2), region(1, 3)] },
  { memoryMap: [region(0, 2 ** 52 + 1)] },
  { memoryMap: [region(0, 1, -1)] },
  { memoryMap: [region(0, 1, 2 ** 32)] },
  { memoryMap: [region(0, 1, 0.5)] },
];

for (const options of BAD) {
  Deno.test(`writeBootInfo() refuses ${JSON.stringify(options)}, and changes nothing`, async () => {
    const kernel = await loadKernel(FILE);
    const before = snapshotOf(kernel);
    assertThrows(() => writeBootInfo(kernel, options), RangeError);
    assertEquals(snapshotOf(kernel), before);
  });
}
