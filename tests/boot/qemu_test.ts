import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { bootImage } from "../../boot/image.ts";
import type { ByteReader } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { hasTool, runTool, testWithTools } from "../tools.ts";
import { bootKernel, example, loadBootable, MACHINES, qemu, SUCCESS } from "./boot.ts";

const QEMU = "qemu-system-x86_64";
const HIGH_BASES = [0xffff_8000_0000_0000n, 0xffff_ffff_8000_0000n];

const machines = Object.entries(MACHINES) as [keyof typeof MACHINES, string][];

for (const [machine, protocol] of machines) {
  testWithTools([QEMU], `hello boots on ${machine} by ${protocol}, and passes its own checks`, async () => {
    const { status, serial } = await bootKernel(await loadBootable(await example("hello.elf")), machine);
    assertStringIncludes(serial, "Hello from the higher half!\n");
    assertStringIncludes(serial, "writing below the stack faults ... ok\n");
    assertStringIncludes(serial, "all checks passed\n");
    assertEquals(status, SUCCESS);
  });

  for (const base of HIGH_BASES) {
    testWithTools([QEMU], `hello-pie boots at 0x${base.toString(16)} on ${machine} by ${protocol}`, async () => {
      const bootable = await loadBootable(await example("hello-pie.elf"), base);
      assertEquals(bootable.kernel.virtualAddressOffset, base);
      const { status, serial } = await bootKernel(bootable, machine);
      assertStringIncludes(serial, "all checks passed\n");
      assertEquals(status, SUCCESS);
    });
  }
}

for (const [machine] of machines) {
  testWithTools([QEMU], `hello-pie boots on ${machine} at the base that the loader chooses`, async () => {
    const bootable = await loadBootable(await example("hello-pie.elf"));
    assertEquals(bootable.kernel.virtualAddressOffset, 0x80_0000_0000n);
    const { status, serial } = await bootKernel(bootable, machine);
    assertStringIncludes(serial, "Hello from the lower half!\n");
    assertStringIncludes(serial, "all checks passed\n");
    assertEquals(status, SUCCESS);
  });
}

// grub-mkrescue makes what it has the modules for: without those of grub-pc-bin, nothing that a BIOS boots.
const hasPcModules = await Deno.stat("/usr/lib/grub/i386-pc").then(() => true, () => false);
const GRUB = ["grub-mkrescue", "xorriso", "mformat", ...(hasPcModules ? [] : ["grub-pc-bin"])];

testWithTools([QEMU, ...GRUB], "GRUB boots an image from an ISO by multiboot", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/iso/boot/grub`, { recursive: true });
    const { kernel, entry } = await loadBootable(await example("hello.elf"));
    await Deno.writeFile(`${folder}/iso/boot/boot.elf`, ReadableStream.from(bootImage(kernel, { entry })));
    await Deno.writeTextFile(`${folder}/iso/boot/grub/grub.cfg`, "multiboot /boot/boot.elf\nboot\n");
    await runTool("grub-mkrescue", ["-o", `${folder}/boot.iso`, `${folder}/iso`]);
    const { status, serial } = await qemu(["-M", "q35", "-m", "128", "-cdrom", `${folder}/boot.iso`]);
    assertStringIncludes(serial, "all checks passed\n");
    assertEquals(status, SUCCESS);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const DATA_SIZE = 200 * 2 ** 20;
const BSS_SIZE = 2 ** 30;
const TEXT = 0xffffffff_80000000n;
const DATA = TEXT + 0x1000n;
const FILL = 7;

/** Checks the last byte of the file part and of .bss, writes to that one, and says how it went. */
function checkEnds(): Uint8Array<ArrayBuffer> {
  const address = (value: bigint) => new Uint8Array(new BigUint64Array([value]).buffer);
  return new Uint8Array([
    ...[0x48, 0xb8, ...address(DATA + BigInt(DATA_SIZE) - 1n)], // mov $…, %rax
    ...[0x80, 0x38, FILL, 0x75, 0x18], // cmpb $7, (%rax); jne failed
    ...[0x48, 0xb8, ...address(DATA + BigInt(DATA_SIZE + BSS_SIZE) - 1n)], // mov $…, %rax
    ...[0x80, 0x38, 0, 0x75, 0x09], // cmpb $0, (%rax); jne failed
    ...[0xc6, 0x00, 1], // movb $1, (%rax)
    ...[0xb0, 0x10, 0xe6, 0xf4, 0xeb, 0xfe], // mov $0x10, %al; out %al, $0xf4; jmp .
    ...[0xb0, 0x20, 0xe6, 0xf4, 0xeb, 0xfe], // failed: the same with 0x20
  ]);
}

/** The large kernel, which never is in memory as a whole file. */
function largeKernel(): ByteReader {
  const head = buildElf({
    header: { e_entry: TEXT },
    segments: [
      { p_vaddr: TEXT, offset: 0x1000, data: checkEnds() },
      { p_vaddr: DATA, offset: 0x2000, filesz: 0, p_memsz: BigInt(DATA_SIZE + BSS_SIZE), p_flags: 6 },
    ],
    length: 0x2000,
  });
  new DataView(head.buffer).setBigUint64(64 + 56 + 32, BigInt(DATA_SIZE), true); // p_filesz of the second
  let at = 0;
  return {
    read: (buffer) => {
      const count = Math.min(buffer.length, head.length + DATA_SIZE - at);
      if (count === 0) return null;
      const piece = head.subarray(at, at + count);
      buffer.set(piece);
      buffer.fill(FILL, piece.length, count);
      at += count;
      return count;
    },
  };
}

for (const [machine, protocol] of machines) {
  testWithTools(
    [QEMU],
    `a kernel with 200 MB of file and 1 GiB of .bss boots on ${machine} by ${protocol}`,
    async () => {
      const bootable = await loadBootable(largeKernel());
      const size = [...bootImage(bootable.kernel, { entry: bootable.entry })].reduce(
        (sum, { length }) => sum + length,
        0,
      );
      assert(size < DATA_SIZE + 4 * 2 ** 20, "but for headers and page tables, the image is the file's content");
      assertEquals((await bootKernel(bootable, machine)).status, SUCCESS);
    },
  );
}

if (!hasTool(QEMU)) console.warn(`no ${QEMU}: nothing was booted`);
