/** The trampoline as GNU binutils disassembles it and as QEMU runs it, and where its page can lie. */

import { assert, assertEquals, assertObjectMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { cpuState } from "../../boot/cpu_state.ts";
import { LoadError, loadKernel, physicalMemory as memoryOver } from "../../mod.ts";
import { bootInfo } from "../../plugins/boot_info.ts";
import { contextSwitch } from "../../plugins/context_switch.ts";
import { encodeTrampoline } from "../../plugins/context_switch/trampoline.ts";
import { framebuffer } from "../../plugins/framebuffer.ts";
import { kernelStack } from "../../plugins/kernel_stack.ts";
import { physicalMemory } from "../../plugins/physical_memory.ts";
import { ramdisk } from "../../plugins/ramdisk.ts";
import { recursive } from "../../plugins/recursive.ts";
import { relocate } from "../../plugins/relocate.ts";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";

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
  const kernel = await loadKernel(HELLO, { plugins: [contextSwitch()] });
  const { page, entry32, gdt, codeSelector, dataSelector } = kernel.results["context-switch"].contextSwitch;
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
  const options = { memory: { base: 0x20_0000 }, kernelOffset: 0x20_0000, plugins: [contextSwitch()] } as const;
  const error = await assertRejects(() => loadKernel(file, options), LoadError);
  assertObjectMatch(error, { code: "page-already-mapped", detail: { otherIndex: 0 } });
  assertStringIncludes(error.message, "context switch's page");
  assertStringIncludes(error.message, "program header 0, which covers 0x210000..0x220000");
});

Deno.test("a page or a level-4 table above 4 GiB is refused", async () => {
  const base = 2 ** 32 - 0x1000;
  const above = memoryOver({ base: base + 0x1000, buffer: new ArrayBuffer(0x40_0000) });
  const load = () => loadKernel(HELLO, { memory: above, plugins: [contextSwitch()] });
  assertStringIncludes(await causeOf(load), "the level-4 table is at 0x1");
  const across = memoryOver({ base, buffer: new ArrayBuffer(0x40_0000) });
  const options = { memory: across, level4Frame: base, kernelOffset: base + 0x1000 };
  const page = () => loadKernel(HELLO, { ...options, plugins: [contextSwitch()] });
  assertStringIncludes(await causeOf(page), "the context switch's page is at 0x1");
});

async function causeOf(load: () => Promise<unknown>): Promise<string> {
  const { code, cause } = await assertRejects(load, LoadError);
  assertEquals(code, "plugin-failed");
  assert(cause instanceof RangeError);
  return cause.message;
}

interface Bootable {
  readonly memory: { readonly bytes: (address: number, length: number) => Uint8Array };
  readonly frameRuns: () => readonly { readonly phys: number; readonly size: number }[];
}

/** A 32-bit ELF file with a Multiboot header that puts every frame of a load at its place. */
function image({ memory, frameRuns }: Bootable, entry: number): Uint8Array {
  const runs = frameRuns();
  const headers = 52 + 32 * runs.length;
  const multiboot = headers + (-headers & 3);
  const start = (multiboot + 12 + 4095) & ~4095;
  const file = new Uint8Array(start + runs.reduce((sum, { size }) => sum + size, 0));
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  const words = (at: number, values: readonly number[]) => {
    values.forEach((value, index) => view.setUint32(at + index * 4, value, true));
  };
  words(16, [3 << 16 | 2, 1, entry, 52, 0, 0, 32 << 16 | 52, runs.length]);
  words(multiboot, [0x1bad_b002, 0, -0x1bad_b002]);
  let offset = start;
  runs.forEach(({ phys, size }, index) => {
    words(52 + index * 32, [1, offset, phys, phys, size, size, 7, 4096]);
    file.set(memory.bytes(phys, size), offset);
    offset += size;
  });
  return file;
}

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

/** QEMU's words for the registers, such as "RIP=ffffffff80000000" and "GDT=     0000000000203000 00000017". */
function registersOf(log: string): Readonly<Record<string, readonly bigint[]>> {
  const pairs = log.split("\n").slice(0, 30).join("\n").matchAll(/([A-Z0-9]+) ?= *((?:[0-9a-f]{4,16} ?)+)/g);
  return Object.fromEntries([...pairs].map(([, name, words]) => [
    name,
    words.trim().split(" ").map((word) => BigInt(`0x${word}`)),
  ]));
}

const EVERYTHING = () =>
  [
    relocate(),
    kernelStack(),
    physicalMemory({ size: 64 * 2 ** 20 }),
    recursive(),
    framebuffer({ phys: 0xfd00_0000, size: 0x30_0000 }),
    ramdisk({ bytes: new Uint8Array(5000).fill(7) }),
    bootInfo(),
    contextSwitch(),
  ] as const;

const KERNELS = [
  { name: "hello", file: HELLO, options: {} },
  { name: "hello-pie", file: HELLO_PIE, options: { kernelBase: 0xffff_a000_0000_0000n } },
];

for (const { name, file, options } of KERNELS) {
  testWithTools(
    ["qemu-system-x86_64"],
    `${name} boots with every plugin, and cpuState() says how it is entered`,
    async () => {
      const kernel = await loadKernel(file, { ...options, plugins: EVERYTHING() });
      const bytes = image(kernel, kernel.results["context-switch"].contextSwitch.entry32);
      const { code, serial, registers } = await boot(bytes, kernel.entryPoint);
      assertStringIncludes(serial, "all checks passed");
      assertEquals(code, 33);

      const { cr0, cr3, cr4, efer, rip, rsp, rdi, gdt, cs, ds } = cpuState(kernel);
      const { RIP, RSP, RDI, CR0, CR3, CR4, EFER, GDT, CS, DS, SS } = registers;
      assertEquals([RIP[0], RSP[0], RDI[0]], [rip, rsp, rdi]);
      assertEquals([CR0[0], CR3[0], CR4[0], EFER[0]], [cr0, cr3, cr4, efer]);
      assertEquals(GDT, [gdt.base, BigInt(gdt.limit)]);
      assertEquals([CS[0], DS[0], SS[0]], [BigInt(cs), BigInt(ds), BigInt(ds)]);
    },
  );
}

Deno.test("a kernel that is linked where the next frame lies gets the lowest page below its file", async () => {
  const file = buildElf({ segments: [{ filesz: 0x100, p_vaddr: 0x40_0000n, p_memsz: 0x10_0000n, p_flags: 7 }] });
  const load = (base: number) => loadKernel(file, { memory: { base }, plugins: [contextSwitch()] });
  const kernel = await load(0x10_0000);
  assertEquals(kernel.results["context-switch"].contextSwitch.page, 0x10_0000);
  const leaf = kernel.pageTable.translate(0x10_0000n);
  assertEquals(leaf, { mapped: true, phys: 0x10_0000, pageSize: 4096, flags: 1n });
  const owned = kernel.frameRuns().filter(({ owner }) => owner === "context-switch");
  assertEquals(owned, [{ phys: 0x10_0000, size: 4096, owner: "context-switch" }]);
  // Elsewhere the next frame's own address is free.
  const { page } = (await load(0x100_0000)).results["context-switch"].contextSwitch;
  assert(page > 0x120_0000);
});
