/** Multiboot 1: what its specification says of the header, and kernels of the fixtures. */

import { assertEquals } from "@std/assert";
import { keepFile } from "../../core/file/kept_file.ts";
import { readModel } from "../../core/file/file_model.ts";
import { findMultibootHeader } from "../../protocols/multiboot/header.ts";
import { multiboot, type MultibootProtocol } from "../../protocols/multiboot.ts";

const MAGIC = 0x1bad_b002;

async function recognize(bytes: Uint8Array): Promise<MultibootProtocol | undefined> {
  return multiboot.recognize(await readModel(keepFile(bytes), multiboot.parts));
}

/** A file with words at an offset. */
function file(offset: number, values: readonly number[], length = 0x4000): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    if (offset + 4 * index + 4 <= length) view.setUint32(offset + 4 * index, value >>> 0, true);
  });
  return bytes;
}

function header(flags: number, ...fields: readonly number[]): readonly number[] {
  return [MAGIC, flags, -(MAGIC + flags), ...fields];
}

Deno.test("a header is found whole in the first 8,192 bytes, at a multiple of 4", async () => {
  for (const offset of [0, 4, 0x1000, 8180]) {
    assertEquals((await recognize(file(offset, header(3))))?.offset, offset);
  }
  for (const offset of [2, 8184, 8192, 0x3000]) assertEquals(await recognize(file(offset, header(3))), undefined);
});

Deno.test("the first header with a right checksum counts", async () => {
  const bytes = file(0x100, [MAGIC, 3, 0]);
  bytes.set(file(0, header(1)).subarray(0, 12), 0x200);
  bytes.set(file(0, header(2)).subarray(0, 12), 0x300);
  assertEquals((await recognize(bytes))?.header, { offset: 0x200, flags: 1 });
});

Deno.test("address and video fields are decoded if their flags are set", async () => {
  const fields = [0x10_0010, 0x10_0000, 0x10_4000, 0x10_5000, 0x10_0020, 1, 80, 25, 0];
  const found = await recognize(file(16, header(1 << 16 | 1 << 2, ...fields)));
  assertEquals(found, {
    name: "multiboot",
    offset: 16,
    summary: "Multiboot 1: header at file offset 0x10; entry 0x100020",
    header: {
      offset: 16,
      flags: 0x1_0004,
      addresses: {
        header_addr: 0x10_0010,
        load_addr: 0x10_0000,
        load_end_addr: 0x10_4000,
        bss_end_addr: 0x10_5000,
        entry_addr: 0x10_0020,
      },
      video: { mode_type: 1, width: 80, height: 25, depth: 0 },
    },
  });
  assertEquals((await recognize(file(16, header(3, ...fields))))?.header, { offset: 16, flags: 3 });
});

Deno.test("fields that the file does not have are 0", async () => {
  const found = await recognize(file(0x100, header(1 << 16, 0x10_0000), 0x110));
  assertEquals(found?.header.addresses?.header_addr, 0x10_0000);
  assertEquals(found?.header.addresses?.entry_addr, 0);
});

Deno.test("a header out of reach is found by its range", () => {
  const bytes = file(0x3000, header(3));
  const model = { bytes: (offset: number, length: number) => bytes.subarray(offset, offset + length) };
  assertEquals(findMultibootHeader(model), undefined);
  assertEquals(findMultibootHeader(model, 0x2000, 0x4000)?.offset, 0x3000);
});

Deno.test("the summary says where a kernel is entered, and in which mode if the file leaves a doubt", async () => {
  const summaries: readonly (readonly [string, string])[] = [
    ["field/machine-i386mb.elf", "Multiboot 1: header at file offset 0x1000; entry 0x100000"],
    [
      "loaders/mb1-nothing-015.elf",
      "Multiboot 1: header at file offset 0x1018; its entry at 0xffffffff80104400 (physical 0x104400) is 32-bit code",
    ],
  ];
  for (const [path, summary] of summaries) {
    const bytes = Deno.readFileSync(new URL(`../fixtures/${path}`, import.meta.url));
    assertEquals((await recognize(bytes))?.summary, summary);
  }
});
