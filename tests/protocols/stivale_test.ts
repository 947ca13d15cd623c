/** stivale and stivale2 are recognized by the names of their sections. */

import { assertEquals } from "@std/assert";
import { readModel } from "../../core/file/file_model.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import { stivale } from "../../protocols/stivale.ts";
import { stivale2 } from "../../protocols/stivale2.ts";
import { buildElf } from "../elf_builder.ts";
import { BASE } from "../loaders/limine_kernel.ts";

/** A kernel with one section besides that of the names; `data` is loaded from file offset 0x1000 on. */
function withSection(name: string, data: Uint8Array, section: { size?: number; type?: number; offset?: number } = {}) {
  const { size = data.length, type = 1, offset = 0x1000 } = section;
  const header = { e_shoff: 0x3000n, e_shnum: 3, e_shentsize: 64, e_shstrndx: 2 };
  const file = buildElf({ header, segments: [{ p_vaddr: BASE, data }], length: 0x3200 });
  const names = `\0${name}\0.shstrtab\0`;
  file.set(new TextEncoder().encode(names), 0x3100);
  const view = new DataView(file.buffer);
  [[1, type, offset, size], [name.length + 2, 3, 0x3100, names.length]].forEach(([nameAt, kind, start, length], at) => {
    view.setUint32(0x3040 + 64 * at, nameAt, true);
    view.setUint32(0x3044 + 64 * at, kind, true);
    view.setBigUint64(0x3058 + 64 * at, BigInt(start), true);
    view.setBigUint64(0x3060 + 64 * at, BigInt(length), true);
  });
  return readModel(keepFile(file), ["sections", "image"]);
}

function words(...values: readonly bigint[]): Uint8Array {
  return new Uint8Array(new BigUint64Array(values).buffer);
}

Deno.test("a stivale header is decoded", async () => {
  const model = await withSection(".stivalehdr", words(BASE + 0x2000n, 0x0020_0300_0400_0003n, BASE + 0x10n));
  assertEquals(stivale.recognize(model), {
    name: "stivale",
    offset: 0x1000,
    summary: "stivale: header in section .stivalehdr at file offset 0x1000",
    header: {
      stack: BASE + 0x2000n,
      flags: 3,
      framebuffer: { width: 0x400, height: 0x300, bitsPerPixel: 0x20 },
      entry: BASE + 0x10n,
    },
  });
  assertEquals(stivale2.recognize(model), undefined);
});

Deno.test("a stivale2 header and its list of tags are decoded", async () => {
  const [framebuffer, other] = [0x3ecc1bc43d0f7971n, 0x1ab015085f3273dfn];
  const list = [BASE + 32n, framebuffer, BASE + 48n, other, 0n];
  const model = await withSection(".stivale2hdr", words(0n, BASE + 0x2000n, 1n, ...list), { size: 32 });
  assertEquals(stivale2.recognize(model), {
    name: "stivale2",
    offset: 0x1000,
    summary: "stivale2: header in section .stivale2hdr at file offset 0x1000, 2 tags",
    header: { entry: 0n, stack: BASE + 0x2000n, flags: 1n, tags: [framebuffer, other] },
  });
  assertEquals(stivale.recognize(model), undefined);
});

Deno.test("a list of stivale2 tags ends where it comes back or leaves the file", async () => {
  const circle = await withSection(".stivale2hdr", words(0n, 0n, 0n, BASE + 32n, 7n, BASE + 32n), { size: 32 });
  assertEquals(stivale2.recognize(circle)?.header?.tags, [7n]);
  const away = await withSection(".stivale2hdr", words(0n, 0n, 0n, BASE + 32n, 7n, 8n), { size: 32 });
  assertEquals(stivale2.recognize(away)?.header?.tags, [7n]);
  const high = await withSection(".stivale2hdr", words(0n, 0n, 0n, 2n ** 64n - 8n), { size: 32 });
  assertEquals(stivale2.recognize(high)?.header?.tags, []);
});

Deno.test("sections without a header in file bytes of a segment are named all the same", async () => {
  const summaries = async (name: string, section: { size?: number; type?: number; offset?: number }) => {
    const model = await withSection(name, words(0n, 0n, 0n, 0n), section);
    return [stivale, stivale2].map(({ recognize }) => recognize(model)?.summary);
  };
  const [first, second] = [".stivalehdr", ".stivale2hdr"];
  const text = (name: string, at: string) => `${name}hdr at file offset ${at}, without a header`;
  assertEquals(await summaries(first, { size: 23 }), [`stivale: section ${text(".stivale", "0x1000")}`, undefined]);
  assertEquals(await summaries(second, { size: 31 }), [undefined, `stivale2: section ${text(".stivale2", "0x1000")}`]);
  assertEquals(await summaries(second, { type: 8 }), [undefined, `stivale2: section ${text(".stivale2", "0x1000")}`]);
  assertEquals(await summaries(second, { offset: 2 ** 40 }), [
    undefined,
    `stivale2: section ${text(".stivale2", "0x10000000000")}`,
  ]);
});
