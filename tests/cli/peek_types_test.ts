import { assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { peekTypes } from "../../cli/input/peek_types.ts";
import type { ByteReader } from "../../mod.ts";
import { buildElf, writeFileHeader } from "../elf_builder.ts";
import { byteReader } from "./byte_reader.ts";

const KERNEL = buildElf({
  segments: [{ data: new Uint8Array(100).fill(1) }, { p_type: 4 }, { p_type: 0x6474e551 }],
  length: 0x3000,
});
const TABLE_END = 64 + 3 * 56; // gABI: the sizes of Elf64_Ehdr and Elf64_Phdr
const TYPES = { e_type: 2, p_types: new Set([1, 4, 0x6474e551]) };

async function readAll(reader: ByteReader): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const buffer = new Uint8Array(50);
    const count = await reader.read(buffer);
    if (count === null) return concat(pieces);
    pieces.push(buffer.subarray(0, count));
  }
}

for (const most of [1, 63, 64, 65, 100, Infinity]) {
  Deno.test(`a file that comes ${most} bytes at a time is read to the end of its program headers, and again`, async () => {
    const source = byteReader(KERNEL, most);
    const { types, reader } = await peekTypes(source);
    assertEquals([types, source.taken()], [TYPES, TABLE_END]);
    assertEquals(await readAll(reader), KERNEL);
  });
}

/** The same file with other fields in its header. */
function withFields(fields: Parameters<typeof writeFileHeader>[1]): Uint8Array {
  const file = KERNEL.slice();
  writeFileHeader(file, { e_phoff: 64n, e_phnum: 3, ...fields });
  return file;
}

const UNREAD: readonly (readonly [string, Uint8Array, number])[] = [
  ["an empty file", new Uint8Array(), 0],
  ["a file of 10 bytes", KERNEL.subarray(0, 10), 10],
  ["a text", new Uint8Array(0x3000).fill(0x20), 64],
  ["a 32-bit file", withFields({ EI_CLASS: 1 }), 64],
  ["a big-endian file", withFields({ EI_DATA: 2 }), 64],
  ["program headers of another size", withFields({ e_phentsize: 64 }), 64],
  ["program headers that end after 64 KiB", withFields({ e_phoff: 0xffc0n }), 64],
  ["program headers at the end of the address space", withFields({ e_phoff: 2n ** 64n - 1n }), 64],
  ["65,535 program headers", withFields({ e_phnum: 0xffff }), 64],
  ["program headers that are cut off", KERNEL.subarray(0, TABLE_END - 1), TABLE_END - 1],
  ["program headers after the end of the file", withFields({ e_phoff: 0x2fffn }), 0x3000],
];

for (const [what, file, taken] of UNREAD) {
  Deno.test(`${what}: no types, and the reader starts over`, async () => {
    const source = byteReader(file);
    const { types, reader } = await peekTypes(source);
    assertEquals([types, source.taken()], [undefined, taken]);
    assertEquals(await readAll(reader), file);
  });
}

Deno.test("a file without program headers has no types of them", async () => {
  const { types } = await peekTypes(byteReader(withFields({ e_phnum: 0 })));
  assertEquals(types, { e_type: 2, p_types: new Set<number>() });
});

for (const length of [0, 30, 64, 100]) {
  Deno.test(`a source that fails after ${length} bytes fails again after as many`, async () => {
    const { types, reader } = await peekTypes(byteReader(KERNEL.subarray(0, length), Infinity, new Error("gone")));
    assertEquals(types, undefined);
    const buffer = new Uint8Array(1000);
    if (length > 0) assertEquals(await reader.read(buffer), length);
    await assertRejects(async () => await reader.read(buffer), Error, "gone");
  });
}

Deno.test("an abort ends a read that never does", async () => {
  const controller = new AbortController();
  const peeking = peekTypes({ read: () => new Promise<number>(() => {}) }, controller.signal);
  controller.abort(new Error("enough"));
  await assertRejects(() => peeking, Error, "enough");
});
