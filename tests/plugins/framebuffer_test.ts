import { assertEquals, assertObjectMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { LoadError, loadKernel } from "../../mod.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../../core/paging/mod.ts";
import { framebuffer, type FramebufferInfo, type FramebufferOptions } from "../../plugins/framebuffer.ts";
import { buildElf } from "../elf_builder.ts";

const FILE = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }] });
const FIRST_FREE = 0x80_0000_0000n;
const INFO: FramebufferInfo = { width: 64, height: 16, pixelFormat: "rgb", bytesPerPixel: 4, stride: 80 };

const load = (options: FramebufferOptions) => loadKernel(FILE, { plugins: [framebuffer(options)] });

const CASES: readonly [FramebufferOptions, virt: bigint, pages: number][] = [
  [{ phys: 0xfd00_0000, size: 0x30_0000 }, FIRST_FREE, 0x300],
  [{ phys: 0xfd00_0000, size: 1, address: 0xffff_9000_0000_0000n }, 0xffff_9000_0000_0000n, 1],
  [{ phys: 0xfd00_0ff0, size: 0x20 }, FIRST_FREE + 0xff0n, 2],
  [{ phys: 2 ** 40, size: 0x1001 }, FIRST_FREE, 2],
];

for (const [options, virt, pages] of CASES) {
  Deno.test(`${options.size} bytes at physical ${options.phys} are mapped on ${pages} pages`, async () => {
    const kernel = await load(options);
    const { phys, size } = options;
    assertEquals(kernel.results.framebuffer.framebuffer, { virt, phys, size });
    const first = kernel.pageTable.translate(virt);
    assertEquals(first, { mapped: true, phys, pageSize: 4096, flags: PRESENT | WRITABLE | NO_EXECUTE });
    const last = kernel.pageTable.translate(virt + BigInt(size - 1));
    assertEquals(last.mapped && last.phys, phys + size - 1);
    assertEquals([...kernel.pageTable.leaves()].filter((leaf) => leaf.phys >= 0xfd00_0000).length, pages);
  });
}

Deno.test("what is known of the pixels is passed on", async () => {
  const kernel = await load({ phys: 0xfd00_0000, size: 80 * 16 * 4, info: INFO });
  assertEquals(kernel.results.framebuffer.framebuffer.info, INFO);
});

Deno.test("a framebuffer that would cover the kernel is refused by name", async () => {
  const error = await assertRejects(() => load({ phys: 0xfd00_0000, size: 0x3000, address: 0x3f_f000n }), LoadError);
  assertObjectMatch(error, { code: "page-already-mapped", detail: { value: 0x40_0000n, otherIndex: 0 } });
  assertStringIncludes(error.message, "the framebuffer's page");
});

const RANGE = { phys: 0xfd00_0000, size: 80 * 16 * 4 };
const BAD: readonly [Partial<FramebufferOptions>, typeof RangeError | typeof TypeError, string][] = [
  [{ size: 0 }, RangeError, "0 bytes"],
  [{ phys: -4096 }, RangeError, "physical -4096"],
  [{ phys: 2 ** 52 - 4096 }, RangeError, "no range below 2^52"],
  [{ address: 0x10n }, RangeError, "not a multiple of 4096"],
  [{ address: 0 as never }, TypeError, "not a bigint"],
  [{ info: { ...INFO, stride: 63 } }, RangeError, "63 a line"],
  [{ info: { ...INFO, height: 0 } }, RangeError, "64x0"],
  [{ info: { ...INFO, height: 17 } }, RangeError, "it has only 5120 bytes"],
  [
    { info: { ...INFO, pixelFormat: { redPosition: 0, greenPosition: 8, bluePosition: 256 } } },
    RangeError,
    "bits 0,8,256",
  ],
];

for (const [options, kind, message] of BAD) {
  Deno.test(`a framebuffer that cannot be is refused: ${message}`, () => {
    assertThrows(() => framebuffer({ ...RANGE, ...options }), kind, message);
  });
}
