/** What is in a compressed file is unpacked only as far as the loaders need it that unpack it. */

import { assert, assertEquals } from "@std/assert";
import { keepFile } from "../../core/file/kept_file.ts";
import { bootloader010 } from "../../loaders/bootloader_0_10.ts";
import { grubMultiboot } from "../../loaders/grub_multiboot.ts";
import { kload } from "../../loaders/kload.ts";
import type { Loader } from "../../loaders/loader.ts";
import { type Looked, lookInside } from "../../loaders/look.ts";
import { buildElf } from "../elf_builder.ts";

const LENGTH = 2 ** 24;

/** A kernel with 16 MiB of zeros after it, as gzip data, which are 16 KiB. */
async function zerosAfterKernel(): Promise<Uint8Array> {
  const kernel = buildElf({ segments: [{ data: new Uint8Array(0x100) }] });
  const content = new Blob([kernel, new Uint8Array(LENGTH - kernel.length)]);
  return new Uint8Array(await new Response(content.stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer());
}

async function unpacked(loaders: readonly Loader[]): Promise<readonly number[]> {
  const opened: (() => Promise<void>)[] = [];
  const insides = await lookInside(keepFile(await zerosAfterKernel()), "gzip", loaders, {
    partsFor: (some) => new Set(some.flatMap(({ parts }) => parts)),
    circumstances: { memory: 2 ** 28 },
    opened: ({ close }) => void opened.push(close),
  });
  for (const close of opened) await close();
  return [...insides.values()].map((inside) => (inside as Looked).file.bytesRead);
}

Deno.test("a loader that takes files as they are has nothing unpacked for it", async () => {
  const [bytesRead, ...others] = await unpacked([kload, bootloader010]);
  assert(bytesRead < 2 ** 20, `${bytesRead} bytes`);
  assertEquals(others, []);
});

Deno.test("a loader that unpacks a file, and looks at its length, has all of it unpacked, and no other has", async () => {
  const [forKload, forGrub] = await unpacked([kload, grubMultiboot]);
  assert(forKload < 2 ** 20, `${forKload} bytes`);
  assertEquals(forGrub, LENGTH);
});
