import { assertEquals, assertObjectMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { addRamdisk, ramdiskBytes, type RamdiskOptions } from "../../boot/ramdisk.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../../core/paging/mod.ts";
import { LoadError, loadKernel } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { snapshotOf } from "./snapshot.ts";
import { scatteredFrames } from "./scattered_frames.ts";

const FILE = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }] });
const FIRST_FREE = 0x80_0000_0000n;
const BYTES = Uint8Array.from({ length: 10_001 }, (_, index) => index % 251);

for (const address of [undefined, 0xffff_a000_0000_0000n, 0xffff_ffff_ffff_d000n]) {
  Deno.test(`bytes are copied into frames of their own, mapped at ${address ?? "a free address"}`, async () => {
    const options = { bytes: BYTES, address };
    const kernel = await loadKernel(FILE, { reserve: ramdiskBytes(options) });
    const { virt, phys, size } = addRamdisk(kernel, options);
    assertEquals([virt, size], [address ?? FIRST_FREE, BYTES.length]);
    assertEquals(kernel.read(virt, size), BYTES);
    assertEquals(kernel.read(virt + BigInt(size), 0x3000 - size), new Uint8Array(0x3000 - size));
    const leaf = kernel.pageTable.translate(virt);
    assertEquals(leaf, { mapped: true, phys, pageSize: 4096, flags: PRESENT | WRITABLE | NO_EXECUTE });
    const own = kernel.frameRuns().filter(({ owner }) => owner === "ramdisk");
    assertEquals(own, [{ phys, size: 0x3000, owner: "ramdisk" }]);
  });
}

Deno.test("bytes are copied whole from frames that are scattered", async () => {
  const kernel = await loadKernel(FILE, { memory: { size: 0x80_0000 }, frames: scatteredFrames() });
  assertEquals(kernel.read(addRamdisk(kernel, { bytes: BYTES }).virt, BYTES.length), BYTES);
});

const RANGES: readonly [options: RamdiskOptions & { readonly phys: number; readonly size: number }, pages: number][] = [
  [{ phys: 0x1000_0000, size: 0x2001 }, 3],
  [{ phys: 0x1000_0800, size: 0x1000 }, 2],
  [{ phys: 0x1000_0000, size: 1, address: 0xffff_a000_0000_0000n }, 1],
];

for (const [options, pages] of RANGES) {
  Deno.test(`${options.size} bytes at physical ${options.phys} are mapped where they lie`, async () => {
    const kernel = await loadKernel(FILE, { reserve: ramdiskBytes(options) });
    const { virt, phys, size } = addRamdisk(kernel, options);
    assertEquals([phys, size], [options.phys, options.size]);
    for (const offset of [0, size - 1]) {
      const found = kernel.pageTable.translate(virt + BigInt(offset));
      assertEquals(found.mapped && found.phys, phys + offset);
    }
    assertEquals([...kernel.pageTable.leaves()].filter((leaf) => leaf.phys >= 0x1000_0000).length, pages);
  });
}

Deno.test("a range that the load's own frames are in is refused by their owner", async () => {
  const kernel = await loadKernel(FILE);
  const before = snapshotOf(kernel);
  for (const [phys, owner] of [[0x20_1000, "file"], [0x20_3000, "table"], [0x20_0fff, "file"]] as const) {
    const error = assertThrows(() => addRamdisk(kernel, { phys, size: 0x1000 }), LoadError);
    assertObjectMatch(error, { code: "range-in-use", detail: { value: phys, owner } });
    assertStringIncludes(error.message, `0x${phys.toString(16)} as the ramdisk: its range holds frames of "${owner}"`);
  }
  assertEquals(snapshotOf(kernel), before);
});

Deno.test("bytes that no frames are left for are refused before a frame is taken", async () => {
  const bytes = new Uint8Array(64 * 2 ** 20);
  const small = await loadKernel(FILE);
  const before = snapshotOf(small);
  assertEquals(assertThrows(() => addRamdisk(small, { bytes }), LoadError).code, "frames-exhausted");
  assertEquals(snapshotOf(small), before);
  addRamdisk(await loadKernel(FILE, { memory: { size: 128 * 2 ** 20 } }), { bytes });
  addRamdisk(await loadKernel(FILE, { reserve: ramdiskBytes({ bytes }) }), { bytes });
});

Deno.test("a ramdisk that would cover the kernel is refused by name", async () => {
  const kernel = await loadKernel(FILE);
  const before = snapshotOf(kernel);
  for (const options of [{ bytes: BYTES }, { phys: 0x1000_0000, size: 0x3000 }]) {
    const error = assertThrows(() => addRamdisk(kernel, { ...options, address: 0x3f_f000n }), LoadError);
    assertObjectMatch(error, { code: "page-already-mapped", detail: { value: 0x40_0000n, otherIndex: 0 } });
    assertStringIncludes(error.message, "the ramdisk's page");
  }
  assertEquals(snapshotOf(kernel), before);
});

const BAD: readonly [unknown, typeof RangeError | typeof TypeError, string][] = [
  [{ bytes: new Uint8Array(0) }, RangeError, "0x0 as size"],
  [{ bytes: "text" }, TypeError, 'text" as bytes: pass a Uint8Array'],
  [{ bytes: BYTES, phys: 0x1000, size: 1 }, TypeError, "pass either bytes, or phys and size"],
  [{ phys: 0x1000, size: 0 }, RangeError, "0x0 as size"],
  [{ phys: 0x1000 }, TypeError, "give its bytes, or both phys and size"],
  [{}, TypeError, "give its bytes, or both phys and size"],
  [undefined, TypeError, "undefined as options"],
  [{ phys: 0.5, size: 1 }, RangeError, "0.5 as phys"],
  [{ phys: 2 ** 52, size: 1 }, RangeError, "below 2^52"],
  [{ phys: 0x1000, size: 1, address: 0x10n }, RangeError, "it must be a multiple of 4096"],
  [{ bytes: BYTES, address: 0x7fff_ffff_f000n }, RangeError, "12288 bytes from there leave its half"],
  [{ bytes: BYTES, address: 4096 }, TypeError, "it must be a bigint"],
  [{ file: "disk.img" }, TypeError, 'the option "file"'],
];

for (const [options, kind, message] of BAD) {
  Deno.test(`a ramdisk that cannot be is refused: ${message}`, async () => {
    const kernel = await loadKernel(FILE);
    assertThrows(() => addRamdisk(kernel, options as RamdiskOptions), kind, message);
    assertThrows(() => ramdiskBytes(options as RamdiskOptions), kind, message);
  });
}
