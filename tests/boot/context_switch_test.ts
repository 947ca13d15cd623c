/** The trampoline as GNU binutils disassembles it and as QEMU runs it, and where its page can lie. */

import { assert, assertEquals, assertObjectMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { bootInfoBytes, writeBootInfo } from "../../boot/boot_info.ts";
import { addContextSwitch, contextSwitchBytes } from "../../boot/context_switch.ts";
import { encodeTrampoline } from "../../boot/context_switch/trampoline.ts";
import { cpuState } from "../../boot/cpu_state.ts";
import { addDirectMap, directMapBytes } from "../../boot/direct_map.ts";
import { addFramebuffer, framebufferBytes } from "../../boot/framebuffer.ts";
import { addIdentityMap, identityMapBytes } from "../../boot/identity_map.ts";
import { bootImage } from "../../boot/image.ts";
import { addKernelStack, kernelStackBytes } from "../../boot/kernel_stack.ts";
import { addRamdisk, ramdiskBytes } from "../../boot/ramdisk.ts";
import { addRecursiveEntry } from "../../boot/recursive_entry.ts";
import { type LoadedKernel, LoadError, loadKernel, physicalMemory } from "../../mod.ts";
import { defaultPipeline } from "../../core/stages/mod.ts";
import { relocate } from "../../plugins/relocate.ts";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { snapshotOf } from "./snapshot.ts";

const HELLO = await Deno.readFile(new URL("../../examples/hello/hello.elf", import.meta.url));
const HELLO_PIE = await Deno.readFile(new URL("../../examples/hello/hello-pie.elf", import.meta.url));

const PAGE = 0x20_3000;
const HANDOVER = {
  page: PAGE,
  cr3: 0x20_1000,
  rip: 0xffff_ffff_8000_0000n,
  rsp: 0x80_0000_4ff8n,
  rdi: 0x100_0000_0000n,
};

/** The instructions that a disassembler finds, without addresses and bytes. */
async function disassemble(bytes: Uint8Array, machine: string, address: number): Promise<readonly string[]> {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeFile(file, bytes);
    const args = ["-D", "-b", "binary", "-m", machine, "-M", "intel", `--adjust-vma=${address}`, file];
    const lines = (await runTool("objdump", args)).split("\n").map((line) => line.split("\t"));
    return lines.filter((parts) => parts.length > 2).map((parts) => parts[2].trim().replace(/ +/g, " "));
  } finally {
    await Deno.remove(file);
  }
}

testWithTools(["objdump"], "the trampoline's bytes are the instructions that are meant", async () => {
  const { bytes, entry32, entry64 } = encodeTrampoline(HANDOVER);
  assertEquals(await disassemble(bytes.subarray(entry32, entry64), "i386", PAGE + entry32), [
    "cli",
    "cld",
    "mov eax,cr4",
    "or eax,0x620", // OSXMMEXCPT, OSFXSR, PAE
    "mov cr4,eax",
    "mov eax,0x201000",
    "mov cr3,eax",
    "mov ecx,0xc0000080", // EFER
    "rdmsr",
    "or eax,0x900", // NXE, LME
    "wrmsr",
    "lgdtd ds:0x203018",
    "mov eax,cr0",
    "and eax,0x9ffffff3", // not CD, NW, TS, EM
    "or eax,0x80010023", // PG, WP, NE, MP, PE
    "mov cr0,eax",
    `jmp 0x8:0x${(PAGE + entry64).toString(16)}`,
  ]);
  assertEquals(await disassemble(bytes.subarray(entry64), "i386:x86-64", PAGE + entry64), [
    "mov eax,0x10",
    "mov ds,eax",
    "mov es,eax",
    "mov ss,eax",
    "mov fs,eax",
    "mov gs,eax",
    "movabs rsp,0x8000004ff8",
    "movabs rdi,0x10000000000",
    "movabs rax,0xffffffff80000000",
    "xor ebp,ebp",
    "jmp rax",
  ]);
});

Deno.test("the descriptors lie at the page's start, and LGDT reads their limit and address", () => {
  const { bytes, entry32 } = encodeTrampoline(HANDOVER);
  const view = new DataView(bytes.buffer);
  assertEquals(view.getBigUint64(0, true), 0n);
  assertEquals([view.getUint16(0x18, true), view.getUint32(0x1a, true)], [3 * 8 - 1, PAGE]);
  assert(entry32 >= 0x1e);
});

Deno.test("the page is a frame of its own, executable and not writable at its physical address", async () => {
  const kernel = await loadKernel(HELLO, { reserve: contextSwitchBytes() });
  const { page, entry32, gdt, codeSelector, dataSelector } = addContextSwitch(kernel);
  assertEquals(kernel.pageTable.translate(BigInt(page)), { mapped: true, phys: page, pageSize: 4096, flags: 1n });
  const mapping = [...kernel.mappings()].find(({ virt }) => virt === BigInt(page));
  assertObjectMatch({ ...mapping }, { size: 4096, writable: false, executable: true, user: false });
  const owner = kernel.frameRuns().find(({ phys, size }) => phys <= page && page < phys + size)?.owner;
  assertEquals(owner, "context-switch");
  assertEquals([gdt.base, gdt.limit, codeSelector, dataSelector], [BigInt(page), 23, 8, 16]);
  assert(entry32 > page && entry32 < page + 4096);
});

Deno.test("a kernel that is mapped where the page lies, with no frame below its file, is refused by name", async () => {
  const file = buildElf({ segments: [{ p_vaddr: 0x21_0000n, filesz: 0x1000, p_memsz: 0x1_0000n }] });
  const kernel = await loadKernel(file, { memory: { base: 0x20_0000 }, kernelOffset: 0x20_0000 });
  const before = snapshotOf(kernel);
  const error = assertThrows(() => addContextSwitch(kernel), LoadError);
  assertEquals(snapshotOf(kernel), before);
  assertObjectMatch(error, { code: "page-already-mapped", detail: { otherIndex: 0 } });
  assertStringIncludes(error.message, "context switch's page");
  assertStringIncludes(error.message, "program header 0, which covers 0x210000..0x220000");
});

Deno.test("a page or a level-4 table above 4 GiB is refused before a frame is taken", async () => {
  const base = 2 ** 32 - 0x1000;
  const above = physicalMemory({ base: base + 0x1000, buffer: new ArrayBuffer(0x40_0000) });
  const high = await loadKernel(HELLO, { memory: above });
  const before = snapshotOf(high);
  const table = assertThrows(() => addContextSwitch(high), LoadError);
  assertEquals(table.code, "not-bootable");
  assertStringIncludes(table.message, "Cannot boot the kernel: the level-4 table is at 0x1");
  assertStringIncludes(table.message, "not below 0x100000000");
  assertEquals(snapshotOf(high), before);
  const across = physicalMemory({ base, buffer: new ArrayBuffer(0x40_0000) });
  const kernel = await loadKernel(HELLO, { memory: across, level4Frame: base, kernelOffset: base + 0x1000 });
  const page = assertThrows(() => addContextSwitch(kernel), LoadError);
  assertEquals(page.code, "not-bootable");
  assertStringIncludes(page.message, "the context switch's page is at 0x1");
});

Deno.test("after an identity map there is no address left for the page, and nothing is changed", async () => {
  const kernel = await loadKernel(HELLO);
  addIdentityMap(kernel);
  const before = snapshotOf(kernel);
  const error = assertThrows(() => addContextSwitch(kernel), LoadError);
  assertEquals(error.code, "page-already-mapped");
  assertStringIncludes(error.message, "the context switch's page, at its physical address");
  assertEquals(snapshotOf(kernel), before);
});

Deno.test("without a frame for the page nothing is changed", async () => {
  const kernel = await loadKernel(HELLO, { reserve: 0x1000 }); // tables of levels 3, 2 and 1 are needed too
  const before = snapshotOf(kernel);
  const error = assertThrows(() => addContextSwitch(kernel), LoadError);
  assertEquals(error.code, "frames-exhausted");
  assertStringIncludes(error.message, "the context switch's page");
  assertEquals(snapshotOf(kernel), before);
});

Deno.test("what was not added to the kernel is refused", async () => {
  const kernel = await loadKernel(HELLO);
  const framebuffer = addFramebuffer(kernel, { phys: 0xfd00_0000, size: 0x1000 });
  const before = snapshotOf(kernel);
  for (
    const [options, message] of [
      [{ stack: 8n }, "pass what addKernelStack() returns"],
      [{ info: 8n }, "pass what writeBootInfo() returns"],
      [{ ramfb: 8 }, "pass what addFramebuffer() returns"],
      [{ ramfb: framebuffer }, 'its info must have 4 bytes per pixel and the format "bgr"'],
      [{ bootInfo: 8n }, 'the option "bootInfo"'],
    ] as const
  ) {
    assertThrows(() => addContextSwitch(kernel, options as never), TypeError, message);
  }
  assertEquals(snapshotOf(kernel), before);
});

/** Boots an image; what it prints on its serial port, its exit code, and the registers when it first is at `watch`. */
async function boot(bytes: Uint8Array, watch: bigint) {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/image.elf`, bytes);
    const command = new Deno.Command("qemu-system-x86_64", {
      args: [
        ..."-M q35 -accel tcg -cpu max -m 64 -display none -serial stdio -no-reboot".split(" "),
        ...["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-kernel", `${folder}/image.elf`],
        ...["-d", "cpu", "-D", `${folder}/log`, "-dfilter", `0x${watch.toString(16)}+1`],
      ],
      stdin: "null",
      signal: AbortSignal.timeout(20_000),
    });
    const { code, stdout } = await command.output();
    const log = await Deno.readTextFile(`${folder}/log`);
    return { code, serial: new TextDecoder().decode(stdout), registers: registersOf(log) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** QEMU's names for the registers, such as "RIP=ffffffff80000000" and "GDT=     0000000000203000 00000017". */
function registersOf(log: string): Readonly<Record<string, readonly bigint[]>> {
  const pairs = log.split("\n").slice(0, 30).join("\n").matchAll(/([A-Z0-9]+) ?= *((?:[0-9a-f]{4,16} ?)+)/g);
  return Object.fromEntries([...pairs].map(([, name, words]) => [
    name,
    words.trim().split(" ").map((word) => BigInt(`0x${word}`)),
  ]));
}

const RAMDISK = { bytes: new Uint8Array(5000).fill(7) };
const SCREEN = { phys: 0xfd00_0000, size: 0x30_0000 };
const GIB = 2 ** 30;

/** Everything that can be added, and the very bytes of memory that it takes. */
const RESERVE = kernelStackBytes() + directMapBytes({ size: GIB }) + framebufferBytes(SCREEN) + ramdiskBytes(RAMDISK) +
  bootInfoBytes() + contextSwitchBytes() + identityMapBytes({ size: 4 * GIB });

function addEverything(kernel: Omit<LoadedKernel, "usedLevel4Entries">) {
  const stack = addKernelStack(kernel);
  const directMap = addDirectMap(kernel, { size: GIB });
  const recursive = addRecursiveEntry(kernel);
  const framebuffer = addFramebuffer(kernel, SCREEN);
  const ramdisk = addRamdisk(kernel, RAMDISK);
  const info = writeBootInfo(kernel, { stack, directMap, recursive, framebuffer, ramdisk });
  const entry = addContextSwitch(kernel, { stack, info });
  addIdentityMap(kernel, { size: 4 * GIB });
  info.update();
  return { stack, info, entry };
}

const KERNELS = [
  { name: "hello", file: HELLO, options: {} },
  { name: "hello-pie", file: HELLO_PIE, options: { kernelBase: 0xffff_a000_0000_0000n } },
];

for (const { name, file, options } of KERNELS) {
  testWithTools(
    ["qemu-system-x86_64"],
    `${name} boots with everything in a reserve of its size, and cpuState() says how it is entered`,
    async () => {
      const kernel = await loadKernel(file, { ...options, plugins: [relocate()], reserve: RESERVE });
      const added = addEverything(kernel);
      const image = await new Response(ReadableStream.from(bootImage(kernel, { entry: added.entry }))).bytes();
      const { code, serial, registers } = await boot(image, kernel.entryPoint);
      assertStringIncludes(serial, "all checks passed");
      assertEquals(code, 33);

      const { cr0, cr3, cr4, efer, rip, rsp, rdi, gdt, cs, ds } = cpuState(kernel, added);
      const { RIP, RSP, RDI, CR0, CR3, CR4, EFER, GDT, CS, DS, SS } = registers;
      assertEquals([RIP[0], RSP[0], RDI[0]], [rip, rsp, rdi]);
      assertEquals([CR0[0], CR3[0], CR4[0], EFER[0]], [cr0, cr3, cr4, efer]);
      assertEquals(GDT, [gdt.base, BigInt(gdt.limit)]);
      assertEquals([CS[0], DS[0], SS[0]], [BigInt(cs), BigInt(ds), BigInt(ds)]);
    },
  );
}

Deno.test("everything can be added to a kernel that was loaded without the stage l4-usage", async () => {
  const pipeline = defaultPipeline.without("l4-usage");
  const kernel = await loadKernel(HELLO, { pipeline, reserve: RESERVE });
  assertEquals(kernel.usedLevel4Entries, undefined);
  const { stack, info } = addEverything(kernel);
  // Entries 0 and 511 are in use: the boot loader's, and the kernel's.
  assertEquals(stack.guardPage, 0x80_0000_0000n);
  assert(kernel.addressSpace.usedLevel4Entries.has(511));
  assert(info.address > stack.top);
});

Deno.test("everything fits into a reserve of its size, beside a kernel at low addresses too", async () => {
  for (const p_vaddr of [0x40_0000n, 0xffff_ffff_8000_0000n]) {
    const file = buildElf({ segments: [{ p_vaddr, filesz: 0x1800 }] });
    addEverything(await loadKernel(file, { reserve: RESERVE }));
  }
});

const LOW_KERNEL = buildElf({
  segments: [{ filesz: 0x100, p_vaddr: 0x40_0000n, p_memsz: 0x10_0000n, p_flags: 7 }],
});

for (const [base, page] of [[0x10_0000, 0x10_0000], [0x1_0000, 0x10_0000], [0, 0x10_0000]] as const) {
  Deno.test(`a kernel that is linked where the next frame lies gets a page below its file, memory at ${base}`, async () => {
    const kernel = await loadKernel(LOW_KERNEL, { memory: { base }, kernelOffset: 0x30_0000 });
    assert(kernel.pageTable.translate(BigInt(kernel.nextFrame)).mapped);
    assertEquals(addContextSwitch(kernel).page, page); // above what a PC's firmware has
    const leaf = kernel.pageTable.translate(BigInt(page));
    assertEquals(leaf, { mapped: true, phys: page, pageSize: 4096, flags: 1n });
    const owned = kernel.frameRuns().filter(({ owner }) => owner === "context-switch");
    assertEquals(owned, [{ phys: page, size: 4096, owner: "context-switch" }]);
  });
}

Deno.test("a kernel that is linked elsewhere gets the next frame", async () => {
  const kernel = await loadKernel(LOW_KERNEL, { memory: { base: 0x100_0000 } });
  const next = kernel.nextFrame;
  assertEquals(addContextSwitch(kernel).page, next);
});
