import { assertEquals, assertObjectMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { addFramebuffer, framebufferBytes } from "../../boot/framebuffer.ts";
import type { FramebufferInfo, FramebufferOptions } from "../../boot/framebuffer.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../../core/paging/mod.ts";
import { LoadError, loadKernel } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { snapshotOf } from "./snapshot.ts";

const FILE = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }] });
const FIRST_FREE = 0x80_0000_0000n;
const INFO: FramebufferInfo = { width: 64, height: 16, pixelFormat: "rgb", bytesPerPixel: 4, stride: 80 };

const CASES: readonly [FramebufferOptions, virt: bigint, pages: number][] = [
  [{ phys: 0xfd00_0000, size: 0x30_0000 }, FIRST_FREE, 0x300],
  [{ phys: 0xfd00_0000, size: 1, address: 0xffff_9000_0000_0000n }, 0xffff_9000_0000_0000n, 1],
  [{ phys: 0xfd00_0000, size: 0x1000, address: 0xffff_ffff_ffff_f000n }, 0xffff_ffff_ffff_f000n, 1],
  [{ phys: 0xfd00_0ff0, size: 0x20 }, FIRST_FREE + 0xff0n, 2],
  [{ phys: 2 ** 40, size: 0x1001 }, FIRST_FREE, 2],
];

for (const [options, virt, pages] of CASES) {
  Deno.test(`${options.size} bytes at physical ${options.phys} are mapped on ${pages} pages, ${virt}`, async () => {
    const kernel = await loadKernel(FILE, { reserve: framebufferBytes(options) });
    const { phys, size } = options;
    assertEquals(addFramebuffer(kernel, options), { virt, phys, size });
    const first = kernel.pageTable.translate(virt);
    assertEquals(first, { mapped: true, phys, pageSize: 4096, flags: PRESENT | WRITABLE | NO_EXECUTE });
    const last = kernel.pageTable.translate(virt + BigInt(size - 1));
    assertEquals(last.mapped && last.phys, phys + size - 1);
    assertEquals([...kernel.pageTable.leaves()].filter((leaf) => leaf.phys >= 0xfd00_0000).length, pages);
  });
}

Deno.test("what is known of the pixels is passed on", async () => {
  const kernel = await loadKernel(FILE);
  assertEquals(addFramebuffer(kernel, { phys: 0xfd00_0000, size: 80 * 16 * 4, info: INFO }).info, INFO);
});

Deno.test("a framebuffer that would cover the kernel is refused by name", async () => {
  const kernel = await loadKernel(FILE);
  const before = snapshotOf(kernel);
  const options = { phys: 0xfd00_0000, size: 0x3000, address: 0x3f_f000n };
  const error = assertThrows(() => addFramebuffer(kernel, options), LoadError);
  assertObjectMatch(error, { code: "page-already-mapped", detail: { value: 0x40_0000n, otherIndex: 0 } });
  assertStringIncludes(error.message, "the framebuffer's page");
  assertEquals(snapshotOf(kernel), before);
});

Deno.test("frames of the load are no framebuffer, but for those that were taken for one", async () => {
  const kernel = await loadKernel(FILE);
  const error = assertThrows(() => addFramebuffer(kernel, { phys: 0x20_3ff0, size: 0x10 }), LoadError);
  assertObjectMatch(error, { code: "range-in-use", detail: { owner: "table", value: 0x20_3ff0 } });
  assertEquals(error.message, 'Cannot use 0x203ff0 as the framebuffer: its range holds frames of "table"');
  const phys = kernel.addressSpace.allocateFrames(5, "framebuffer");
  const { virt } = addFramebuffer(kernel, { phys, size: 0x5000 });
  assertEquals(kernel.read(virt, 0x5000), new Uint8Array(0x5000));
});

const RANGE = { phys: 0xfd00_0000, size: 80 * 16 * 4 };
const BAD: readonly [Partial<FramebufferOptions>, typeof RangeError | typeof TypeError, string][] = [
  [{ size: 0 }, RangeError, "0x0 as size"],
  [{ phys: -4096 }, RangeError, "-0x1000 as phys"],
  [{ phys: 2 ** 52 - 4096 }, RangeError, "as size: it must be a number of bytes from 1 to 4096"],
  [{ phys: 2 ** 52 }, RangeError, "below 2^52"],
  [{ phys: 0xfd00_0000n as never }, TypeError, "the bigint 0xfd000000n as phys: it must be a number"],
  [{ size: "1M" as never }, TypeError, '1M" as size'],
  [{ address: 0x10n }, RangeError, "it must be a multiple of 4096"],
  [{ address: 0 as never }, TypeError, "it must be a bigint"],
  [{ address: 0xffff_ffff_ffff_f000n }, RangeError, "8192 bytes from there leave its half"],
  [{ info: { ...INFO, stride: 63 } }, RangeError, "0x3f as info.stride"],
  [{ info: { ...INFO, height: 0 } }, RangeError, "0x0 as info.height"],
  [{ info: { ...INFO, height: 17 } }, RangeError, "0x1400 as size: 64x17 pixels of 4 bytes do not fit"],
  [{ info: { ...INFO, pixelFormat: "xyz" as never } }, TypeError, 'xyz" as info.pixelFormat'],
  [{ info: { ...INFO, pixelFormat: null as never } }, TypeError, "null as info.pixelFormat"],
  [{ info: 7 as never }, TypeError, "the number 7 as info"],
  [
    { info: { ...INFO, pixelFormat: { redPosition: 0, greenPosition: 8, bluePosition: 256 } } },
    RangeError,
    "0x100 as info.pixelFormat.bluePosition: it must be 0 to 255",
  ],
  [{ virt: 0n } as never, TypeError, 'the option "virt"'],
];

for (const [options, kind, message] of BAD) {
  Deno.test(`a framebuffer that cannot be is refused: ${message}`, async () => {
    const kernel = await loadKernel(FILE);
    const before = snapshotOf(kernel);
    assertThrows(() => addFramebuffer(kernel, { ...RANGE, ...options }), kind, message);
    assertThrows(() => framebufferBytes({ ...RANGE, ...options }), kind, message);
    assertEquals(snapshotOf(kernel), before);
  });
}
