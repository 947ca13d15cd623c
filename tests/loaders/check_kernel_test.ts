import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import type { RandomSource } from "../../core/file/kept_file.ts";
import { LOADERS } from "../../loaders/all_loaders.ts";
import { checkKernel, type CheckOptions, LOADER_NAMES, type LoaderName } from "../../loaders/mod.ts";
import { LoadError } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { watched } from "../core/intake/watched_sources.ts";
import { linuxImage, pvhKernel } from "./pvh_kernels.ts";
import { configBytes, withSection } from "../protocols/config_builder.ts";

/** A kernel with 1 MiB of something after the bytes that are loaded, and section headers at the end. */
const KERNEL = withSection(
  buildElf({
    segments: [{ filesz: 0x100 }, { p_type: 4, offset: 0x1800, filesz: 0x20, p_align: 4n }],
    length: 0x10_2000,
  }),
  ".bootloader-config",
  configBytes({}),
).file;

function counting(file: Uint8Array) {
  const counted = { bytes: 0 };
  const source: RandomSource = {
    size: file.length,
    readAt: (offset, buffer) => {
      const piece = file.subarray(offset, offset + buffer.length);
      buffer.set(piece);
      counted.bytes += piece.length;
      return piece.length;
    },
  };
  return { source, counted };
}

function chunks(file: Uint8Array<ArrayBuffer>, size = 1024): readonly Uint8Array[] {
  return Array.from({ length: Math.ceil(file.length / size) }, (_, at) => file.slice(at * size, (at + 1) * size));
}

Deno.test("every loader is asked, in the order of reports", async () => {
  const { format, verdicts } = await checkKernel(KERNEL);
  assertEquals(format, "elf");
  assertEquals(verdicts.map(({ loader }) => loader), LOADER_NAMES);
});

Deno.test("a kernel with a configuration is meant for bootloader-0.11, and one for no loader for kload", async () => {
  const intended = async (file: Uint8Array): Promise<readonly LoaderName[]> =>
    (await checkKernel(file)).verdicts.filter(({ intended }) => intended).map(({ loader }) => loader);
  assertEquals(await intended(KERNEL), ["bootloader-0.11"]);
  assertEquals(await intended(buildElf({ segments: [{ filesz: 16 }] })), ["kload"]);
  assertEquals(await intended(new Uint8Array(10)), ["kload"]);
});

Deno.test("the loaders that are named are asked, and the file is meant for them", async () => {
  const { verdicts } = await checkKernel(KERNEL, { loaders: ["bootloader-0.10", "kload"] });
  assertEquals(verdicts.map(({ loader, intended, outcome }) => [loader, intended, outcome]), [
    ["kload", true, "boots"],
    ["bootloader-0.10", true, "boots"],
  ]);
});

Deno.test("for kload alone, nothing is read that a load does not need; of a stream, up to that chunk", async () => {
  const { source, counted } = counting(KERNEL);
  await checkKernel(source, { loaders: ["kload"] });
  assert(counted.bytes <= 2 * 0x1820, `${counted.bytes} bytes were read`);
  let taken = 0;
  const all = chunks(KERNEL);
  const stream = new ReadableStream({
    pull: (controller) => taken < all.length ? controller.enqueue(all[taken++]) : controller.close(),
  }, { highWaterMark: 0 });
  await checkKernel(stream, { loaders: ["kload"] });
  assert(taken <= 0x1820 / 1024 + 1, `${taken} chunks were taken`);
});

Deno.test("without the bootloader crate, no loader reads what lies after the segments", async () => {
  const wholeFile: readonly LoaderName[] = ["bootloader-0.10", "bootloader-0.11", "grub-multiboot", "grub-multiboot2"];
  for (const { name } of LOADERS.filter(({ name }) => !wholeFile.includes(name))) {
    const { source, counted } = counting(KERNEL);
    await checkKernel(source, { loaders: [name] });
    assert(counted.bytes <= 0x2_0000, `${name} read ${counted.bytes} bytes`);
  }
});

Deno.test("a stream is read once, and the verdicts are those on the bytes", async () => {
  const { stream, cancels } = watched(chunks(KERNEL));
  const streamed = await checkKernel(stream);
  const { source, counted } = counting(KERNEL);
  assertEquals(streamed, await checkKernel(KERNEL));
  assertEquals(await checkKernel(source), await checkKernel(KERNEL));
  assertEquals(cancels.length <= 1, true);
  assert(counted.bytes <= 4 * KERNEL.length, `${counted.bytes} bytes were read`);
});

Deno.test("the source is released, whatever comes of the check", async () => {
  for (const options of [{ loaders: ["kload"] }, { loaders: ["kload"], maxMemory: 100 }] as const) {
    const { stream, cancels } = watched(chunks(KERNEL));
    await checkKernel(stream, options).catch(() => {});
    assertEquals([cancels.length, stream.locked], [1, false]);
  }
});

Deno.test("files that are no kernels are named, and get verdicts too", async () => {
  const cases: readonly (readonly [Uint8Array | string, string])[] = [
    [new Uint8Array(), "empty"],
    [new Uint8Array([0x7f]), "unknown"],
    [new Uint8Array([0x7f, 0x45, 0x4c, 0x46]), "elf"],
    ["#!/bin/sh\n", "script"],
    [new Uint8Array(100_000), "unknown"],
  ];
  for (const [content, expected] of cases) {
    const file = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const { format, description, verdicts, protocols } = await checkKernel(file);
    assertEquals([format, protocols], [expected, []]);
    assert(description.length > 0);
    assert(verdicts.every(({ outcome }) => outcome !== "boots"), JSON.stringify(verdicts));
  }
});

Deno.test("a finding has its rule, the rule's advice, and where it is documented", async () => {
  const file = buildElf({ segments: [{ filesz: 16, p_flags: 7 }] });
  const { findings } = await checkKernel(file, { loaders: ["kload"] });
  assertEquals(findings.map(({ rule, severity, index }) => [rule, severity, index]), [["rwx-load", "warning", 0]]);
  assert(findings[0].hint?.includes("PHDRS"));
  assert(findings[0].url.endsWith("/docs/rules/rwx-load.md"), findings[0].url);
});

Deno.test("what cannot be an option is refused before anything is read", async () => {
  const { source, counted } = counting(KERNEL);
  const wrong: readonly (readonly [unknown, typeof TypeError | typeof RangeError])[] = [
    [null, TypeError],
    [Promise.resolve({}), TypeError],
    [{ loader: ["kload"] }, TypeError],
    [{ loaders: "kload" }, TypeError],
    [{ loaders: ["grub"] }, TypeError],
    [{ loaders: [undefined] }, TypeError],
    [{ loaders: [] }, RangeError],
    [{ loaders: ["kload", "kload"] }, RangeError],
    [{ memory: "256M" }, TypeError],
    [{ memory: 2 ** 20 - 1 }, RangeError],
    [{ memory: 2 ** 28 + 0.5 }, RangeError],
    [{ memory: Infinity }, RangeError],
    [{ maxMemory: -1 }, RangeError],
    [{ kernelBase: 0x1000 }, TypeError],
    [{ signal: {} }, TypeError],
  ];
  for (const [options, kind] of wrong) {
    await assertRejects(() => checkKernel(source, options as CheckOptions), kind);
  }
  await assertRejects(() => checkKernel("kernel.elf" as unknown as Uint8Array), TypeError);
  assertEquals(counted.bytes, 0);
});

Deno.test("a machine's memory decides where a kernel does not fit", async () => {
  const file = buildElf({ segments: [{ filesz: 16, p_memsz: 2n ** 28n }], length: 0x2000 });
  const outcome = async (memory?: number) => {
    const { verdicts } = await checkKernel(file, { loaders: ["bootloader-0.10"], memory });
    return verdicts[0].outcome;
  };
  assertEquals([await outcome(), await outcome(2 ** 29), await outcome(2 ** 45)], ["refuses", "boots", "boots"]);
});

Deno.test("limits and aborts end a check", async () => {
  const error = await assertRejects(() => checkKernel(new Blob([KERNEL]).stream(), { maxMemory: 2 ** 16 }), LoadError);
  assertEquals(error.code, "memory-limit-exceeded");
  const reason = new Error("enough");
  await assertRejects(() => checkKernel(KERNEL, { signal: AbortSignal.abort(reason) }), Error, "enough");
  const controller = new AbortController();
  const { stream } = watched([KERNEL.slice(0, 100)], () => new Promise(() => {}));
  setTimeout(() => controller.abort(reason));
  await assertRejects(() => checkKernel(stream, controller), Error, "enough");
});

Deno.test("no header makes a check throw: every byte of the headers is set to what breaks most", async () => {
  const file = withSection(
    buildElf({
      segments: [{ filesz: 0x40 }, { p_type: 4, offset: 0x1100, filesz: 0x20 }, {
        p_type: 2,
        offset: 0x1200,
        filesz: 32,
      }],
    }),
    ".x",
    new Uint8Array(8),
  ).file;
  const places = [...Array(64 + 3 * 56).keys(), ...Array.from({ length: 192 }, (_, at) => file.length - 192 + at)];
  for (const at of places) {
    for (const value of [0, 0xff]) {
      const { verdicts } = await checkKernel(file.with(at, value) as Uint8Array);
      assertEquals(verdicts.length, LOADERS.length);
      for (const { outcome, rule, loader } of verdicts) assertEquals(rule === undefined, outcome === "boots", loader);
    }
  }
});

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

Deno.test("a compressed kernel is judged as each loader sees it", async () => {
  const packed = await gzip(KERNEL);
  const { format, inside, protocols, verdicts, findings } = await checkKernel(packed);
  assertEquals([format, inside?.format, inside?.layers, protocols], ["gzip", "elf", ["gzip"], []]);
  assertEquals(inside?.protocols.map(({ name }) => name), ["bootloader"]);
  const plain = await checkKernel(KERNEL);
  assertEquals(findings, plain.findings);
  for (const [index, { loader, intended, unpacked, rule, hint }] of verdicts.entries()) {
    const unpacks = ["kload", "grub-multiboot", "grub-multiboot2"].includes(loader);
    assertEquals(unpacked, unpacks ? ["gzip"] : undefined, loader);
    assertEquals(intended, loader === "bootloader-0.11", loader);
    if (unpacks) assertEquals(rule, plain.verdicts[index].rule, loader);
    else assert(hint?.includes("Unpack the kernel first: the file is gzip data"), `${loader}: ${hint}`);
  }
  assert(verdicts.some(({ loader, rule }) => loader === "bootloader-0.11" && rule === "not-elf"));
});

Deno.test("GRUB takes off one container, and kload all of them", async () => {
  const [kload, grub] =
    (await checkKernel(await gzip(await gzip(KERNEL)), { loaders: ["kload", "grub-multiboot2"] })).verdicts;
  assertEquals([kload.outcome, kload.unpacked], ["boots", ["gzip", "gzip"]]);
  assert(grub.message?.includes("module gzio"), grub.message);
});

Deno.test("a Linux image is meant for the loaders of the kernel in it", async () => {
  const kernel = pvhKernel({});
  const image = concat([linuxImage(), kernel]);
  const view = new DataView(image.buffer);
  view.setUint32(0x248, 0x2000 - 0xa00, true); // payload_offset, from the protected-mode part on
  view.setUint32(0x24c, kernel.length, true);
  const { protocols, inside, verdicts } = await checkKernel(image);
  assertEquals(protocols.map(({ name }) => name), ["linux"]);
  assertEquals(inside?.protocols.map(({ name }) => name), ["pvh"]);
  assertEquals(
    verdicts.filter(({ intended }) => intended).map(({ loader, outcome }) => [loader, outcome]),
    [["qemu-kernel", "boots"], ["firecracker", "boots"], ["cloud-hypervisor", "boots"], ["openvmm", "refuses"]],
  );
});

Deno.test("compressed data from a stream gets the verdicts of the bytes", async () => {
  const packed = await gzip(KERNEL);
  const stream = watched(chunks(packed, 100)).stream;
  assertEquals(await checkKernel(stream), await checkKernel(packed));
  const { source } = counting(packed);
  assertEquals(await checkKernel(source), await checkKernel(packed));
});

Deno.test("what is in a file that no loader unpacks which is asked is named by the file's first bytes", async () => {
  const packed = await gzip(KERNEL);
  const whole = await checkKernel(packed);
  const { inside, verdicts: [{ outcome, unpacked, hint }] } = await checkKernel(packed, { loaders: ["limine-8"] });
  assertEquals([inside, outcome, unpacked], [whole.inside, "refuses", undefined]);
  assert(hint?.includes("Unpack the kernel first: the file is gzip data"), hint);
  // The same kernel, and after it what makes the file longer than its first part.
  const random = crypto.getRandomValues(new Uint8Array(2 ** 16));
  const large = await gzip(concat([pvhKernel({}), random, random]));
  const { source, counted } = counting(large);
  const cut = await checkKernel(source, { loaders: ["firecracker"] });
  assertEquals([cut.inside?.format, cut.inside?.layers], ["elf", ["gzip"]]);
  assertEquals(cut.inside?.protocols.map(({ name }) => name), ["pvh"]);
  assert(counted.bytes <= 0x9000 + 2 ** 10, `${counted.bytes} bytes were read`);
  const damaged = await checkKernel(packed.slice(0, 12), { loaders: ["firecracker"] });
  assertEquals([damaged.format, damaged.inside], ["gzip", undefined]);
});

Deno.test("a loader that is asked alone changes nothing of what a Linux image is", async () => {
  const image = linuxImage();
  const { protocols } = await checkKernel(image);
  assertEquals(protocols.map(({ name }) => name), ["linux"]);
  for (const loader of LOADER_NAMES) {
    assertEquals((await checkKernel(image, { loaders: [loader] })).protocols, protocols);
  }
});

Deno.test("damaged and truncated data is refused, wherever the damage is", async () => {
  const packed = await gzip(KERNEL);
  const broken = [
    packed.slice(0, 20),
    packed.slice(0, packed.length >> 1),
    packed.slice(0, -1),
    packed.with(packed.length - 5, packed[packed.length - 5] ^ 1), // the checksum
  ];
  for (const file of broken) {
    const { format, verdicts } = await checkKernel(file as Uint8Array, { loaders: ["kload"] });
    assertEquals([format, verdicts[0].outcome, verdicts[0].rule], ["gzip", "refuses", "damaged-container"]);
    assert(verdicts[0].message?.endsWith("."), verdicts[0].message);
  }
});

Deno.test("what is unpacked is bounded", async () => {
  const bomb = await gzip(new Uint8Array(2 ** 24));
  const { verdicts } = await checkKernel(bomb, { loaders: ["kload"], maxMemory: 2 ** 22 });
  assertEquals(verdicts[0].outcome, "refuses");
});

Deno.test("a loader that is asked alone, about a file read at offsets, says the same as with all others", async () => {
  const folders = ["loaders", "loaders/probes", "field"].map((name) =>
    new URL(`../fixtures/${name}/`, import.meta.url)
  );
  const files = folders.flatMap((folder) => {
    return [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) => new URL(name, folder));
  });
  for (const url of files.filter((_, index) => index % 4 === 0)) {
    const file = await Deno.readFile(url);
    const { verdicts } = await checkKernel(file);
    for (const { intended: _, hint: __, ...expected } of verdicts) {
      const alone = await checkKernel(counting(file).source, { loaders: [expected.loader] });
      const { intended, hint: ___, ...verdict } = alone.verdicts[0];
      assertEquals([intended, verdict], [true, expected], url.pathname);
    }
  }
});

Deno.test("65,534 program headers are judged by every loader", async () => {
  const segments = Array.from({ length: 0xfffe }, (_, index) => ({
    ...{ p_type: index % 2 === 0 ? 1 : 4, offset: 0x38_1000, filesz: 0x100, p_memsz: 0x200n },
    ...{ p_vaddr: 0xffff_ffff_8000_0000n + BigInt(index) * 0x1000n, p_paddr: 0x10_0000n + BigInt(index) * 0x1000n },
  }));
  const header = { e_entry: 0xffff_ffff_8000_0000n };
  const { verdicts } = await checkKernel(buildElf({ header, segments }), { memory: 2 ** 30 });
  assertEquals(verdicts.length, LOADERS.length);
});
