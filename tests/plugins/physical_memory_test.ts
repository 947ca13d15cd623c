import { assertEquals, assertObjectMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { LoadError, loadKernel } from "../../mod.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../../core/paging/mod.ts";
import { physicalMemory, type PhysicalMemoryOptions } from "../../plugins/physical_memory.ts";
import { buildElf } from "../elf_builder.ts";

const FILE = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }] });
const FIRST_FREE = 0x80_0000_0000n;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

const load = (options?: PhysicalMemoryOptions) => loadKernel(FILE, { plugins: [physicalMemory(options)] });

/** How many pages of 1 GiB, 2 MiB and 4 KiB are expected. */
const CASES: readonly [PhysicalMemoryOptions, readonly [number, number, number]][] = [
  [{ size: 3 * GIB }, [3, 0, 0]],
  [{ size: GIB + 4 * MIB + 0x3000 }, [1, 2, 3]],
  [{ size: 6 * MIB }, [0, 3, 0]],
  [{ size: 0x3000 }, [0, 0, 3]],
  [{ size: 512 * GIB + GIB }, [513, 0, 0]],
  [{ size: GIB + 4 * MIB, largestPage: 0x20_0000 }, [0, 514, 0]],
  [{ size: 4 * MIB, largestPage: 0x1000 }, [0, 0, 1024]],
  [{ size: GIB + 0x1000, address: 0xffff_8880_0000_0000n }, [1, 0, 1]],
  [{ size: GIB + 0x1000, address: 0xffff_8880_0020_0000n }, [0, 512, 1]],
  [{ size: 2 * MIB, address: 0xffff_8880_0000_1000n }, [0, 0, 512]],
];

for (const [options, pages] of CASES) {
  const { size = 0, address = FIRST_FREE, largestPage = GIB } = options;
  const name = `${size} bytes at 0x${address.toString(16)} with pages up to ${largestPage}`;
  Deno.test(`${name} are mapped with the largest pages that fit`, async () => {
    const kernel = await load(options);
    assertEquals(kernel.results["physical-memory"], { physicalMemoryOffset: address, physicalMemorySize: size });
    const leaves = [...kernel.pageTable.leaves()].filter(({ virt }) => virt >= address);
    const count = (bytes: number) => leaves.filter(({ pageSize }) => pageSize === bytes).length;
    assertEquals([count(GIB), count(2 * MIB), count(4096)], [...pages]);
    let next = 0;
    for (const { virt, phys, pageSize, flags } of leaves) {
      assertEquals([virt - address, phys], [BigInt(next), next]);
      assertEquals(flags & (PRESENT | WRITABLE | NO_EXECUTE), PRESENT | WRITABLE | NO_EXECUTE);
      next += pageSize;
    }
    assertEquals(next, size);
  });
}

Deno.test("left to itself, it maps up to the end of the load's memory, and the kernel's bytes can be read there", async () => {
  const kernel = await load();
  const { physicalMemoryOffset, physicalMemorySize } = kernel.results["physical-memory"];
  assertEquals(physicalMemorySize, kernel.memory.base + kernel.memory.size);
  const text = kernel.pageTable.translate(0x40_0000n);
  const there = text.mapped ? kernel.read(physicalMemoryOffset + BigInt(text.phys), 64) : undefined;
  assertEquals(there, kernel.read(0x40_0000n, 64));
});

Deno.test("every level-4 entry that it reaches is marked as used", async () => {
  assertEquals([...(await load({ size: 513 * GIB })).usedLevel4Entries], [0, 1, 2]);
  const fixed = await load({ size: 4 * GIB, address: 0xffff_ff7f_c000_0000n });
  assertEquals([...fixed.usedLevel4Entries], [0, 510, 511]);
});

Deno.test("a range that would cover the kernel is refused by name", async () => {
  for (const address of [0n, 0x20_0000n, 0x1000n]) {
    const error = await assertRejects(() => load({ address, size: 8 * MIB }), LoadError);
    assertEquals(error.code, "page-already-mapped");
    assertStringIncludes(error.message, "physical memory's page");
  }
  const error = await assertRejects(() => load({ address: 0x3f_f000n, size: 0x2000 }), LoadError);
  assertObjectMatch(error, { detail: { value: 0x40_0000n, otherIndex: 0 } });
});

Deno.test("a range that leaves its half of the address space is refused", async () => {
  const tooFar = () => load({ address: 0x7fff_ffff_f000n, size: 0x2000 });
  const { code, cause } = await assertRejects(tooFar, LoadError);
  assertEquals(code, "plugin-failed");
  assertStringIncludes(String(cause), "0x7ffffffff000");
});

const BAD: readonly [PhysicalMemoryOptions, typeof RangeError | typeof TypeError, string][] = [
  [{ size: 0 }, RangeError, "0 bytes"],
  [{ size: 0x1001 }, RangeError, "not a multiple of 4096"],
  [{ size: 2 ** 48 }, RangeError, "2^47"],
  [{ address: 0x800n }, RangeError, "not a multiple of 4096"],
  [{ address: 1n << 63n }, RangeError, "not canonical"],
  [{ address: 0 as never }, TypeError, "not a bigint"],
  [{ largestPage: 0x2000 as never }, RangeError, "pages of 8192 bytes"],
];

for (const [options, kind, message] of BAD) {
  Deno.test(`options that map no memory are refused: ${message}`, () => {
    assertThrows(() => physicalMemory(options), kind, message);
  });
}
