/** Multiboot 2: what its specification says of the header and its tags, and kernels of the fixtures. */

import { assertEquals } from "@std/assert";
import { keepFile } from "../../core/file/kept_file.ts";
import { readModel } from "../../core/file/file_model.ts";
import { findMultiboot2Header } from "../../protocols/multiboot2/header.ts";
import { multiboot2, type Multiboot2Protocol } from "../../protocols/multiboot2.ts";
import { readHeaderTags } from "../../protocols/multiboot2/tags.ts";
import { addressTag, multiboot2Header, multiboot2Tag as tag } from "../loaders/generate/multiboot2.ts";

const END = tag(0, []);

async function recognize(bytes: Uint8Array): Promise<Multiboot2Protocol | undefined> {
  return multiboot2.recognize(await readModel(keepFile(bytes), multiboot2.parts));
}

function file(offset: number, header: Uint8Array, length = 0xa000): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(header.subarray(0, length - offset), offset);
  return bytes;
}

Deno.test("a header is found whole in the first 32,768 bytes, at a multiple of 8", async () => {
  for (const offset of [0, 8, 0x1000, 32_752]) {
    assertEquals((await recognize(file(offset, multiboot2Header([END]))))?.offset, offset);
  }
  for (const offset of [4, 32_760, 32_768]) {
    assertEquals(await recognize(file(offset, multiboot2Header([END]))), undefined);
  }
});

Deno.test("the architecture has to be that of x86, and the checksum right", async () => {
  assertEquals(await recognize(file(0, multiboot2Header([END], 4))), undefined);
  const wrong = multiboot2Header([END]);
  wrong[12] ^= 1;
  assertEquals(await recognize(file(0, wrong)), undefined);
});

Deno.test("every tag is decoded", async () => {
  const header = multiboot2Header([
    tag(1, [4, 6], { optional: true }),
    tag(1, [13]),
    addressTag([0x10_0000, 0x10_0000, 0x10_8000, 0x10_9000]),
    tag(3, [0x10_0040]),
    tag(4, [3]),
    tag(5, [1024, 768, 32]),
    tag(6, []),
    tag(7, []),
    tag(9, [0x10_0080]),
    tag(10, [0x10_0000, 0xffff_ffff, 0x20_0000, 2]),
    END,
  ]);
  const found = await recognize(file(0x40, header));
  assertEquals(found?.summary, "Multiboot 2: header at file offset 0x40; entry 0x100040");
  assertEquals(found?.tags.tags.map(({ type }) => type), [1, 1, 2, 3, 4, 5, 6, 7, 9, 10]);
  assertEquals(found?.tags.end, "end-tag");
  assertEquals(found?.requests, {
    information: [
      { type: 4, offset: 0x58, optional: true },
      { type: 6, offset: 0x5c, optional: true },
      { type: 13, offset: 0x68, optional: false },
    ],
    address: { header_addr: 0x10_0000, load_addr: 0x10_0000, load_end_addr: 0x10_8000, bss_end_addr: 0x10_9000 },
    entry: 0x10_0040,
    console: { required: true, egaText: true },
    framebuffer: { width: 1024, height: 768, depth: 32 },
    modulesAligned: true,
    efiBootServices: true,
    efi64Entry: 0x10_0080,
    relocatable: { min_addr: 0x10_0000, max_addr: 0xffff_ffff, align: 0x20_0000, preference: 2 },
  });
});

Deno.test("tags start at multiples of 8, whatever their size", () => {
  const { tags } = readHeaderTags(new Uint8Array([...tag(6, [], { size: 9 }), ...new Uint8Array(8), ...END]), 0);
  assertEquals(tags.length, 1);
  const next = readHeaderTags(new Uint8Array([...tag(6, []), ...tag(4, [1]), ...END]), 0);
  assertEquals(next.tags.map(({ offset, size }) => [offset, size]), [[0, 8], [8, 12]]);
});

Deno.test("a list of tags ends, or is said not to", () => {
  const ends: readonly (readonly [Uint8Array, string])[] = [
    [END, "end-tag"],
    [tag(6, [], { size: 0 }), "endless"],
    [tag(6, [], { size: 0xffff_fffc }), "endless"],
    [new Uint8Array([...tag(6, []), ...tag(6, [], { size: 0xffff_fff8 })]), "endless"],
    [tag(6, [], { size: 0x1000 }), "out-of-reach"],
    [tag(6, [], { size: 0x8000_0000 }), "out-of-reach"],
    [new Uint8Array(), "out-of-reach"],
  ];
  for (const [bytes, end] of ends) assertEquals(readHeaderTags(bytes, 0).end, end);
});

Deno.test("4,096 tags that each ask for all that follows cost no more than their bytes", async () => {
  const requests = Array.from({ length: 4000 }, () => tag(1, [], { size: 0xffff }));
  const found = await recognize(file(0, multiboot2Header(requests)));
  assertEquals(found?.tags.end, "out-of-reach");
  assertEquals(found!.requests.information.length < 32_768, true);
});

Deno.test("a header out of reach is found by its range", () => {
  const bytes = file(0x9000, multiboot2Header([END]));
  const model = { bytes: (offset: number, length: number) => bytes.subarray(offset, offset + length) };
  assertEquals(findMultiboot2Header(model), undefined);
  assertEquals(findMultiboot2Header(model, { start: 0x8000, end: 0xa000 })?.offset, 0x9000);
});

Deno.test("the summary says that the entry of a 64-bit file is 32-bit code", async () => {
  const bytes = Deno.readFileSync(new URL("../fixtures/field/multiboot2-32bit-entry.elf", import.meta.url));
  const summary = "Multiboot 2: header at file offset 0x78; its entry at 0x100018 is 32-bit code";
  assertEquals((await recognize(bytes))?.summary, summary);
});
