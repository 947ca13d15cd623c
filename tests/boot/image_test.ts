import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { addContextSwitch } from "../../boot/context_switch.ts";
import { bootImage, imageMemory } from "../../boot/image.ts";
import { GRUB_SEGMENTS, MOST_SEGMENTS, segmentsOf } from "../../boot/image/segments.ts";
import { addRamdisk } from "../../boot/ramdisk.ts";
import type { Region } from "../../boot/regions.ts";
import { LoadError, loadKernel, physicalMemory } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { example, imageBytes, loadBootable } from "./boot.ts";

const MIB = 2 ** 20;
const PAGE = 0x1000;
const hello = await example("hello.elf");

/** The PT_LOADs of an ELF32 file, by the offsets that the gABI gives for Elf32_Ehdr and Elf32_Phdr. */
function loadsOf(file: Uint8Array) {
  const view = new DataView(file.buffer);
  const [phoff, phnum] = [view.getUint32(28, true), view.getUint16(44, true)];
  const all = Array.from({ length: phnum }, (_, index) => {
    const word = (at: number): number => view.getUint32(phoff + index * 32 + at * 4, true);
    return { type: word(0), offset: word(1), phys: word(3), fileSize: word(4), memSize: word(5) };
  });
  return all.filter(({ type }) => type === 1);
}

Deno.test("an image has a Multiboot header in its first 8 KiB, at a multiple of 4, whose words add up to 0", async () => {
  const { kernel, entry } = await loadBootable(hello);
  const words = new Uint32Array((await imageBytes(kernel, entry)).buffer, 0, 2048);
  const at = words.indexOf(0x1badb002);
  assert(at >= 0);
  assertEquals(words[at + 1], 0);
  assertEquals((words[at] + words[at + 1] + words[at + 2]) % 2 ** 32, 0);
});

Deno.test("an image has every frame in use at its address, as it is in memory", async () => {
  const { kernel, entry } = await loadBootable(await example("hello-pie.elf"));
  const file = await imageBytes(kernel, entry);
  const { base, size } = kernel.memory;
  const machine = new Uint8Array(size).fill(0xcc); // memory is not zero before
  for (const { offset, phys, fileSize, memSize } of loadsOf(file)) {
    machine.fill(0, phys - base, phys - base + memSize);
    machine.set(file.subarray(offset, offset + fileSize), phys - base);
  }
  for (const { phys, size, owner } of kernel.frameRuns()) {
    const found = machine.subarray(phys - base, phys - base + size);
    assertEquals(found, kernel.memory.bytes(phys, size), owner);
  }
});

Deno.test("an image has no page of zeros after its headers", async () => {
  const { kernel, entry } = await loadBootable(hello);
  const file = await imageBytes(kernel, entry);
  for (let at = PAGE; at < file.length; at += PAGE) assert(file.subarray(at, at + PAGE).some((byte) => byte !== 0));
});

Deno.test(".bss takes no room in an image", async () => {
  const segment = (p_memsz: bigint) => ({ p_vaddr: 0xffffffff_80000000n, filesz: 0x1800, p_memsz, p_flags: 6 });
  const sizes = await Promise.all([0x1800n, 0x10_0000n].map(async (memsz) => {
    const { kernel, entry } = await loadBootable(buildElf({ segments: [segment(memsz)] }));
    return (await imageBytes(kernel, entry)).length;
  }));
  assert(sizes[1] - sizes[0] <= PAGE, "but for the page where it starts"); // which gets a copy
});

testWithTools(["readelf"], "readelf accepts an image, and finds entry point and note in it", async () => {
  const { kernel, entry } = await loadBootable(hello);
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, await imageBytes(kernel, entry));
    const text = await runTool("readelf", ["--wide", "-h", "-l", "-n", path]);
    assertStringIncludes(text, "Class:                             ELF32");
    assertStringIncludes(text, "Machine:                           Intel 80386");
    assert(text.includes(`Entry point address:               0x${entry.entry32.toString(16)}`));
    const bytes = new Uint8Array(new Uint32Array([entry.entry32]).buffer).toHex().replace(/../g, "$& ");
    assert(/Xen +0x00000004\s.*0x00000012/.test(text), text);
    assertStringIncludes(text, `description data: ${bytes}`);
    assert(!text.includes("Warning") && !text.includes("Error"), text);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("imageMemory() leaves 17 MiB above the kernel's memory to the firmware", () => {
  const memory = (base: number, size: number) => physicalMemory({ base, buffer: new ArrayBuffer(size) });
  assertEquals(imageMemory({ memory: memory(MIB, 4 * MIB) }), 22 * MIB);
  assertEquals(imageMemory({ memory: memory(MIB, 4 * MIB + PAGE) }), 23 * MIB);
  // QEMU's q35 splits its memory from 0xb0000000 on, and -m takes whole MiB.
  assertEquals(imageMemory({ memory: memory(0xaed0_0000, MIB) }), 0xaff0_0000);
  const high = assertThrows(() => imageMemory({ memory: memory(0xaed0_0000, MIB + PAGE) }), LoadError);
  assertEquals(high.code, "not-bootable");
  assertStringIncludes(high.message, "the last page of its memory is at 0xaee00000, not below 0xaee00000");
});

Deno.test("bootImage() refuses frames below 1 MiB, which are the firmware's", async () => {
  const low = await loadKernel(hello, { level4Frame: 0x8000 });
  const error = assertThrows(() => bootImage(low, { entry: addContextSwitch(low) }), LoadError);
  assertEquals(error.code, "not-bootable");
  assertStringIncludes(error.message, "a frame in use is at 0x8000, below 0x100000");
  const none = await loadKernel(hello);
  assertEquals(loadsOf(await imageBytes(none, addContextSwitch(none)))[0].phys, 0x20_0000);
});

Deno.test("bootImage() refuses a machine with less memory than the image needs", async () => {
  const { kernel, entry } = await loadBootable(hello);
  const memory = imageMemory(kernel);
  assertEquals([...bootImage(kernel, { entry, memory })], [...bootImage(kernel, { entry })]);
  for (const less of [memory - 1, 0, NaN]) {
    assertThrows(() => bootImage(kernel, { entry, memory: less }), RangeError, "as memory: the image needs");
  }
});

Deno.test("bootImage() refuses to do without the page that leads into the kernel", async () => {
  const { kernel, entry } = await loadBootable(hello);
  assertThrows(() => bootImage(kernel, {} as never), TypeError, "undefined as entry: pass what addContextSwitch()");
  assertThrows(() => bootImage(kernel, { entry: entry.entry32 as never }), TypeError, "as entry: pass what");
  assertThrows(() => bootImage(kernel, { entry, stack: 1 } as never), TypeError, 'the option "stack"');
});

Deno.test("bootImage() takes a ramdisk along, and refuses one that it does not have", async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(5000));
  const kernel = await loadKernel(hello, { memory: { base: MIB, size: 8 * MIB } });
  const ramdisk = addRamdisk(kernel, { bytes });
  const entry = addContextSwitch(kernel);
  const file = await imageBytes(kernel, entry);
  const [load] = loadsOf(file).filter(({ phys, fileSize }) => ramdisk.phys >= phys && ramdisk.phys < phys + fileSize);
  assertEquals(file.subarray(load.offset + ramdisk.phys - load.phys).subarray(0, bytes.length), bytes);

  kernel.memory.bytes(0x60_0000, bytes.length).set(bytes);
  const placed = addRamdisk(kernel, { phys: 0x60_0000, size: bytes.length });
  const pieces = [...bootImage(kernel, { entry, ramdisk: placed })];
  assertEquals(pieces.at(-1)!.subarray(0, bytes.length), bytes);

  const elsewhere = addRamdisk(kernel, { phys: 0x4000_0000, size: PAGE });
  assertThrows(
    () => bootImage(kernel, { entry, ramdisk: elsewhere }),
    RangeError,
    "Cannot use 0x40000000 as ramdisk.phys",
  );
});

/** Content in every so many frames, all others in use and zero or not in use. */
function scattered(count: number, every: number, filled: boolean): readonly Region[] {
  return Array.from({ length: count }).flatMap((_, index) => {
    const phys = MIB + index * every * PAGE;
    const content = { phys, size: PAGE, content: true };
    return filled ? [content, { phys: phys + PAGE, size: (every - 1) * PAGE, content: false }] : [content];
  });
}

for (const filled of [true, false]) {
  const between = filled ? "zeros" : "nothing";
  Deno.test(`where GRUB would refuse so many segments, small gaps with ${between} in them are filled`, () => {
    const regions = scattered(1000, 2, filled);
    const segments = segmentsOf(regions);
    assertEquals(segments.length, GRUB_SEGMENTS);
    assertEquals(segments.at(-1)!.phys + segments.at(-1)!.memSize, regions.at(-1)!.phys + regions.at(-1)!.size);
    const inFile = segments.reduce((sum, { fileSize }) => sum + fileSize, 0);
    assertEquals(inFile, (1000 + 1000 - GRUB_SEGMENTS) * PAGE);
  });

  Deno.test(`page tables between gigabytes of .bss stay apart, with ${between} between them`, () => {
    const segments = segmentsOf(scattered(1500, 512, filled));
    assertEquals(segments.length, 1500);
    assertEquals(segments.every(({ fileSize }) => fileSize === PAGE), true);
  });
}

Deno.test("there are never more segments than QEMU can bear", () => {
  assertEquals(segmentsOf(scattered(5000, 100, false)).length, MOST_SEGMENTS);
});

Deno.test("zeros before content are a segment without bytes in the file", () => {
  const regions = [
    { phys: MIB, size: PAGE, content: false },
    { phys: MIB + PAGE, size: PAGE, content: true },
    { phys: MIB + 2 * PAGE, size: 2 * PAGE, content: false },
  ];
  assertEquals(segmentsOf(regions), [
    { phys: MIB, fileSize: 0, memSize: PAGE },
    { phys: MIB + PAGE, fileSize: PAGE, memSize: 3 * PAGE },
  ]);
  assertEquals(segmentsOf([]), []);
});
