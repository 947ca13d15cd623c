/** Kernels for PVH are recognized by their notes. */

import { assertEquals } from "@std/assert";
import { readModel } from "../../core/file/file_model.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import { encodeNote } from "../../core/elf/writer.ts";
import { pvh, type PvhKernel } from "../../protocols/pvh.ts";
import { BUILD_ID, CODE, dataAt, entryNote, joined, pvhKernel, words32 } from "../loaders/pvh_kernels.ts";

async function recognize(bytes: Uint8Array): Promise<PvhKernel | undefined> {
  return pvh.recognize(await readModel(keepFile(bytes), pvh.parts));
}

Deno.test("a kernel for PVH is recognized by its note of type 18", async () => {
  assertEquals(await recognize(pvhKernel()), {
    name: "pvh",
    offset: 0x800,
    summary: "PVH: entry 0x100000 (Xen note at file offset 0x800)",
    entries: [{
      offset: 0x800,
      descriptorOffset: 0x810,
      descsz: 4,
      entry: 0x10_0000n,
      padding: 4,
      index: 1,
      p_align: 4n,
    }],
    otherNotes: [],
  });
});

Deno.test("an entry of 8 bytes is read whole, and one that is too short is reported", async () => {
  const long = await recognize(pvhKernel({ notes: entryNote(0x1_0010_0000n, 8) }));
  assertEquals(long?.entries.map(({ descsz, entry }) => [descsz, entry]), [[8, 0x1_0010_0000n]]);
  const short = await recognize(pvhKernel({ notes: entryNote(CODE, 2) }));
  assertEquals(short?.summary, "PVH: no entry (Xen note at file offset 0x800)");
});

Deno.test("every note that names an entry counts, in every PT_NOTE, and the other notes of Xen are named", async () => {
  const guest = encodeNote({ name: "Xen", type: 6, descriptor: new TextEncoder().encode("minios\0") });
  const kernel = await recognize(pvhKernel({
    notes: joined(BUILD_ID, entryNote(), guest),
    more: [{ p_type: 4, offset: 0x900, data: entryNote(CODE + 4), p_align: 4n }],
  }));
  assertEquals(kernel?.entries.map(({ index, offset, entry }) => [index, offset, entry]), [
    [1, 0x800 + BUILD_ID.length, 0x10_0000n],
    [2, 0x900, 0x10_0004n],
  ]);
  assertEquals(kernel?.otherNotes, [{ type: "GUEST_OS", offset: 0x800 + BUILD_ID.length + 20 }]);
  assertEquals(kernel?.summary, `PVH: entry 0x100000 (Xen note at file offset 0x824, and 1 more such note)`);
});

Deno.test("a note behind one that is padded to 8 bytes is found", async () => {
  const property = joined(encodeNote({ name: "GNU", type: 5, descriptor: words32(0xc000_0002, 4, 3) }), words32(0));
  const kernel = await recognize(pvhKernel({ notes: joined(property, entryNote()), noteHeader: { p_align: 8n } }));
  assertEquals(kernel?.entries.map(({ offset, entry }) => [offset, entry]), [[0x820, 0x10_0000n]]);
});

Deno.test("notes of other owners, other types, big-endian files and no ELF files are not for PVH", async () => {
  const other = encodeNote({ name: "Other", type: 18, descriptor: words32(CODE) });
  for (const notes of [other, BUILD_ID, encodeNote({ name: "Xen", type: 17, descriptor: words32(CODE) })]) {
    assertEquals(await recognize(pvhKernel({ notes })), undefined);
  }
  assertEquals(await recognize(pvhKernel({ header: { EI_DATA: 2 } })), undefined);
  assertEquals(await recognize(pvhKernel({ notes: null, more: [dataAt(0x20_0000n)] })), undefined);
  assertEquals(await recognize(entryNote()), undefined);
});
