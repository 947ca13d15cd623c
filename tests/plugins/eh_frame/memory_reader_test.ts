import { assertEquals, assertThrows } from "@std/assert";
import { LoadError } from "../../../core/errors.ts";
import { memoryReader } from "../../../plugins/eh_frame/memory_reader.ts";

const MAPPED = 0x5000n;

/** Memory of one mapped page whose bytes are the low bits of their addresses; each read is recorded. */
function onePage() {
  const reads: (readonly [bigint, number])[] = [];
  const memory = memoryReader((virt, length) => {
    reads.push([virt, length]);
    if (virt < MAPPED || virt + BigInt(length) > MAPPED + 0x1000n) {
      throw new LoadError("page-not-mapped", { field: "address", value: virt });
    }
    return Uint8Array.from({ length }, (_, at) => Number((virt + BigInt(at)) & 0xffn));
  });
  return { memory, reads };
}

Deno.test("memoryReader() reads what lies in one page at once", () => {
  for (const [offset, most] of [[0n, 4096], [0xff0n, 16], [0x10n, 1]] as const) {
    const { memory, reads } = onePage();
    const reader = memory(MAPPED + offset, most, "the test");
    assertEquals(reads, [[MAPPED + offset, most]]);
    assertEquals([reader.length, reader.u8(0)], [most, Number(offset & 0xffn)]);
  }
});

Deno.test("memoryReader() reads up to the end of a page if the next one is not mapped", () => {
  const { memory, reads } = onePage();
  const reader = memory(MAPPED + 0xff0n, 17, "the test");
  assertEquals(reads, [[MAPPED + 0xff0n, 16], [MAPPED + 0x1000n, 1]]);
  assertEquals([reader.length, reader.u8(15)], [16, 0xff]);
  assertEquals(assertThrows(() => reader.u8(16), LoadError).message.startsWith("Cannot read the test:"), true);
});

Deno.test("memoryReader() joins the ends of two pages", () => {
  const memory = memoryReader((virt, length) =>
    Uint8Array.from({ length }, (_, at) => Number((virt >> 12n) + BigInt(at)))
  );
  const reader = memory(0x5ffen, 5, "the test");
  assertEquals(Array.from({ length: reader.length }, (_, at) => reader.u8(at)), [5, 6, 6, 7, 8]);
});

Deno.test("memoryReader() refuses addresses that are not canonical, and reads up to them", () => {
  const bytes = (_: bigint, length: number) => new Uint8Array(length);
  const memory = memoryReader(bytes);
  for (const address of [1n << 47n, (1n << 64n) - (1n << 47n) - 1n, -1n, 1n << 64n]) {
    assertEquals(assertThrows(() => memory(address, 1, "the test"), LoadError).code, "address-not-canonical");
  }
  assertEquals(memory((1n << 47n) - 4n, 8, "the test").length, 4);
});

Deno.test("memoryReader() lets errors of other kinds through", () => {
  const memory = memoryReader((virt) => {
    if (virt >= 0x6000n) throw new TypeError("out of order");
    return new Uint8Array(16);
  });
  assertThrows(() => memory(0x5ff0n, 17, "the test"), TypeError, "out of order");
});
