import { assertEquals, assertRejects } from "@std/assert";
import { PT_NOTE, SHT_SYMTAB } from "../../core/elf/constants.ts";
import { readModel } from "../../core/file/file_model.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import { LoadError } from "../../mod.ts";
import { bootboot } from "../../protocols/bootboot.ts";
import { hermit } from "../../protocols/hermit.ts";
import { recognizeProtocols } from "../../protocols/mod.ts";
import { recognizeFile } from "../../protocols/recognize.ts";
import { uefi } from "../../protocols/uefi.ts";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { recognized } from "./recognized.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A note: the sizes of name and descriptor, the type, and both, padded to 4 bytes. */
function note(owner: string, type: number, descriptor: readonly number[]): Bytes {
  const name = new TextEncoder().encode(`${owner}\0`);
  const bytes = new Uint8Array(12 + Math.ceil(name.length / 4) * 4 + Math.ceil(descriptor.length / 4) * 4);
  const view = new DataView(bytes.buffer);
  [name.length, descriptor.length, type].forEach((value, index) => view.setUint32(4 * index, value, true));
  bytes.set(name, 12);
  bytes.set(descriptor, 12 + Math.ceil(name.length / 4) * 4);
  return bytes;
}

function withNotes(...notes: readonly Bytes[]): Bytes {
  return buildElf({
    segments: [
      { filesz: 0x100 },
      ...notes.map((data, index) => ({
        ...{ p_type: PT_NOTE, offset: 0x2000 + 0x100 * index, data, p_align: 4n },
      })),
    ],
  });
}

Deno.test("Hermit: the note with its entry version, wherever it is", async () => {
  const found = { name: "hermit" as const, offset: 0x2100, entryVersion: 4 };
  const file = withNotes(note("GNU", 3, [1, 2, 3, 4]), note("HERMIT", 0x5a00, [4]));
  const summary = "Hermit: note at file offset 0x2100, entry version 4";
  assertEquals(await recognized(hermit, file), { ...found, summary });
  const bare = await recognized(hermit, withNotes(note("HERMIT", 0x5a00, [])));
  assertEquals(bare?.summary, "Hermit: note at file offset 0x2000, without an entry version");
});

Deno.test("Hermit: other owners and types are not it", async () => {
  for (const other of [note("Hermit", 0x5a00, [4]), note("HERMIT", 0x5a01, [4]), note("GNU", 0x5a00, [4])]) {
    assertEquals(await recognized(hermit, withNotes(other)), undefined);
  }
});

/** The headers of a PE32+ image. */
function peImage({ signature = 0x40, subsystem = 10, machine = 0x8664, magic = 0x20b, optional = 240 } = {}): Bytes {
  const file = new Uint8Array(signature + 0x100);
  const view = new DataView(file.buffer);
  file.set([0x4d, 0x5a]);
  view.setUint32(0x3c, signature, true);
  file.set([0x50, 0x45], signature);
  view.setUint16(signature + 4, machine, true);
  view.setUint16(signature + 20, optional, true);
  view.setUint16(signature + 24, magic, true);
  view.setUint32(signature + 40, 0x1230, true);
  view.setUint16(signature + 92, subsystem, true);
  return file;
}

Deno.test("UEFI: applications and drivers, for their machine", async () => {
  const found = async (options: Parameters<typeof peImage>[0]) => (await recognized(uefi, peImage(options)))?.summary;
  const entry = "entry 0x1230 from its start";
  assertEquals(await found({}), `UEFI: application for x86-64, ${entry}`);
  assertEquals(await found({ subsystem: 11, machine: 0xaa64 }), `UEFI: boot service driver for AArch64, ${entry}`);
  assertEquals(await found({ subsystem: 12, machine: 0x1c2 }), `UEFI: runtime driver for 32-bit ARM, ${entry}`);
  assertEquals(await found({ machine: 0x9041 }), `UEFI: application for machine 0x9041, ${entry}`);
  assertEquals(await found({ magic: 0x10b, machine: 0x14c, optional: 224 }), `UEFI: application for i386, ${entry}`);
  assertEquals(await found({ signature: 0x8000 }), `UEFI: application for x86-64, ${entry}`);
  for (const subsystem of [0, 1, 3, 9, 13]) assertEquals(await found({ subsystem }), undefined);
  assertEquals(await found({ magic: 0x107 }), undefined);
  assertEquals(await found({ optional: 69 }), undefined);
  assertEquals(await found({ signature: 0x9000 }), undefined);
  for (let length = 0; length < 0x40 + 94; length++) {
    assertEquals(await recognized(uefi, peImage().slice(0, length)), undefined);
  }
  const huge = peImage();
  huge.fill(0xff, 0x3c, 0x40);
  assertEquals(await recognized(uefi, huge), undefined);
});

/** A kernel for BOOTBOOT, as its documentation's linker script has it. */
const BOOTBOOT_LD = `
ENTRY(_start)
PHDRS { boot PT_LOAD; }
SECTIONS {
  . = BASE;
  bootboot = .; . += 4096;
  environment = .; . += 4096;
  .text : { *(.text) } :boot
  /DISCARD/ : { *(.note*) *(.eh_frame) }
}
fb = BASE - 0x2000000;
`;

async function linkBootboot(folder: string, base: string, strip = false): Promise<Bytes> {
  const path = (name: string): string => `${folder}/${name}`;
  await Deno.writeTextFile(path("k.s"), ".globl _start\n_start: hlt\n jmp _start\n.globl xfb\nxfb: .quad fb\n");
  await Deno.writeTextFile(path("k.ld"), BOOTBOOT_LD.replaceAll("BASE", base));
  await runTool("as", ["-o", path("k.o"), path("k.s")]);
  await runTool("ld", ["-T", path("k.ld"), "-o", path("k.elf"), path("k.o"), ...(strip ? ["-s"] : [])]);
  return await Deno.readFile(path("k.elf"));
}

testWithTools(["as", "ld"], "BOOTBOOT: the symbols at the addresses that the linker gave them", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const kernel = await linkBootboot(folder, "0xffffffffffe00000");
    const found = await recognized(bootboot, kernel);
    assertEquals(found, {
      name: "bootboot",
      symbols: { fb: 0xffff_ffff_fde0_0000n, bootboot: 0xffff_ffff_ffe0_0000n, environment: 0xffff_ffff_ffe0_1000n },
      summary: "BOOTBOOT: symbols fb at 0xfffffffffde00000, bootboot at 0xffffffffffe00000, environment at " +
        "0xffffffffffe01000",
    });
    assertEquals(await recognized(bootboot, await linkBootboot(folder, "0xffffffffffe00000", true)), undefined);
    assertEquals((await recognizeFile(keepFile(kernel))).protocols, found ? [found] : []);
    assertEquals((await recognizeFile(keepFile(kernel), ["head", "notes"])).protocols, []);
    const low = await linkBootboot(folder, "0x2400000");
    assertEquals(await recognized(bootboot, low), undefined);
    assertEquals(bootboot.isPossible?.(await readModel(keepFile(low), [])), false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("recognizeFile() reads symbols only where a kernel for BOOTBOOT may be", async () => {
  const [symbols, at] = [2 ** 20, 2 ** 21];
  for (const [p_vaddr, least] of [[0xffff_ffff_8000_0000n, 0], [0xffff_ffff_ffe0_0000n, symbols]] as const) {
    const file = buildElf({
      segments: [{ p_vaddr, filesz: 0x1000 }],
      header: { e_shoff: 0x8000n, e_shnum: 1, e_shentsize: 64, e_shstrndx: 1 },
      length: at + symbols,
    });
    const section = new DataView(file.buffer, 0x8000);
    section.setUint32(4, SHT_SYMTAB, true); // sh_type
    section.setBigUint64(24, BigInt(at), true); // sh_offset
    section.setBigUint64(32, BigInt(symbols), true); // sh_size
    let bytesRead = 0;
    const readAt = (offset: number, into: Uint8Array): number => {
      const piece = file.subarray(offset, offset + into.length);
      into.set(piece);
      bytesRead += piece.length;
      return piece.length;
    };
    await recognizeFile(keepFile({ size: file.length, readAt }));
    assertEquals(bytesRead >= least && bytesRead < least + 2 ** 17, true, `${bytesRead} bytes were read`);
  }
});

Deno.test("recognizeProtocols() takes any source, and its options", async () => {
  const names = async (source: Parameters<typeof recognizeProtocols>[0]) =>
    (await recognizeProtocols(source)).map(({ name }) => name);
  assertEquals(await names(new Blob([peImage()])), ["uefi"]);
  assertEquals(await names(new Blob([peImage()]).stream()), ["uefi"]);
  assertEquals(await names(withNotes(note("HERMIT", 0x5a00, [1]))), ["hermit"]);
  assertEquals(await names(new Uint8Array()), []);
  const error = await assertRejects(() => recognizeProtocols(new Blob([peImage()]), { maxMemory: 16 }), LoadError);
  assertEquals(error.code, "memory-limit-exceeded");
  const reason = new Error("enough");
  await assertRejects(() => recognizeProtocols(peImage(), { signal: AbortSignal.abort(reason) }), Error, "enough");
});
