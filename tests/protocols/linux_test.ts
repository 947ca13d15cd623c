/** Linux is recognized as an image and as an ELF file, and nothing else is taken for it. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { readModel } from "../../core/file/file_model.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import { encodeNote } from "../../core/elf/writer.ts";
import { ET_DYN, PT_INTERP } from "../../core/elf/constants.ts";
import type { FileHeader } from "../../core/elf/file_header.ts";
import { identify } from "../../formats/identify.ts";
import type { LinuxImage } from "../../protocols/linux/bzimage.ts";
import type { LinuxElf } from "../../protocols/linux/vmlinux.ts";
import { linux } from "../../protocols/linux.ts";
import { BUILD_ID, entryNote, joined, linuxImage, pvhKernel } from "../loaders/pvh_kernels.ts";

async function recognize(bytes: Uint8Array): Promise<LinuxImage | LinuxElf | undefined> {
  return linux.recognize(await readModel(keepFile(bytes), linux.parts));
}

/** An image with more of the setup header: offsets are those of Documentation/arch/x86/boot.rst. */
function fullImage(): Uint8Array {
  const bytes = linuxImage({ xloadflags: 0x2b });
  const view = new DataView(bytes.buffer);
  view.setUint16(0x20e, 0x100, true);
  bytes.set(new TextEncoder().encode("6.1.0-test (me@here) #1\0"), 0x300);
  view.setUint8(0x234, 1);
  view.setUint32(0x248, 0x40, true);
  view.setUint32(0x24c, 0x100, true);
  view.setBigUint64(0x258, 0x100_0000n, true);
  view.setUint32(0x260, 0x20_0000, true);
  bytes.set([0x28, 0xb5, 0x2f, 0xfd], 0xa40);
  return bytes;
}

Deno.test("an image is recognized with version, payload and flags", async () => {
  assertEquals(await recognize(fullImage()), {
    name: "linux",
    offset: 0x202,
    summary: "Linux: bzImage, boot protocol 2.15, version 6.1.0-test, zstd payload of 256 bytes at file offset 0xa40",
    image: "bzImage",
    version: "2.15",
    kernelVersion: "6.1.0-test (me@here) #1",
    setupSize: 0xa00,
    payload: { offset: 0xa40, length: 0x100, format: "zstd" },
    relocatable: true,
    preferredAddress: 0x100_0000n,
    initSize: 0x20_0000,
    xloadflags: ["KERNEL_64", "CAN_BE_LOADED_ABOVE_4G", "EFI_HANDOVER_64", "5LEVEL"],
  });
});

Deno.test("fields that an older protocol did not have are left out", async () => {
  const old = await recognize(linuxImage({ version: 0x204, loadflags: 0 })) as LinuxImage;
  assertEquals(old.summary, "Linux: zImage, boot protocol 2.04");
  assertEquals(Object.keys(old), ["name", "offset", "summary", "image", "version", "setupSize"]);
});

Deno.test("an image that is not loaded high is a zImage up to protocol 2.09, in its format and its protocol", async () => {
  for (const [version, kind] of [[0x209, "zImage"], [0x20a, "bzImage"]] as const) {
    const bytes = linuxImage({ version, loadflags: 0 });
    assertEquals((await recognize(bytes) as LinuxImage).image, kind);
    assertStringIncludes(identify(bytes).description, `Linux kernel image (${kind})`);
  }
});

Deno.test("a file without both magic numbers is no image", async () => {
  assertEquals(await recognize(linuxImage({ header: "HdrX" })), undefined);
  const bytes = linuxImage();
  bytes[0x1ff] = 0;
  assertEquals(await recognize(bytes), undefined);
  assertEquals(await recognize(linuxImage({ length: 0x204 })), undefined);
});

const guest = (name: string): Uint8Array =>
  encodeNote({ name: "Xen", type: 6, descriptor: new TextEncoder().encode(`${name}\0`) });

Deno.test("the kernel as an ELF file is recognized by a Xen note that says so", async () => {
  const version = encodeNote({ name: "Xen", type: 7, descriptor: new TextEncoder().encode("2.6\0") });
  assertEquals(await recognize(pvhKernel({ notes: joined(BUILD_ID, guest("linux"), version, entryNote()) })), {
    name: "linux",
    offset: 0x800 + BUILD_ID.length,
    summary: "Linux: vmlinux (Xen note at file offset 0x824), entry 0x100000, a physical address",
    image: "vmlinux",
    proof: "note",
    guestVersion: "2.6",
    entry: 0x10_0000n,
  });
  for (const name of ["NetBSD", "FreeBSD", "linux-like", ""]) {
    assertEquals(await recognize(pvhKernel({ notes: guest(name) })), undefined, name);
  }
});

/** A kernel with empty sections of these names. */
function withSections(names: readonly string[], header: Partial<FileHeader> = {}, type = 0): Uint8Array {
  const strings = new TextEncoder().encode(["", ...names, ".shstrtab", ""].join("\0"));
  const e_shnum = names.length + 2;
  const bytes = pvhKernel({
    notes: null,
    header: { e_shoff: 0x2200n, e_shnum, e_shentsize: 64, e_shstrndx: e_shnum - 1, ...header },
    more: [{ p_type: type, offset: 0x2100, filesz: 0 }],
  });
  bytes.set(strings, 0x2000);
  const view = new DataView(bytes.buffer);
  let at = 1;
  [...names, ".shstrtab"].forEach((name, index) => {
    const section = 0x2200 + (index + 1) * 64;
    view.setUint32(section, at, true);
    view.setUint32(section + 4, index === names.length ? 3 : 1, true);
    at += name.length + 1;
  });
  const table = 0x2200 + (e_shnum - 1) * 64;
  view.setBigUint64(table + 24, 0x2000n, true);
  view.setBigUint64(table + 32, BigInt(strings.length), true);
  return bytes;
}

Deno.test("the kernel as an ELF file is recognized by sections that only its build makes", async () => {
  const sections = [".text", "__ksymtab_strings", ".init.text"];
  const kernel = await recognize(withSections(sections));
  assertEquals(kernel?.summary, "Linux: vmlinux (by its sections), entry 0x100000, a physical address");
  const aarch64 = await recognize(withSections(sections, { e_machine: 183, e_type: ET_DYN }));
  assertEquals(aarch64?.summary, "Linux: vmlinux (by its sections), entry 0x100000");
});

Deno.test("modules, user-mode Linux, programs and kernels with one of the sections are not taken for it", async () => {
  const sections = ["__ksymtab_strings", ".init.text"];
  assertEquals(await recognize(withSections(sections, { e_type: 1 })), undefined);
  assertEquals(await recognize(withSections([...sections, ".uml.setup.init"])), undefined);
  assertEquals(await recognize(withSections(sections, {}, PT_INTERP)), undefined);
  assertEquals(await recognize(withSections([".text", ".init.text"])), undefined);
  assertEquals(await recognize(withSections(["__ksymtab_strings"])), undefined);
});
