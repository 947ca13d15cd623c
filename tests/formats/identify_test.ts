/** Files are what their magic numbers say; expected bytes are from the formats' specifications and from real tools. */

import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { type FormatName, identify } from "../../formats/mod.ts";
import { runTool, testWithTools } from "../tools.ts";
import { withFolder } from "../cli/kload.ts";

const FIELD = new URL("../fixtures/field/", import.meta.url);
const PACKED = new URL("../fixtures/packed/", import.meta.url);

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (each) => each.charCodeAt(0));

/** Bytes with some at given offsets, and zeros elsewhere. */
function at(size: number, ...pieces: readonly (readonly [offset: number, bytes: string | readonly number[]])[]) {
  const bytes = new Uint8Array(size);
  for (const [offset, piece] of pieces) bytes.set(typeof piece === "string" ? ascii(piece) : piece, offset);
  return bytes;
}

const le16 = (value: number): readonly number[] => [value & 0xff, value >> 8];
const le32 = (value: number): readonly number[] => [value & 0xff, value >> 8 & 0xff, value >> 16 & 0xff, value >>> 24];

/** A PE file: MZ, e_lfanew, the signature, the machine, the magic number of the optional header, and the subsystem. */
const pe = (machine: number, magic: number, subsystem: number) =>
  at(512, [0, "MZ"], [0x3c, le32(0x80)], [0x80, "PE\0\0"], [0x84, le16(machine)], [0x98, le16(magic)], [
    0xdc,
    le16(subsystem),
  ]);

/** A bzImage with a version, whose payload starts with some bytes. */
const bzImage = (protocol: number, payload: readonly number[], length = 100) =>
  at(
    4096,
    [0, "MZ"],
    [0x1f1, [2]],
    [0x1fe, [0x55, 0xaa]],
    [0x202, "HdrS"],
    [0x206, le16(protocol)],
    [0x20e, le16(0x300)],
    [0x211, [1]],
    [0x248, le32(0x20)],
    [0x24c, le32(length)],
    [0x500, "6.1.0-test (me@here) #1 SMP\0"],
    [3 * 512 + 0x20, payload],
  );

const LFS = "version https://git-lfs.github.com/spec/v1\n" +
  "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 123456\n";

const newc = (name: string): string =>
  `070701${"0".repeat(8 * 11)}${(name.length + 1).toString(16).padStart(8, "0")}${"0".repeat(8)}${name}\0`;

/** What is in a file, what it is, and what helps. */
type Row = readonly [bytes: Uint8Array, name: FormatName, description: string, command?: string];

const ROWS: readonly Row[] = [
  [at(64, [0, "\x7fELF"]), "elf", "ELF file"],
  [
    bzImage(0x20f, [0x28, 0xb5, 0x2f, 0xfd]),
    "bzimage",
    "Linux kernel image (bzImage), boot protocol 2.15, version 6.1.0-test, compressed by zstd",
  ],
  [
    bzImage(0x20c, [0x89, 0x4c, 0x5a, 0x4f, 0, 0x0d, 0x0a, 0x1a, 0x0a]),
    "bzimage",
    "Linux kernel image (bzImage), boot protocol 2.12, version 6.1.0-test, compressed by lzo",
    "extract-vmlinux FILE | kload load -",
  ],
  [ascii("\x1f\x8b\x08"), "gzip", "gzip data"],
  [ascii("\xfd7zXZ\0\0\x01"), "xz", "xz data"],
  [ascii("\x28\xb5\x2f\xfd"), "zstd", "zstd data"],
  [at(40, [0, le32(0x184d2a53)], [4, le32(8)], [16, le32(0xfd2fb528)]), "zstd", "zstd data"],
  [ascii("\x04\x22\x4d\x18"), "lz4", "lz4 data"],
  [ascii("\x02\x21\x4c\x18"), "lz4-legacy", "lz4 data in the legacy format"],
  [ascii("BZh91AY&SY"), "bzip2", "bzip2 data"],
  [ascii("BZh9\x17\x72\x45\x38\x50\x90"), "bzip2", "bzip2 data"],
  [ascii("\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0"), "lzma", "lzma data"],
  [
    ascii("\x89LZO\0\r\n\x1a\n"),
    "lzo",
    "lzo data, as lzop writes it",
    "lzop -dc FILE | kload load -",
  ],
  [pe(0x8664, 0x20b, 10), "pe", "PE32+ image for x86-64, an EFI application"],
  [pe(0x14c, 0x10b, 3), "pe", "PE32 image for i386, a Windows console program"],
  [pe(0xaa64, 0x20b, 11), "pe", "PE32+ image for AArch64, an EFI boot service driver"],
  [at(32, [0, le32(0xfeedfacf)], [4, le32(0x1000007)]), "mach-o", "Mach-O 64-bit file for x86-64"],
  [at(32, [0, le32(0xfeedface)], [4, le32(7)]), "mach-o", "Mach-O 32-bit file for i386"],
  [at(32, [0, [0xfe, 0xed, 0xfa, 0xcf, 1, 0, 0, 18]]), "mach-o", "Mach-O 64-bit file for PowerPC64"],
  [ascii("\xca\xfe\xba\xbe\0\0\0\x02"), "mach-o", "Mach-O universal file for 2 processors"],
  [ascii("\xca\xfe\xba\xbe\0\0\0\x41"), "unknown", "unknown: starts with 0xcafebabe00000041", "file FILE"],
  [ascii("\0asm\x01\0\0\0"), "wasm", "WebAssembly module, version 1"],
  [ascii("\0asm\x0d\0\x01\0"), "wasm", "WebAssembly component"],
  [ascii("BC\xc0\xde"), "llvm-bitcode", "LLVM bitcode"],
  [ascii("\xde\xc0\x17\x0b"), "llvm-bitcode", "LLVM bitcode"],
  [ascii("!<arch>\n"), "ar", "static library (ar)", "ar x FILE"],
  [ascii("!<thin>\n"), "ar", "thin static library (ar)", "ar t FILE"],
  [ascii("!<arch>\ndebian-binary   "), "ar", "Debian package (ar)", "dpkg-deb -x FILE ."],
  [
    at(512, [0, "boot/kernel.elf"], [257, "ustar"]),
    "tar",
    'tar archive, first entry "boot/kernel.elf"',
    "tar -xf FILE",
  ],
  [ascii("PK\x05\x06"), "zip", "ZIP archive", "unzip FILE"],
  [ascii(newc("init")), "cpio", 'cpio archive, first entry "init"', "cpio -id < FILE"],
  [ascii(`070707${"0".repeat(70)}`), "cpio", "cpio archive", "cpio -id < FILE"],
  [
    at(0x9000, [510, [0x55, 0xaa]], [0x8000, [1]], [0x8001, "CD001"], [0x8028, "MY DISK".padEnd(32)]),
    "iso9660",
    'ISO 9660 image, volume "MY DISK"',
    "xorriso -osirrox on -indev FILE -extract / extracted",
  ],
  [at(512, [510, [0x55, 0xaa]]), "boot-sector", "boot sector of a disk image"],
  [
    at(1024, [510, [0x55, 0xaa]], [512, "EFI PART"]),
    "boot-sector",
    "boot sector of a disk image with a GUID partition table",
  ],
  [at(512, [510, [0x55, 0xaa]], [82, "FAT32   "]), "boot-sector", "boot sector of a disk image (FAT file system)"],
  [
    at(64, [0, "MZ"], [0x18, [10]], [0x38, "ARM\x64"]),
    "arm64-image",
    "raw arm64 kernel image, 4 KiB pages, with an EFI stub",
  ],
  [at(64, [0x30, "RISCV\0\0\0"], [0x38, "RSC\x05"]), "riscv-image", "RISC-V kernel image"],
  [
    at(64, [0, [0x27, 5, 0x19, 0x56]], [28, [5, 24, 2, 1]], [32, "my kernel"]),
    "uimage",
    'U-Boot image (uImage) for x86-64: a kernel, compressed by gzip, named "my kernel"',
    "tail -c +65 FILE | kload load -",
  ],
  [ascii("\xd0\x0d\xfe\xed\0\0\x04\xd2"), "device-tree", "device tree blob of 1,234 bytes", "dtc -I dtb -O dts FILE"],
  [ascii(LFS), "git-lfs-pointer", "Git LFS pointer; the real file is 123,456 bytes", "git lfs pull"],
  [
    ascii("<!DOCTYPE html>\n<html><head><title>Not\n found</title>"),
    "html",
    'HTML page, titled "Not found"',
  ],
  [ascii("  <!-- a --> <!-- b -->\n<HTML>"), "html", "HTML page"],
  [ascii("#!/bin/sh\necho"), "script", "script for /bin/sh"],
  [ascii("#! /usr/bin/env python3\n"), "script", "script for /usr/bin/env python3"],
  [ascii("#![no_std]\n"), "text", 'text that starts with "#![no_std]"'],
  [new TextEncoder().encode("\n\n  größer als\tnichts  \n"), "text", 'text that starts with "größer als nichts"'],
  [ascii("\xc3"), "unknown", "unknown: starts with 0xc3", "file FILE"],
  [new Uint8Array(), "empty", "empty file"],
  [new Uint8Array(1000), "unknown", "unknown: its first 1,000 bytes are zero", "file FILE"],
  [ascii("\x01\x02\x03"), "unknown", "unknown: starts with 0x010203", "file FILE"],
  [ascii("MZ\0\0"), "unknown", "unknown: starts with 0x4d5a0000", "file FILE"],
];

for (const [bytes, name, description, command] of ROWS) {
  Deno.test(`identify() knows: ${description}`, () => {
    const format = identify(bytes);
    assertEquals([format.name, format.description, format.advice?.command], [name, description, command]);
  });
}

/** The field files, and what each is. */
const FILES: Readonly<Record<string, FormatName>> = {
  "archive.a": "ar",
  "arm64-Image": "arm64-image",
  "bootimage.bin": "boot-sector",
  "bzimage-named-vmlinux": "bzimage",
  "kernel.elf.xz": "xz",
  "kernel.elf.zst": "zstd",
  "kernel.elf.lz4": "lz4",
  "README.md": "text",
  "limine.elf": "elf",
  "machine-i386mb.elf": "elf",
};

Deno.test("identify() names the files that people have", async () => {
  for (const [file, name] of Object.entries(FILES)) {
    const bytes = await Deno.readFile(new URL(file, FIELD));
    assertEquals(identify(bytes.subarray(0, 0x9000), bytes.length).name, name, file);
  }
  const names = { gz: "gzip", bz2: "bzip2", lzma: "lzma", "legacy.lz4": "lz4-legacy", "x86.xz": "xz", lzo: "lzo" };
  for (const [ending, name] of Object.entries(names)) {
    assertEquals(identify(await Deno.readFile(new URL(`kernel.elf.${ending}`, PACKED))).name, name, ending);
  }
});

Deno.test("identify() takes any bytes, however many, and describes them on one line", () => {
  for (const [bytes] of ROWS) {
    for (let length = 0; length <= Math.min(bytes.length, 700); length++) {
      const { description, advice } = identify(bytes.subarray(0, length));
      assert(/^[^\p{C}]+$/u.test(description), description);
      assert(advice === undefined || advice.command === undefined || advice.hint.endsWith(":"), advice?.hint);
    }
  }
  const wild = concat([ascii("!<arch>\n"), crypto.getRandomValues(new Uint8Array(1000))]);
  assertEquals(identify(wild).name, "ar");
});

Deno.test("identify() reads no page title and no comment for long", () => {
  const started = performance.now();
  for (const text of ["<!-- x --> ".repeat(400), "<html>" + "<title ".repeat(600), "<!--".repeat(1000)]) {
    assert(["text", "html"].includes(identify(ascii(text)).name));
  }
  assert(performance.now() - started < 60_000); // an exponential search would not end
});

testWithTools(["ar", "gcc"], "what gcc and ar make is named", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.c`, "int a;\n");
    await runTool("gcc", ["-c", `${folder}/a.c`, "-o", `${folder}/a.o`]);
    await runTool("ar", ["rc", `${folder}/a.a`, `${folder}/a.o`]);
    assertEquals(identify(await Deno.readFile(`${folder}/a.o`)).name, "elf");
    assertEquals(identify(await Deno.readFile(`${folder}/a.a`)).description, "static library (ar)");
    assertEquals(identify(await Deno.readFile(`${folder}/a.c`)).description, 'text that starts with "int a;"');
  });
});
