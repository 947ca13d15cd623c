/** Containers are unpacked, nested ones too; limits, aborts and checks hold; the rest of a file is left alone. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { loadKernel } from "../../mod.ts";
import { unpack, type Unpacked, UnpackError } from "../../formats/mod.ts";
import { gzip } from "../cli/kload.ts";
import { testWithTools } from "../tools.ts";
import { type Bytes, CONTENTS, pipe, readAll, readerOf } from "./packers.ts";

const read = (path: string): Promise<Bytes> => Deno.readFile(new URL(`../fixtures/${path}`, import.meta.url));
const KERNEL = await readAll((await unpack(await read("packed/kernel.elf.gz"))).source);

const namesOf = ({ layers }: Unpacked): readonly string[] => layers.map(({ name }) => name);

/** A bzImage of boot protocol 2.15 (Documentation/arch/x86/boot.rst) with a payload, and the size after it. */
function bzImage(packed: Uint8Array, size?: number): Bytes {
  const field = size === undefined ? [] : [size & 0xff, size >> 8 & 0xff, size >> 16 & 0xff, size >>> 24];
  const image = new Uint8Array(3 * 512 + 0x40 + packed.length + field.length + 100);
  const view = new DataView(image.buffer);
  image.set([2], 0x1f1);
  image.set([0x55, 0xaa], 0x1fe);
  image.set(new TextEncoder().encode("HdrS"), 0x202);
  view.setUint16(0x206, 0x20f, true);
  view.setUint8(0x211, 1);
  view.setUint32(0x248, 0x40, true);
  view.setUint32(0x24c, packed.length + field.length, true);
  image.set(concat([packed, Uint8Array.from(field)]), 3 * 512 + 0x40);
  return image;
}

const FILES: Readonly<Record<string, string>> = {
  "field/kernel.elf.xz": "xz",
  "field/kernel.elf.zst": "zstd",
  "field/kernel.elf.lz4": "lz4",
  "packed/kernel.elf.gz": "gzip",
  "packed/kernel.elf.bz2": "bzip2",
  "packed/kernel.elf.lzma": "lzma",
  "packed/kernel.elf.legacy.lz4": "lz4-legacy",
  "packed/kernel.elf.x86.xz": "xz",
};

for (const [path, name] of Object.entries(FILES)) {
  Deno.test(`unpack() unpacks ${path}, alone and as the payload of a bzImage, and it loads`, async () => {
    const packed = await read(path);
    for (const source of [packed, new Blob([packed]), new Blob([packed]).stream(), readerOf(packed, 7)]) {
      const content = await unpack(source);
      assertEquals([namesOf(content), content.format.name], [[name], "elf"]);
      assertEquals(await readAll(content.source), KERNEL);
      await content.check();
      await content.close();
    }
    const { source, check } = await unpack(packed);
    assertEquals((await loadKernel(source)).entryPoint, (await loadKernel(KERNEL)).entryPoint);
    await check();

    const image = bzImage(packed, name === "gzip" ? undefined : KERNEL.length);
    const inner = await unpack(readerOf(image, 1000));
    assertEquals(namesOf(inner), ["bzimage", name]);
    assertEquals(await readAll(inner.source), KERNEL);
    await inner.check();
    if (name === "gzip") return;
    const wrong = await unpack(bzImage(packed, KERNEL.length + 1));
    await assertRejects(() => readAll(wrong.source), UnpackError, "the bzImage is damaged: its kernel has 8816 bytes");
  });
}

Deno.test("unpack() takes off nested containers, up to four", async () => {
  const image = bzImage(await read("field/kernel.elf.zst"), KERNEL.length);
  const three = await unpack(await gzip(image));
  assertEquals(namesOf(three), ["gzip", "bzimage", "zstd"]);
  assertEquals(await readAll(three.source), KERNEL);
  await three.check();
  let packed = KERNEL;
  for (let count = 1; count <= 4; count++) {
    packed = await gzip(packed);
    const content = await unpack(packed);
    assertEquals([content.layers.length, await readAll(content.source)], [count, KERNEL]);
  }
  const five = await gzip(packed);
  await assertRejects(() => unpack(five), UnpackError, "there are more than 4 nested containers");
});

Deno.test("unpack() leaves a file without containers as it is, and reads no more of ELF than its first bytes", async () => {
  for (const path of ["field/archive.a", "field/bzimage-named-vmlinux", "field/limine.elf", "packed/kernel.elf.lzo"]) {
    const bytes = await read(path);
    const content = await unpack(readerOf(bytes, 100));
    assertEquals([content.layers, await readAll(content.source)], [[], bytes], path);
    await content.check();
  }
  let taken = 0;
  const file = readerOf(KERNEL, 1000);
  const counting = { read: (buffer: Uint8Array) => (taken += buffer.length, file.read(buffer)) };
  assertEquals((await unpack(counting)).format.name, "elf");
  assert(taken < 32, `${taken} bytes`);
});

Deno.test("unpack() names what is in a container that is no kernel", async () => {
  const content = await unpack(await gzip(await read("field/archive.a")));
  assertEquals([namesOf(content), content.format.description], [["gzip"], "static library (ar)"]);
});

Deno.test("unpack() says that a bzImage is truncated, wherever it ends", async () => {
  const image = bzImage(await read("packed/kernel.elf.legacy.lz4"), KERNEL.length);
  for (const end of [0x300, 3 * 512, 3 * 512 + 0x41, 3 * 512 + 0x60, image.length - 101, image.length - 104]) {
    const work = async () => await readAll((await unpack(image.slice(0, end))).source);
    await assertRejects(work, UnpackError, "the bzImage is truncated", `${end} bytes`);
  }
});

Deno.test("unpack() unpacks no more than is read, and no more than the limit", async () => {
  const bomb = await gzip(new Uint8Array(2 ** 26));
  let taken = 0;
  const file = readerOf(bomb, 2 ** 12);
  const counting = {
    read: async (buffer: Uint8Array) => {
      const count = await file.read(buffer);
      taken += count ?? 0;
      return count;
    },
  };
  const lazy = await unpack(counting);
  await lazy.source.read(new Uint8Array(64));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert(taken < bomb.length, `${taken} of ${bomb.length} bytes`);
  await lazy.close();

  const { source } = await unpack(bomb, { maxMemory: 2 ** 20 });
  let total = 0;
  const drain = async () => {
    const buffer = new Uint8Array(2 ** 16);
    for (let count; (count = await source.read(buffer)) !== null;) total += count;
  };
  await assertRejects(drain, UnpackError, "unpacks to more than the limit, which is 1048576 bytes");
  assert(total <= 2 ** 20, `${total} bytes`);
});

/** Each packs zeros by thousands to one. */
for (const line of ["xz -9", "zstd -q -19", "lz4 -q -9", "lz4 -q -l", "bzip2 -9", "lzma -9"]) {
  const [tool, ...args] = line.split(" ");
  testWithTools([tool], `a bomb of ${line} is stopped by the limit, and by an abort`, async () => {
    const bomb = (await pipe(tool, [...args, "-c"], new Uint8Array(2 ** 25)))!;
    const limited = await unpack(bomb, { maxMemory: 2 ** 21 });
    await assertRejects(() => readAll(limited.source), UnpackError, "more than the limit, which is 2097152 bytes");

    const controller = new AbortController();
    const reason = new Error("enough");
    const content = await unpack(bomb, { signal: controller.signal });
    const reading = readAll(content.source, 1000);
    const stop = setTimeout(() => controller.abort(reason), 1);
    assertEquals(await assertRejects(() => reading), reason);
    clearTimeout(stop);
    await content.close();
  });
}

Deno.test("unpack() hears an abort while it waits, and closes a stream", async () => {
  const reason = new Error("enough");
  for (const head of [new Uint8Array(), (await gzip(KERNEL)).slice(0, 200)]) {
    let cancelled: unknown;
    const stream = new ReadableStream<Bytes>({
      start: (controller) => void (head.length > 0 && controller.enqueue(head)),
      cancel: () => void (cancelled = true),
    });
    const controller = new AbortController();
    const work = async () => await readAll((await unpack(stream, { signal: controller.signal })).source);
    const waiting = work();
    setTimeout(() => controller.abort(reason), 5);
    assertEquals(await assertRejects(() => waiting), reason);
    if (head.length === 0) assert(cancelled);
  }
});

Deno.test("check() finds damage after what was read", async () => {
  const content = concat([KERNEL, CONTENTS.noise]);
  const packed = await gzip(content);
  const damaged = packed.with(packed.length - 6, packed[packed.length - 6] ^ 1);
  for (const [bytes, depth] of [[damaged, 1], [await gzip(damaged), 2]] as const) {
    const { source, layers, check } = await unpack(bytes);
    await loadKernel(source);
    assertEquals(layers.length, depth);
    await assertRejects(check, UnpackError, "its content does not match its checksum");
  }
  const outer = await gzip(packed);
  const { source, check } = await unpack(outer.with(outer.length - 6, outer[outer.length - 6] ^ 1));
  await loadKernel(source);
  await assertRejects(check, UnpackError, "its content does not match its checksum");
});

Deno.test("a read that failed fails again", async () => {
  const packed = await read("field/kernel.elf.xz");
  const { source } = await unpack(packed.with(300, packed[300] ^ 1)).catch((error) => {
    assert(error instanceof UnpackError);
    return { source: { read: () => Promise.reject(error) } };
  });
  for (let time = 0; time < 3; time++) {
    await assertRejects(() => readAll(source), UnpackError, "the xz data is damaged");
  }
});
