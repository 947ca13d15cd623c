/** The framebuffer that QEMU's device ramfb shows: the code as GNU binutils disassembles it, and the pixels on the screen. */

import { assertEquals, assertThrows } from "@std/assert";
import { addContextSwitch } from "../../boot/context_switch.ts";
import { encodeRamfb } from "../../boot/context_switch/ramfb.ts";
import { addFramebuffer } from "../../boot/framebuffer.ts";
import { bootImage } from "../../boot/image.ts";
import { loadKernel } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";

const QEMU = "qemu-system-x86_64";
const AT = 0x20_3022;
const INFO = { width: 1024, height: 768, pixelFormat: "bgr", bytesPerPixel: 4, stride: 1024 } as const;

testWithTools(["objdump"], "the code for ramfb is the instructions that are meant, around its data", async () => {
  const bytes = Uint8Array.from(encodeRamfb(AT, { phys: 0x1_2345_6000, info: INFO }));
  const file = await Deno.makeTempFile();
  try {
    const code = 2 + 64 + 10 + 28 + 16; // a jump, an entry of the list, the name, what ramfb gets, and a DMA access
    assertEquals([...bytes.subarray(0, 2)], [0xeb, code - 2]); // jmp
    assertEquals(new TextDecoder().decode(bytes.subarray(66, 76)), "etc/ramfb\0");
    const view = new DataView(bytes.buffer);
    assertEquals(view.getBigUint64(76), 0x1_2345_6000n);
    assertEquals(new TextDecoder().decode(bytes.subarray(84, 88).toReversed()), "XR24");
    assertEquals([88, 92, 96, 100].map((at) => view.getUint32(at)), [0, 1024, 768, 4096]);
    assertEquals([104, 108].map((at) => view.getUint32(at)), [0x18, 28]); // select and write
    assertEquals(view.getBigUint64(112), BigInt(AT + 76));
    await Deno.writeFile(file, bytes.subarray(code));
    const args = ["-D", "-b", "binary", "-m", "i386", "-M", "intel", `--adjust-vma=${AT + code}`, file];
    const lines = (await runTool("objdump", args)).split("\n").map((line) => line.split("\t"));
    const hex = (offset: number): string => `0x${(AT + offset).toString(16)}`;
    const search = 33 + 24; // after what reads the signature, and what reads the number of files
    const number = Array(3).fill(["in al,dx", "shl eax,0x8"]).flat().concat("in al,dx");
    assertEquals(lines.filter((parts) => parts.length > 2).map((parts) => parts[2].trim().replace(/ +/g, " ")), [
      ...["mov edx,0x510", "mov eax,0x0", "out dx,ax", "inc edx", ...number],
      ...["cmp eax,0x51454d55", `jne ${hex(bytes.length)}`], // "QEMU"
      ...["dec edx", "mov eax,0x19", "out dx,ax", "inc edx", ...number, "mov ebx,eax"],
      ...["test ebx,ebx", `je ${hex(bytes.length)}`, "dec ebx"],
      ...[`mov edi,${hex(2)}`, "mov ecx,0x40", "rep ins BYTE PTR es:[edi],dx"],
      ...[`mov esi,${hex(2 + 8)}`, `mov edi,${hex(66)}`, "mov ecx,0xa"],
      ...["repz cmps BYTE PTR ds:[esi],BYTE PTR es:[edi]", `jne ${hex(code + search)}`],
      ...[`mov ax,ds:${hex(2 + 4)}`, `mov ds:${hex(104)},ax`, "mov edx,0x514", "xor eax,eax", "out dx,eax"],
      ...["add edx,0x4", `mov eax,0x${reversed(AT + 104)}`, "out dx,eax"],
    ]);
  } finally {
    await Deno.remove(file);
  }
});

/** A number of 32 bits in hex, its bytes in reverse. */
function reversed(value: number): string {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, value);
  return view.getUint32(0, true).toString(16);
}

const VIRT = 0xffff_9000_0000_0000n;
const TEXT = 0xffff_ffff_8000_0000n;
const [WIDTH, HEIGHT] = [320, 200];
const HALF = WIDTH * HEIGHT / 2;

/** Paints the upper half of the screen in one color and the lower half in another, and says so on the serial port. */
function painter(upper: number, lower: number): Uint8Array<ArrayBuffer> {
  const u32 = (value: number) => new Uint8Array(new Uint32Array([value]).buffer);
  const code = [
    ...[0x48, 0xbf, ...new Uint8Array(new BigUint64Array([VIRT]).buffer)], // mov $VIRT, %rdi
    ...[0xb8, ...u32(upper), 0xb9, ...u32(HALF), 0xf3, 0xab], // mov $upper, %eax; mov $HALF, %ecx; rep stosl
    ...[0xb8, ...u32(lower), 0xb9, ...u32(HALF), 0xf3, 0xab],
    ...[0x66, 0xba, 0xf8, 0x03, 0xb0, 0x64, 0xee], // mov $0x3f8, %dx; mov $'d', %al; out %al, (%dx)
    ...[0xf4, 0xeb, 0xfd], // hlt; jmp .-1
  ];
  const segments = [{ p_vaddr: TEXT, data: Uint8Array.from(code) }];
  return buildElf({ header: { e_entry: TEXT }, segments });
}

/** Boots an image with a ramfb, and takes a picture of the screen once the guest has written to its serial port. */
async function screenOf(image: Uint8Array, args: readonly string[]): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/boot.elf`, image);
    const machine = ["-accel", "tcg", "-m", "64", "-display", "none", "-no-reboot", "-kernel", `${folder}/boot.elf`];
    const qemu = new Deno.Command(QEMU, {
      args: [...machine, ...args, "-monitor", "stdio", "-serial", `file:${folder}/serial`],
      stdin: "piped",
      stdout: "null",
      signal: AbortSignal.timeout(30_000),
    }).spawn();
    for (let size = 0; size === 0;) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      size = (await Deno.stat(`${folder}/serial`).catch(() => ({ size: 0 }))).size;
    }
    const monitor = qemu.stdin.getWriter();
    await monitor.write(new TextEncoder().encode(`screendump ${folder}/screen.ppm\nquit\n`));
    await qemu.status;
    await monitor.close().catch(() => {});
    return await Deno.readFile(`${folder}/screen.ppm`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const machine of ["q35", "pc"]) {
  testWithTools([QEMU], `what a kernel paints is on the screen of ramfb, on ${machine}`, async () => {
    const pixels = { width: WIDTH, height: HEIGHT, pixelFormat: "bgr", bytesPerPixel: 4, stride: WIDTH } as const;
    const size = WIDTH * HEIGHT * 4;
    const kernel = await loadKernel(painter(0x0012_3456, 0x00fe_dcba), {
      memory: { base: 0x10_0000 },
      reserve: 2 ** 20,
    });
    const phys = kernel.addressSpace.allocateFrames(Math.ceil(size / 4096), "framebuffer");
    const framebuffer = addFramebuffer(kernel, { phys, size, address: VIRT, info: pixels });
    const entry = addContextSwitch(kernel, { ramfb: framebuffer });
    const image = await new Response(ReadableStream.from(bootImage(kernel, { entry }))).bytes();
    const screen = await screenOf(image, ["-M", machine, "-vga", "none", "-device", "ramfb"]);
    // PPM: red, green, blue
    const header = `P6\n${WIDTH} ${HEIGHT}\n255\n`;
    assertEquals(new TextDecoder().decode(screen.subarray(0, header.length)), header);
    const painted = screen.subarray(header.length);
    assertEquals(painted.length, WIDTH * HEIGHT * 3);
    const expected = Uint8Array.from({ length: painted.length }, (_, at) => {
      return (at < HALF * 3 ? [0x12, 0x34, 0x56] : [0xfe, 0xdc, 0xba])[at % 3];
    });
    assertEquals(painted, expected);
  });
}

Deno.test("a framebuffer that ramfb does not show is refused", async () => {
  const kernel = await loadKernel(painter(0, 0));
  const info = { width: 16, height: 16, pixelFormat: "bgr", bytesPerPixel: 4, stride: 16 } as const;
  const ramfb = addFramebuffer(kernel, { phys: 0x1000_0000, size: 16 * 16 * 4, info });
  for (const [side, size] of [["width", 15], ["width", 16_001], ["height", 0], ["height", 12_001]] as const) {
    const wrong = { ...ramfb, info: { ...info, [side]: size } };
    assertThrows(
      () => addContextSwitch(kernel, { ramfb: wrong }),
      RangeError,
      `as ramfb.info.${side}: QEMU supports 16`,
    );
  }
});

testWithTools(
  [QEMU],
  "without the device, and without QEMU's fw_cfg list naming it, the kernel runs all the same",
  async () => {
    const kernel = await loadKernel(painter(0, 0), { memory: { base: 0x10_0000 }, reserve: 2 ** 20 });
    const phys = kernel.addressSpace.allocateFrames(Math.ceil(WIDTH * HEIGHT * 4 / 4096), "framebuffer");
    const info = { width: WIDTH, height: HEIGHT, pixelFormat: "bgr", bytesPerPixel: 4, stride: WIDTH } as const;
    const framebuffer = addFramebuffer(kernel, { phys, size: WIDTH * HEIGHT * 4, address: VIRT, info });
    const entry = addContextSwitch(kernel, { ramfb: framebuffer });
    const image = await new Response(ReadableStream.from(bootImage(kernel, { entry }))).bytes();
    await screenOf(image, ["-M", "q35"]);
  },
);
