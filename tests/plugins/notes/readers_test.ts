/** What the readers of single notes make of descriptors of every size. */

import { assertEquals } from "@std/assert";
import { GNU_READERS } from "../../../plugins/notes/gnu_readers.ts";
import type { NoteReader } from "../../../plugins/notes/note_reader.ts";
import { XEN_READERS } from "../../../plugins/notes/xen_readers.ts";
import { words } from "../note_bytes.ts";

function read(readers: readonly NoteReader[], type: number, descriptor: Uint8Array): unknown {
  const reader = readers.find((one) => one.type === type);
  return reader?.read(descriptor, {} as never, {} as never);
}

Deno.test("a build ID is every byte of its note in two hexadecimal digits, and none without bytes", () => {
  assertEquals(read(GNU_READERS, 3, new Uint8Array()), undefined);
  assertEquals(read(GNU_READERS, 3, new Uint8Array([0x0a])), "0a");
  assertEquals(read(GNU_READERS, 3, new Uint8Array([0, 0xff, 0x10])), "00ff10");
});

Deno.test("numbers of Xen have four or eight bytes", () => {
  for (let size = 0; size <= 16; size++) {
    const bytes = Uint8Array.from({ length: size }, (_, at) => 0x81 + at);
    const expected = new Map([[4, 0x8483_8281n], [8, 0x8887_8685_8483_8281n]]).get(size);
    for (const type of [1, 2, 3, 4]) assertEquals(read(XEN_READERS, type, bytes), expected, `${size} bytes`);
  }
});

Deno.test("the entry point of PVH has 32 bits, in four or eight bytes", () => {
  assertEquals(read(XEN_READERS, 18, words(0xffff_ffff)), 0xffff_ffff);
  assertEquals(read(XEN_READERS, 18, words(0xffff_ffff, 0)), 0xffff_ffff);
  assertEquals(read(XEN_READERS, 18, words(0, 1)), undefined);
  assertEquals(read(XEN_READERS, 18, words()), undefined);
});

Deno.test("the range of PVH has up to three words; Xen's elfnote.h says what those left out are", () => {
  const [align, min, max] = [0x20_0000, 0, 0xffff_ffff];
  assertEquals(read(XEN_READERS, 19, words()), { align, min, max });
  assertEquals(read(XEN_READERS, 19, words(0x1000)), { align: 0x1000, min, max });
  assertEquals(read(XEN_READERS, 19, words(0x1000, 0x5000)), { align: 0x1000, min: 0x5000, max });
  for (const more of [[], [9]]) {
    const found = read(XEN_READERS, 19, words(0x1000, 0x5000, 0x9000, ...more));
    assertEquals(found, { align: 0x1000, min: 0x5000, max: 0x9000 });
  }
  for (const size of [1, 2, 3, 5, 11]) assertEquals(read(XEN_READERS, 19, new Uint8Array(size)), undefined);
});
