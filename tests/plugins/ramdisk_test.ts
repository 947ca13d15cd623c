import { assertEquals, assertObjectMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { LoadError, loadKernel } from "../../mod.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../../core/paging/mod.ts";
import { ramdisk, type RamdiskOptions } from "../../plugins/ramdisk.ts";
import { buildElf } from "../elf_builder.ts";

const FILE = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }] });
const FIRST_FREE = 0x80_0000_0000n;
const BYTES = Uint8Array.from({ length: 10_001 }, (_, index) => index % 251);

const load = (options: RamdiskOptions) => loadKernel(FILE, { plugins: [ramdisk(options)] });

for (const address of [undefined, 0xffff_a000_0000_0000n]) {
  Deno.test(`bytes are copied into frames of their own, mapped at ${address ?? "a free address"}`, async () => {
    const kernel = await load({ bytes: BYTES, address });
    const { virt, phys, size } = kernel.results.ramdisk.ramdisk;
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
  let next = 0x30_0000;
  const frames = {
    allocateFrame: () => (next += 0x2000) - 0x2000,
    get nextFrame() {
      return next;
    },
    framesAllocated: 0,
  };
  const options = { memory: { size: 0x80_0000 }, frames, plugins: [ramdisk({ bytes: BYTES })] as const };
  const kernel = await loadKernel(FILE, options);
  assertEquals(kernel.read(kernel.results.ramdisk.ramdisk.virt, BYTES.length), BYTES);
});

const RANGES: readonly [options: RamdiskOptions & { readonly phys: number; readonly size: number }, pages: number][] = [
  [{ phys: 0x1000_0000, size: 0x2001 }, 3],
  [{ phys: 0x1000_0800, size: 0x1000 }, 2],
  [{ phys: 0x1000_0000, size: 1, address: 0xffff_a000_0000_0000n }, 1],
];

for (const [options, pages] of RANGES) {
  Deno.test(`${options.size} bytes at physical ${options.phys} are mapped where they lie`, async () => {
    const kernel = await load(options);
    const { virt, phys, size } = kernel.results.ramdisk.ramdisk;
    assertEquals([phys, size], [options.phys, options.size]);
    for (const offset of [0, size - 1]) {
      const found = kernel.pageTable.translate(virt + BigInt(offset));
      assertEquals(found.mapped && found.phys, phys + offset);
    }
    assertEquals([...kernel.pageTable.leaves()].filter((leaf) => leaf.phys >= 0x1000_0000).length, pages);
  });
}

Deno.test("a range that the load's own frames are in is refused by their owner", async () => {
  for (const [phys, owner] of [[0x20_1000, "file"], [0x20_3000, "table"]] as const) {
    const { code, cause } = await assertRejects(() => load({ phys, size: 0x1000 }), LoadError);
    assertEquals(code, "plugin-failed");
    assertStringIncludes(String(cause), `0x${phys.toString(16)} as the ramdisk: frames of "${owner}" are in its range`);
  }
});

Deno.test("bytes that no frames are left for are refused", async () => {
  const error = await assertRejects(() => load({ bytes: new Uint8Array(64 * 2 ** 20) }), LoadError);
  assertEquals(error.code, "frames-exhausted");
  const memory = { size: 128 * 2 ** 20 };
  await loadKernel(FILE, { memory, plugins: [ramdisk({ bytes: new Uint8Array(64 * 2 ** 20) })] });
});

Deno.test("a ramdisk that would cover the kernel is refused by name", async () => {
  for (const options of [{ bytes: BYTES }, { phys: 0x1000_0000, size: 0x3000 }]) {
    const error = await assertRejects(() => load({ ...options, address: 0x3f_f000n }), LoadError);
    assertObjectMatch(error, { code: "page-already-mapped", detail: { value: 0x40_0000n, otherIndex: 0 } });
    assertStringIncludes(error.message, "the ramdisk's page");
  }
});

const BAD: readonly [unknown, typeof RangeError | typeof TypeError, string][] = [
  [{ bytes: new Uint8Array(0) }, RangeError, "0 bytes"],
  [{ bytes: "text" }, TypeError, "text as the ramdisk's bytes"],
  [{ phys: 0x1000, size: 0 }, RangeError, "0 bytes"],
  [{ phys: 0.5, size: 1 }, RangeError, "physical 0.5"],
  [{ phys: 2 ** 52, size: 1 }, RangeError, "no range below 2^52"],
  [{ phys: 0x1000, size: 1, address: 0x10n }, RangeError, "not a multiple of 4096"],
  [{ bytes: BYTES, address: 0x7fff_ffff_f000n }, RangeError, "crosses the end"],
  [{ bytes: BYTES, address: 4096 }, TypeError, "not a bigint"],
];

for (const [options, kind, message] of BAD) {
  Deno.test(`a ramdisk that cannot be is refused: ${message}`, () => {
    assertThrows(() => ramdisk(options as RamdiskOptions), kind, message);
  });
}
