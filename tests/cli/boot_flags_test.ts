/** What the flags give a kernel, as guests of a few instructions find it by the boot information. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { testWithTools } from "../tools.ts";
import { kload, kloadJson, type Run, start, withFile } from "./kload.ts";

const QEMU = "qemu-system-x86_64";
const TEXT = 0xffffffff_80000000n;

// Offsets in the boot information, as docs/boot_info.md has them: in each the value of an Optional, or a number.
const FRAMEBUFFER = 24 + 8;
const PHYSICAL_MEMORY = 88 + 8;
const RAMDISK = 160 + 8;
const RAMDISK_LEN = 176;
const STACK_LEN = 216;

/** Where the first byte of the guests' text is in physical memory: readelf: file offset 0x1000; the file is at 3 MiB. */
const TEXT_PHYS = 0x30_1000;

const u32 = (value: number): readonly number[] => [...new Uint8Array(new Uint32Array([value]).buffer)];

/** `mov offset(%rdi), %rax`: a field of the boot information. */
const field = (offset: number): readonly number[] => [0x48, 0x8b, 0x87, ...u32(offset)];
const OUT = [0xe6, 0xf4, 0xeb, 0xfe]; // out %al, $0xf4; jmp .
const FIRST = 0x48; // the first byte of `field`

function guest(code: readonly number[], ...more: readonly SegmentSpec[]): Uint8Array<ArrayBuffer> {
  const text: SegmentSpec = { p_vaddr: TEXT, data: Uint8Array.from(code) };
  return buildElf({ header: { e_entry: TEXT }, segments: [text, ...more] });
}

async function run(kernel: Uint8Array, ...args: string[]): Promise<Run> {
  let result: Run | undefined;
  await withFile("kernel.elf", kernel, async (path) => {
    result = await kload(["run", path, ...args]);
  });
  return result!;
}

/** The status that the guest's byte makes: QEMU's own, or 0 for success. */
const statusFor = (byte: number): number => byte === 0x10 ? 0 : (byte << 1 & 0xff) | 1;

/** `mov TEXT_PHYS(%rax), %al`. */
const LOAD_TEXT = [0x8a, 0x80, ...u32(TEXT_PHYS)];

for (const flag of ["--physical-memory", "--physical-memory=0xffff888000000000"]) {
  testWithTools([QEMU], `${flag} maps all of physical memory, and the boot information has its offset`, async () => {
    const { status } = await run(guest([...field(PHYSICAL_MEMORY), ...LOAD_TEXT, ...OUT]), flag);
    assertEquals(status, statusFor(FIRST));
    if (!flag.includes("=")) return;
    assertEquals((await run(guest([...field(PHYSICAL_MEMORY + 5), ...OUT]), flag)).status, statusFor(0x88));
  });
}

testWithTools([QEMU], "--identity maps physical memory at its own addresses, devices too", async () => {
  // mov TEXT_PHYS, %al; at 0xfee00030 the local APIC has its version
  const memory = guest([0x48, 0x31, 0xc0, ...LOAD_TEXT, ...OUT]);
  assertEquals((await run(memory, "--identity")).status, statusFor(FIRST));
  const apic = guest([0xb8, ...u32(0xfee0_0030), 0x8b, 0x00, ...OUT]); // mov $…, %eax; mov (%rax), %eax
  assertEquals((await run(apic, "--identity")).status, statusFor(0x14)); // Intel SDM vol. 3: 0x14, an integrated APIC
  assertEquals((await run(memory)).status, 3);
});

testWithTools([QEMU], "--ramdisk gives the kernel a file's bytes", async () => {
  await withFile("disk.img", new Uint8Array([0x21, 0x22, 0x23]), async (path) => {
    const byte = (at: number) => guest([...field(RAMDISK), 0x8a, 0x40, at, ...OUT]); // mov at(%rax), %al
    for (const at of [0, 1, 2]) {
      assertEquals((await run(byte(at), "--ramdisk", path)).status, statusFor(0x21 + at));
    }
    assertEquals((await run(guest([...field(RAMDISK_LEN), ...OUT]), "--ramdisk", path)).status, statusFor(3));
  });
});

testWithTools([QEMU], "--stack-size is the size of the stack, down to its last byte", async () => {
  // mov STACK_LEN + 2(%rdi), %al: the size in units of 64 KiB
  const size = guest([0x8a, 0x87, ...u32(STACK_LEN + 2), ...OUT]);
  assertEquals((await run(size, "--stack-size", "4M")).status, statusFor(64));
  // movb $0x10, -0x3ffff8(%rsp): RSP is 8 below the top; mov -0x3ffff8(%rsp), %al
  const low = guest([0xc6, 0x84, 0x24, ...u32(-0x3f_fff8), 0x10, 0x8a, 0x84, 0x24, ...u32(-0x3f_fff8), ...OUT]);
  assertEquals((await run(low, "--stack-size", "4M")).status, 0);
});

const PAINT = [
  ...field(FRAMEBUFFER),
  ...[0x48, 0x89, 0xc7, 0xb9, ...u32(640 * 480), 0xb8, ...u32(0x12_3456), 0xf3, 0xab], // mov %rax, %rdi; … rep stosl
  ...[0x66, 0xba, 0xf8, 0x03, 0xb0, 0x64, 0xee, 0xeb, 0xfe], // mov $0x3f8, %dx; mov $'d', %al; out %al, (%dx); jmp .
];

testWithTools([QEMU], "--framebuffer gives the kernel pixels that QEMU shows", async () => {
  await withFile("kernel.elf", guest(PAINT), async (path, folder) => {
    const monitor = ["--", "-monitor", `unix:${folder}/monitor,server=on,wait=off`];
    const child = start(["run", path, "--framebuffer", "640x480", "--timeout", "20", ...monitor]);
    const said = await child.stdout.getReader().read();
    assertEquals(said.value, new TextEncoder().encode("d"));
    const connection = await Deno.connect({ transport: "unix", path: `${folder}/monitor` });
    await connection.write(new TextEncoder().encode(`screendump ${folder}/screen.ppm\nquit\n`));
    await new Response(connection.readable).text();
    await child.status;
    await child.stderr.cancel();
    const screen = await Deno.readFile(`${folder}/screen.ppm`);
    const header = "P6\n640 480\n255\n";
    assertEquals(new TextDecoder().decode(screen.subarray(0, header.length)), header);
    const pixels = screen.subarray(header.length);
    assertEquals(pixels.length, 640 * 480 * 3);
    assert(pixels.every((byte, at) => byte === [0x12, 0x34, 0x56][at % 3]));
  });
});

/** A PT_GNU_STACK header that asks for a stack of so many bytes. */
const stack = (p_memsz: bigint): SegmentSpec => ({ p_type: 0x6474_e551, p_flags: 6, offset: 0, p_vaddr: 0n, p_memsz });

const SIZES: readonly (readonly [what: string, p_memsz: bigint, args: readonly string[], size: number])[] = [
  ["without a size", 0n, [], 80 * 1024],
  ["of 1 MiB", 0x10_0000n, [], 0x10_0000],
  ["of a byte", 1n, [], 4096],
  ["of 5000 bytes", 5000n, [], 4992],
  ["of 1 MiB, and a flag", 0x10_0000n, ["--stack-size", "64K"], 0x1_0000],
  ["of 1 MiB, which no plugin heeds", 0x10_0000n, ["--no-plugin", "stack"], 80 * 1024],
  ["beyond all bounds, which no plugin heeds", 2n ** 40n, ["--no-plugin", "stack"], 80 * 1024],
  ["beyond all bounds, and a flag", 2n ** 40n, ["--stack-size", "64K"], 0x1_0000],
];

for (const [what, p_memsz, args, size] of SIZES) {
  Deno.test(`a PT_GNU_STACK header ${what}: the stack has ${size} bytes`, async () => {
    await withFile("kernel.elf", guest([0xeb, 0xfe], stack(p_memsz)), async (path, folder) => {
      const { status, json } = await kloadJson(["dump", "--core", path, "-o", `${folder}/core`, ...args]);
      assertEquals(status, 0, JSON.stringify(json));
      // The stack is at the first free addresses, one page above their start.
      assertEquals(BigInt(json.rsp), 0x80_0000_0000n + 0x1000n + BigInt(size) - 8n);
    });
  });
}

Deno.test("a stack that a header asks for, and that is larger than --max-memory, is refused by name", async () => {
  await withFile("kernel.elf", guest([0xeb, 0xfe], stack(2n ** 40n)), async (path, folder) => {
    const { status, stderr } = await kload(["image", path, "-o", `${folder}/boot.elf`]);
    assertEquals(status, 1);
    const text = stderr.replaceAll(/\s+/g, " ");
    assertStringIncludes(text, "error[memory-limit-exceeded]: Cannot load program header 1: p_memsz, the requested");
    assertStringIncludes(text, "more than maxMemory (0x100000000)");
    assertStringIncludes(text, "raise --max-memory");
  });
});

Deno.test("a kernel whose parts do not fit into --max-memory is not ready to boot, and the hint says what helps", async () => {
  await withFile("kernel.elf", guest([0xeb, 0xfe]), async (path, folder) => {
    const args = ["--stack-size", "4M", "--max-memory", "5M"];
    const { status, stderr } = await kload(["image", path, "-o", `${folder}/boot.elf`, ...args]);
    assertEquals(status, 1);
    assertMatch(stderr, /kernel\.elf: loaded, but not ready to boot\n/);
    assertMatch(stderr, /error\[frames-exhausted\]: Cannot allocate frames for the kernel stack/);
    assertMatch(stderr, /hint: Raise --max-memory, or use a smaller stack/);
    assert(!stderr.includes("--rules"), "no rules would help");
    await Deno.stat(`${folder}/boot.elf`).then(() => assert(false, "a file was written"), () => {});
  });
});

Deno.test("a kernel that needs more memory than a machine has in one piece is loaded, and cannot be booted", async () => {
  const large: SegmentSpec = { p_vaddr: 0xffff_8000_0000_0000n, offset: 0, p_memsz: 3n * 2n ** 30n, p_flags: 6 };
  await withFile("kernel.elf", guest([0xeb, 0xfe], large), async (path, folder) => {
    const { status, stderr } = await kload(["image", path, "-o", `${folder}/boot.elf`]);
    assertEquals(status, 1);
    assertMatch(stderr, /loaded, but not ready to boot\nerror\[not-bootable\]: Cannot boot the kernel: the last page/);
    assertStringIncludes(stderr.replaceAll(/\s+/g, " "), "contiguous memory only up to 2.75 GiB");
    assertEquals((await kload(["dump", "--core", path, "-o", `${folder}/core`])).status, 0);
  });
});

Deno.test("physical memory that is to be mapped over the kernel is refused by its name", async () => {
  await withFile("kernel.elf", guest([0xeb, 0xfe]), async (path, folder) => {
    const args = ["image", path, "-o", `${folder}/boot.elf`, "--physical-memory=0xffffffff00000000"];
    const { status, stderr } = await kload(args);
    assertEquals(status, 1);
    assertStringIncludes(stderr, "error[page-already-mapped]: Cannot map the direct map's page 0xffffffff80000000");
  });
});

Deno.test("--strict makes the status 1 if there is a warning, for image and dump", async () => {
  const executable: SegmentSpec = { p_type: 0x6474_e551, p_flags: 7, offset: 0, p_vaddr: 0n };
  await withFile("kernel.elf", guest([0xeb, 0xfe], executable), async (path, folder) => {
    for (const command of [["image"], ["dump", "--core"]]) {
      const args = [...command, path, "-o", `${folder}/out`];
      assertEquals((await kload(args)).status, 0);
      const { status, stdout } = await kload([...args, "--strict"]);
      assertEquals(status, 1);
      assertStringIncludes(stdout, "warning[stack-executable]");
    }
  });
});
