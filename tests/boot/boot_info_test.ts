/** The boot information as a C compiler reads it, and the memory map with its owners. */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type BootInfo, bootInfoBytes, type BootInfoOptions, type MachineRegion } from "../../boot/boot_info.ts";
import { writeBootInfo } from "../../boot/boot_info.ts";
import { BOOT_INFO, BOOT_INFO_SIZE, MEMORY_REGION_SIZE } from "../../boot/boot_info/layout.ts";
import { ownedRegions, type UsedRange } from "../../boot/boot_info/memory_map.ts";
import { addContextSwitch } from "../../boot/context_switch.ts";
import { addDirectMap } from "../../boot/direct_map.ts";
import { addFramebuffer } from "../../boot/framebuffer.ts";
import { addKernelStack } from "../../boot/kernel_stack.ts";
import { addRamdisk } from "../../boot/ramdisk.ts";
import { addRecursiveEntry } from "../../boot/recursive_entry.ts";
import { type LoadedKernel, LoadError, loadKernel, physicalMemory } from "../../mod.ts";
import { relocate } from "../../plugins/relocate.ts";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { snapshotOf } from "./snapshot.ts";
import { scatteredFrames } from "./scattered_frames.ts";

const DOCS = await Deno.readTextFile(new URL("../../docs/boot_info.md", import.meta.url));
const HELLO = await Deno.readFile(new URL("../../examples/hello/hello.elf", import.meta.url));
const HELLO_PIE = await Deno.readFile(new URL("../../examples/hello/hello-pie.elf", import.meta.url));
const FILE = buildElf({ segments: [{ p_vaddr: 0x40_0000n, filesz: 0x1800 }] });

/** The documented structures, and a program that prints the layout and what it reads from a dump. */
function programInC(): string {
  const structures = DOCS.match(/```c\n([\s\S]*?)```/)?.[1] ?? "";
  const fields = Object.keys(BOOT_INFO);
  return `#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
${structures}
static void say(const char *name, uint64_t value) { printf("%s %lu\\n", name, value); }
#define OFFSET(field) say("offset " #field, offsetof(struct boot_info, field))
#define VALUE(field) say(#field, info->field)
#define OPTIONAL(field) if (info->field.is_none) say(#field " none", info->field.is_none); else VALUE(field.value)
int main(int argc, char **argv) {
    if (argc < 3) return 1;
    static uint64_t dump[1 << 16];
    FILE *file = fopen(argv[1], "rb");
    if (!file || fread(dump, 1, sizeof dump, file) == 0) return 2;
    uint64_t address = strtoull(argv[2], 0, 0);
    struct boot_info *info = (struct boot_info *)dump;
${fields.map((field) => `    OFFSET(${field});`).join("\n")}
    say("size", sizeof *info);
    say("region size", sizeof(struct memory_region));
    VALUE(api_version.version_major);
    VALUE(api_version.version_minor);
    VALUE(api_version.version_patch);
    VALUE(api_version.pre_release);
    if (info->framebuffer.is_none) {
        say("framebuffer none", info->framebuffer.is_none);
    } else {
        VALUE(framebuffer.value.buffer_start);
        VALUE(framebuffer.value.byte_len);
        VALUE(framebuffer.value.width);
        VALUE(framebuffer.value.height);
        VALUE(framebuffer.value.pixel_format);
        VALUE(framebuffer.value.red_position);
        VALUE(framebuffer.value.green_position);
        VALUE(framebuffer.value.blue_position);
        VALUE(framebuffer.value.bytes_per_pixel);
        VALUE(framebuffer.value.stride);
    }
    OPTIONAL(physical_memory_offset);
    OPTIONAL(recursive_index);
    OPTIONAL(rsdp_addr);
    if (info->tls_template.is_none) {
        say("tls_template none", info->tls_template.is_none);
    } else {
        VALUE(tls_template.value.start_addr);
        VALUE(tls_template.value.file_size);
        VALUE(tls_template.value.mem_size);
    }
    OPTIONAL(ramdisk_addr);
    VALUE(ramdisk_len);
    VALUE(kernel_addr);
    VALUE(kernel_len);
    VALUE(kernel_image_offset);
    VALUE(kernel_stack_bottom);
    VALUE(kernel_stack_len);
    VALUE(_test_sentinel);
    uint64_t at = (uint64_t)info->memory_regions.ptr - address;
    struct memory_region *region = (struct memory_region *)((char *)dump + at);
    for (uint64_t i = 0; i < info->memory_regions.len; i++) {
        printf("region %lu %lu %u %u\\n", region[i].start, region[i].end, region[i].kind, region[i].tag);
    }
    return 0;
}
`;
}

let compiled: Promise<Uint8Array<ArrayBuffer>> | undefined;

async function compile(): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/read.c`, programInC());
    await runTool("gcc", ["-m64", "-Wall", "-Werror", "-o", `${folder}/read`, `${folder}/read.c`]);
    return await Deno.readFile(`${folder}/read`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What the C program says of a kernel's boot information: its lines by name, and the regions. */
async function readByC({ read }: Pick<LoadedKernel, "read">, { address, size }: BootInfo) {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/read`, await (compiled ??= compile()), { mode: 0o755 });
    await Deno.writeFile(`${folder}/dump`, read(address, size));
    const output = await runTool(`${folder}/read`, [`${folder}/dump`, `0x${address.toString(16)}`]);
    const lines = output.trim().split("\n");
    const regions = lines.filter((line) => /^region \d/.test(line)).map((line) => line.split(" ").slice(1).map(Number));
    const named = lines.map((line) => line.match(/^(.*) (\d+)$/)).map((match) => [match?.[1], BigInt(match?.[2] ?? 0)]);
    return { values: Object.fromEntries(named) as Record<string, bigint>, regions };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

testWithTools(["gcc"], "a C compiler lays the documented structure out as it is written and documented", async () => {
  const kernel = await loadKernel(FILE);
  const { values } = await readByC(kernel, writeBootInfo(kernel));
  for (const [field, offset] of Object.entries(BOOT_INFO)) {
    assertEquals(values[`offset ${field}`], BigInt(offset), field);
    assert(new RegExp(`\\| ${offset} +\\| \\d+ +\\| \`${field}\``).test(DOCS), `${field} is not documented`);
  }
  assertEquals([values.size, values["region size"]], [BigInt(BOOT_INFO_SIZE), BigInt(MEMORY_REGION_SIZE)]);
});

testWithTools(["gcc"], "without options it has nothing but the kernel and the memory map", async () => {
  const kernel = await loadKernel(FILE);
  const { values } = await readByC(kernel, writeBootInfo(kernel));
  assertEquals(values["api_version.version_major"], 0n);
  assertEquals(values["api_version.version_minor"], 11n);
  assertEquals(values["api_version.version_patch"], 16n);
  const absent = [
    "framebuffer",
    "physical_memory_offset",
    "recursive_index",
    "rsdp_addr",
    "tls_template",
    "ramdisk_addr",
  ];
  for (const field of absent) assertEquals(values[`${field} none`], 1n, field);
  assertEquals([values.kernel_addr, values.kernel_len], [0x20_0000n, 0x2800n]); // the segment's bytes end there
  const zero = ["ramdisk_len", "kernel_image_offset", "kernel_stack_bottom", "kernel_stack_len", "_test_sentinel"];
  for (const field of zero) assertEquals(values[field], 0n, field);
});

testWithTools(["gcc"], "it has all that was added to the kernel", async () => {
  const info = {
    width: 800,
    height: 600,
    pixelFormat: { redPosition: 16, greenPosition: 8, bluePosition: 24 },
    bytesPerPixel: 4,
    stride: 832,
  };
  const kernel = await loadKernel(HELLO_PIE, { kernelBase: 0xffff_a000_0000_0000n, plugins: [relocate()] });
  const written = writeBootInfo(kernel, {
    stack: addKernelStack(kernel, { address: 0xffff_9000_0000_0000n, size: 0x8000 }),
    directMap: addDirectMap(kernel, { address: 0xffff_9100_0000_0000n }),
    recursive: addRecursiveEntry(kernel, { index: 300 }),
    framebuffer: addFramebuffer(kernel, {
      phys: 0xfd00_0100,
      size: 0x20_0000,
      address: 0xffff_9200_0000_0000n,
      info,
    }),
    ramdisk: addRamdisk(kernel, { bytes: new Uint8Array(5000), address: 0xffff_9300_0000_0000n }),
    rsdp: 0xf_52d0,
    apiVersion: [0, 11, 7],
    address: 0xffff_9400_0000_0000n,
  });
  assertEquals(written.address, 0xffff_9400_0000_0000n);
  const { values } = await readByC(kernel, written);
  const tls = kernel.tlsTemplate;
  assert(tls);
  const expected = {
    "api_version.version_patch": 7n,
    "api_version.pre_release": 0n,
    "framebuffer.value.buffer_start": 0xffff_9200_0000_0100n,
    "framebuffer.value.byte_len": 0x20_0000n,
    "framebuffer.value.width": 800n,
    "framebuffer.value.height": 600n,
    "framebuffer.value.pixel_format": 3n,
    "framebuffer.value.red_position": 16n,
    "framebuffer.value.green_position": 8n,
    "framebuffer.value.blue_position": 24n,
    "framebuffer.value.bytes_per_pixel": 4n,
    "framebuffer.value.stride": 832n,
    "physical_memory_offset.value": 0xffff_9100_0000_0000n,
    "recursive_index.value": 300n,
    "rsdp_addr.value": 0xf_52d0n,
    "tls_template.value.start_addr": tls.startAddr,
    "tls_template.value.file_size": tls.fileSize,
    "tls_template.value.mem_size": tls.memSize,
    "ramdisk_addr.value": 0xffff_9300_0000_0000n,
    ramdisk_len: 5000n,
    kernel_addr: 0x20_0000n,
    kernel_image_offset: 0xffff_a000_0000_0000n,
    kernel_stack_bottom: 0xffff_9000_0000_1000n,
    kernel_stack_len: 0x8000n,
  };
  for (const [field, value] of Object.entries(expected)) assertEquals(values[field], value, field);
});

for (const [index, pixelFormat] of (["rgb", "bgr", "u8"] as const).entries()) {
  testWithTools(["gcc"], `the pixel format ${pixelFormat} is ${index}`, async () => {
    const info = { width: 8, height: 8, pixelFormat, bytesPerPixel: 4, stride: 8 };
    const kernel = await loadKernel(FILE);
    const framebuffer = addFramebuffer(kernel, { phys: 0xfd00_0000, size: 0x1000, info });
    const { values } = await readByC(kernel, writeBootInfo(kernel, { framebuffer }));
    assertEquals(values["framebuffer.value.pixel_format"], BigInt(index));
  });
}

// A PC with 64 MiB, as E820 tells of it: type 2 is reserved, 3 is ACPI data.
const PC: readonly MachineRegion[] = [
  { start: 0, end: 0x9_fc00, kind: "usable" },
  { start: 0x9_fc00, end: 0x10_0000, kind: "unknown-bios" },
  { start: 0x10_0000, end: 0x3fe_0000, kind: "usable" },
  { start: 0x3fe_0000, end: 0x400_0000, kind: "unknown-uefi", tag: 9 },
];

testWithTools(["gcc"], "a framebuffer of unknown pixels is left out", async () => {
  const kernel = await loadKernel(FILE);
  const framebuffer = addFramebuffer(kernel, { phys: 0xfd00_0000, size: 0x1000 });
  const { values } = await readByC(kernel, writeBootInfo(kernel, { framebuffer }));
  assertEquals(values["framebuffer none"], 1n);
});

testWithTools(["gcc"], "the memory map has the machine's regions, and what is in use in them", async () => {
  const kernel = await loadKernel(HELLO);
  const stack = addKernelStack(kernel);
  const ramdisk = addRamdisk(kernel, { phys: 0x200_0000, size: 0x1_0000 });
  const framebuffer = addFramebuffer(kernel, { phys: 0xfd00_0000, size: 0x1000 });
  const info = writeBootInfo(kernel, { stack, ramdisk, framebuffer, memoryMap: PC });
  addContextSwitch(kernel, { stack, info });
  const { regions } = await readByC(kernel, info);
  assertEquals(regions, [
    [0, 0x9_fc00, 0, 0],
    [0x9_fc00, 0x10_0000, 3, 2],
    [0x10_0000, 0x20_0000, 0, 0],
    [0x20_0000, kernel.nextFrame, 1, 0],
    [kernel.nextFrame, 0x200_0000, 0, 0],
    [0x200_0000, 0x201_0000, 1, 0],
    [0x201_0000, 0x3fe_0000, 0, 0],
    [0x3fe_0000, 0x400_0000, 2, 9],
  ]);
});

Deno.test("every frame of the load is in the typed memory map under its owner", async () => {
  const kernel = await loadKernel(HELLO);
  const stack = addKernelStack(kernel);
  const ramdisk = addRamdisk(kernel, { bytes: new Uint8Array(9000) });
  const info = writeBootInfo(kernel, { stack, ramdisk });
  addContextSwitch(kernel, { stack, info });
  const { regions } = info;
  for (const { phys, size, owner } of kernel.frameRuns()) {
    for (let at = phys; at < phys + size; at += 4096) {
      const found = regions.find(({ start, end }) => start <= at && at < end);
      assertEquals([found?.kind, found?.owner], ["bootloader", owner]);
    }
  }
  const owners = new Set(regions.map(({ owner }) => owner));
  for (const owner of ["file", "table", "kernel-stack", "ramdisk", "boot-info", "context-switch", "free", "firmware"]) {
    assert(owners.has(owner), owner);
  }
  for (const [index, { start, end }] of regions.entries()) {
    assert(start < end && start === (regions[index - 1]?.end ?? 0));
  }
  assertEquals(regions.at(-1)?.end, kernel.memory.size);
});

Deno.test("without a description the machine has the load's memory, but for what a PC has below 1 MiB", async () => {
  const low = writeBootInfo(await loadKernel(FILE)).regions.slice(0, 3);
  assertEquals(low, [
    { start: 0, end: 0xa_0000, kind: "usable", owner: "free" },
    { start: 0xa_0000, end: 0x10_0000, kind: "unknown-bios", tag: 2, owner: "firmware" },
    { start: 0x10_0000, end: 0x20_0000, kind: "usable", owner: "free" },
  ]);
  const memory = physicalMemory({ base: 0x100_0000, buffer: new ArrayBuffer(0x40_0000) });
  const high = writeBootInfo(await loadKernel(FILE, { memory })).regions;
  assertEquals(high[0], { start: 0x100_0000, end: 0x120_0000, kind: "usable", owner: "free" });
  assertEquals(high.at(-1)?.end, 0x140_0000);
});

testWithTools(["gcc"], "update() writes frames that were taken since", async () => {
  const kernel = await loadKernel(FILE);
  const info = writeBootInfo(kernel, { memoryMap: PC });
  const used = async () => (await readByC(kernel, info)).regions.find(([start]) => start === 0x20_0000)?.[1];
  const before = kernel.nextFrame;
  kernel.pageTable.mapTo(0x1234_5678_9000n, 0x20_0000, 1n);
  assertEquals(await used(), before);
  const after = before + 3 * 4096; // tables of levels 3, 2 and 1
  assertEquals(info.regions.find(({ start, end }) => start <= before && before < end)?.owner, "table");
  info.update();
  assertEquals(await used(), after);
});

Deno.test("update() refuses a memory map that has outgrown its pages", async () => {
  const kernel = await loadKernel(FILE, { memory: { size: 0x200_0000 }, frames: scatteredFrames() });
  const info = writeBootInfo(kernel);
  info.update();
  addRamdisk(kernel, { bytes: new Uint8Array(0x10_0000) });
  assertEquals(assertThrows(() => info.update(), LoadError).code, "memory-too-small");
});

// Each region of a machine whose memory has gaps takes 24 bytes; 2000 of them take 12 pages.
const GAPS = Array.from({ length: 2000 }, (_, index): MachineRegion => {
  return { start: index * 0x2000, end: index * 0x2000 + 0x1000, kind: "usable" };
});

for (const options of [{}, { memoryMap: PC }, { memoryMap: GAPS }, { address: 0xffff_ffff_ffff_f000n }]) {
  Deno.test(`boot information with ${Object.keys(options)} fits into as many bytes as is said`, async () => {
    const kernel = await loadKernel(FILE, { reserve: bootInfoBytes(options), memory: { base: 0x10_0000 } });
    const info = writeBootInfo(kernel, options);
    assert(info.size >= 232 + 24 * info.regions.length);
  });
}

Deno.test("boot information that does not fit above its address is refused, and nothing is changed", async () => {
  const kernel = await loadKernel(FILE);
  const before = snapshotOf(kernel);
  const high = { memoryMap: GAPS, address: 0xffff_ffff_ffff_f000n };
  const error = assertThrows(() => writeBootInfo(kernel, high), LoadError, "the end of the boot information");
  assertEquals(error.code, "address-overflow");
  const low = { memoryMap: GAPS, address: 0x7fff_ffff_f000n };
  assertEquals(assertThrows(() => writeBootInfo(kernel, low), LoadError).code, "address-not-canonical");
  assertEquals(snapshotOf(kernel), before);
});

Deno.test("boot information that there are no frames for is refused before one is taken", async () => {
  const kernel = await loadKernel(FILE, { reserve: 0x3000 });
  const before = snapshotOf(kernel);
  assertEquals(assertThrows(() => writeBootInfo(kernel), LoadError).code, "frames-exhausted");
  assertEquals(snapshotOf(kernel), before);
});

interface Overlay {
  readonly name: string;
  readonly machine: readonly MachineRegion[];
  readonly used: readonly UsedRange[];
  readonly regions: readonly (readonly [start: number, end: number, owner: string])[];
}

const USABLE: MachineRegion = { start: 0x1000, end: 0x5000, kind: "usable" };

const OVERLAYS: readonly Overlay[] = [
  { name: "nothing in use", machine: [USABLE], used: [], regions: [[0x1000, 0x5000, "free"]] },
  {
    name: "a range inside",
    machine: [USABLE],
    used: [{ phys: 0x2000, size: 0x1000, owner: "a" }],
    regions: [[0x1000, 0x2000, "free"], [0x2000, 0x3000, "a"], [0x3000, 0x5000, "free"]],
  },
  {
    name: "ranges at both ends, given in no order",
    machine: [USABLE],
    used: [{ phys: 0x4000, size: 0x1000, owner: "b" }, { phys: 0x1000, size: 0x1000, owner: "a" }],
    regions: [[0x1000, 0x2000, "a"], [0x2000, 0x4000, "free"], [0x4000, 0x5000, "b"]],
  },
  {
    name: "neighbours of one owner, and of two",
    machine: [USABLE],
    used: [
      { phys: 0x1000, size: 0x1000, owner: "a" },
      { phys: 0x2000, size: 0x1000, owner: "a" },
      { phys: 0x3000, size: 0x2000, owner: "b" },
    ],
    regions: [[0x1000, 0x3000, "a"], [0x3000, 0x5000, "b"]],
  },
  {
    name: "a range across two regions and the gap between them",
    machine: [USABLE, { start: 0x7000, end: 0x9000, kind: "usable" }],
    used: [{ phys: 0x4000, size: 0x4000, owner: "a" }],
    regions: [[0x1000, 0x4000, "free"], [0x4000, 0x8000, "a"], [0x8000, 0x9000, "free"]],
  },
  {
    name: "a device's range across a region's end",
    machine: [USABLE],
    used: [{ phys: 0x4000, size: 0x4000, owner: "a", device: true }],
    regions: [[0x1000, 0x4000, "free"], [0x4000, 0x5000, "a"]],
  },
  {
    name: "ranges that no region has: frames are listed, a device is not",
    machine: [USABLE],
    used: [{ phys: 0, size: 0x1000, owner: "a" }, { phys: 0x8000, size: 0x1000, owner: "b" }, {
      phys: 0xa000,
      size: 0x1000,
      owner: "c",
      device: true,
    }],
    regions: [[0, 0x1000, "a"], [0x1000, 0x5000, "free"], [0x8000, 0x9000, "b"]],
  },
  {
    name: "ranges that overlap: the first one's owner stays",
    machine: [USABLE],
    used: [{ phys: 0x1000, size: 0x3000, owner: "a" }, { phys: 0x2000, size: 0x1000, owner: "b" }, {
      phys: 0x3000,
      size: 0x2000,
      owner: "c",
    }],
    regions: [[0x1000, 0x4000, "a"], [0x4000, 0x5000, "c"]],
  },
];

for (const { name, machine, used, regions } of OVERLAYS) {
  Deno.test(`memory map: ${name}`, () => {
    const found = ownedRegions(machine, used);
    assertEquals(found.map(({ start, end, owner }) => [start, end, owner]), regions.map((region) => [...region]));
    for (const { kind, owner } of found) assertEquals(kind, owner === "free" ? "usable" : "bootloader");
  });
}

Deno.test("boot information that would cover the kernel is refused by name", async () => {
  const kernel = await loadKernel(FILE);
  const before = snapshotOf(kernel);
  const error = assertThrows(() => writeBootInfo(kernel, { address: 0x40_1000n }), LoadError);
  assertEquals(error.code, "page-already-mapped");
  assertStringIncludes(error.message, "the boot information's page 0x401000");
  assertStringIncludes(error.message, "program header 0, which covers 0x400000..0x401800");
  assertEquals(snapshotOf(kernel), before);
});

const BAD: readonly [unknown, typeof RangeError | typeof TypeError, string][] = [
  [{ address: 0x8n }, RangeError, "it must be a multiple of 4096"],
  [{ address: 8 }, TypeError, "it must be a bigint"],
  [{ rsdp: -1 }, RangeError, "-0x1 as rsdp"],
  [{ rsdp: 1n }, TypeError, "the bigint 0x1n as rsdp"],
  [{ apiVersion: [0, 11] }, RangeError, '0.11" as apiVersion'],
  [{ apiVersion: [0, 11, 65536] }, RangeError, '0.11.65536" as apiVersion'],
  [{ apiVersion: "0.11.16" }, TypeError, '0.11.16" as apiVersion'],
  [{ memoryMap: [USABLE, USABLE] }, RangeError, "0x1000 as memoryMap[1].start: regions must be ascending"],
  [{ memoryMap: [{ ...USABLE, end: 0x1000 }] }, RangeError, "0x1000 as memoryMap[0].end"],
  [{ memoryMap: [{ ...USABLE, kind: "free" }] }, TypeError, 'free" as memoryMap[0].kind'],
  [{ memoryMap: [{ ...USABLE, tag: 2 ** 32 }] }, RangeError, "0x100000000 as memoryMap[0].tag"],
  [{ memoryMap: USABLE }, TypeError, "an object as memoryMap"],
  [{ stack: true }, TypeError, "true as stack: pass what addKernelStack() returns"],
  [{ stack: {} }, TypeError, "pass what addKernelStack() returns"],
  [{ directMap: 0n }, TypeError, "pass what addDirectMap() returns"],
  [{ recursive: 510 }, TypeError, "pass what addRecursiveEntry() returns"],
  [{ framebuffer: null }, TypeError, "pass what addFramebuffer() returns"],
  [{ ramdisk: new Uint8Array(1) }, TypeError, "pass what addRamdisk() returns"],
  [{ kernelStack: undefined }, TypeError, 'the option "kernelStack"'],
];

for (const [options, kind, message] of BAD) {
  Deno.test(`options that say what cannot be are refused: ${message}`, async () => {
    const kernel = await loadKernel(FILE);
    const before = snapshotOf(kernel);
    assertThrows(() => writeBootInfo(kernel, options as BootInfoOptions), kind, message);
    assertThrows(() => bootInfoBytes(options as BootInfoOptions), kind, message);
    assertEquals(snapshotOf(kernel), before);
  });
}

const NOT_RESULTS: readonly (readonly [option: string, value: unknown])[] = [
  ["stack", { top: 5n }],
  ["directMap", { offset: 1.5, size: 0x1000 }],
  ["recursive", { index: 5n }],
  ["framebuffer", { virt: 1n, info: {} }],
  ["ramdisk", { virt: 1n }],
  ["memoryMap", [null]],
];

for (const [option, value] of NOT_RESULTS) {
  Deno.test(`something else than a result as ${option} is refused, and nothing is changed`, async () => {
    const kernel = await loadKernel(FILE);
    const before = snapshotOf(kernel);
    assertThrows(() => writeBootInfo(kernel, { [option]: value }), TypeError, option);
    if (option === "stack") assertThrows(() => addContextSwitch(kernel, { stack: value as never }), TypeError, option);
    assertEquals(snapshotOf(kernel), before);
  });
}
