/**
 * Formats of kernels and of what is handed to them.
 *
 * @module
 */

import { ELF_MAGIC } from "../../core/elf/constants.ts";
import {
  isLinuxImage,
  isZImage,
  kernelVersion,
  payloadRange,
  protocolVersion,
  readSetupHeader,
  VERSION_OF,
} from "../bzimage/setup_header.ts";
import type { FormatAdvice } from "../format.ts";
import { byteCount, type Head, quoted } from "../head.ts";
import { containerOf } from "./containers.ts";
import type { FormatRow } from "./row.ts";

/** ELF, and Linux for x86 (Documentation/arch/x86/boot.rst). They come before all others. */
export const ELF_AND_BZIMAGE: readonly FormatRow[] = [
  { name: "elf", test: (head) => head.has(0, ELF_MAGIC), describe: () => "ELF file" },
  {
    name: "bzimage",
    test: (head) => isLinuxImage(readSetupHeader(head.bytes)),
    describe: describeLinux,
    advise: adviseLinux,
  },
];

/** Kernels for other processors: an EFI stub makes a PE image of them too, so they come before "pe". */
export const FOREIGN_KERNELS: readonly FormatRow[] = [
  { // Documentation/arch/arm64/booting.rst, "Call the kernel image"
    name: "arm64-image",
    test: (head) => head.has(0x38, "ARM\x64"),
    describe: (head) => {
      const flags = head.u8(0x18);
      const pages = ["", ", 4 KiB pages", ", 16 KiB pages", ", 64 KiB pages"][flags >> 1 & 3];
      return `raw arm64 kernel image${flags & 1 ? ", big-endian" : ""}${pages}${efiStub(head)}`;
    },
    advise: () => otherProcessor("arm64"),
  },
  { // Documentation/arch/riscv/boot-image-header.rst: magic2, and the older magic
    name: "riscv-image",
    test: (head) => head.has(0x38, "RSC\x05") || head.has(0x30, "RISCV\0\0\0"),
    describe: (head) => `RISC-V kernel image${efiStub(head)}`,
    advise: () => otherProcessor("RISC-V"),
  },
];

/** Images of U-Boot, and device trees. */
export const FIRMWARE_FILES: readonly FormatRow[] = [
  { // U-Boot include/image.h: IH_MAGIC and struct legacy_img_hdr, big-endian
    name: "uimage",
    test: (head) => head.u32be(0) === 0x27051956,
    describe: (head) => {
      const architecture = UIMAGE_ARCHITECTURES[head.u8(29)];
      const type = UIMAGE_TYPES[head.u8(30)];
      const compression = UIMAGE_COMPRESSIONS[head.u8(31)];
      const name = head.text(32, 32);
      return [
        `U-Boot image (uImage)${architecture ? ` for ${architecture}` : ""}${type ? `: ${type}` : ""}`,
        ...(compression ? [`compressed by ${compression}`] : []),
        ...(name === "" ? [] : [`named ${quoted(name)}`]),
      ].join(", ");
    },
    advise: (head) => {
      if (head.u8(29) !== 24 || head.u8(30) !== 2) return undefined;
      return { hint: "The kernel follows a header of 64 bytes:", command: "tail -c +65 FILE | kload load -" };
    },
  },
  { // Devicetree Specification, "Header": magic and totalsize, big-endian
    name: "device-tree",
    test: (head) => head.u32be(0) === 0xd00dfeed,
    describe: (head) => `device tree blob of ${byteCount(head.u32be(4))}`,
    advise: () => ({
      hint: "It describes hardware to a kernel; dtc prints it:",
      command: "dtc -I dtb -O dts FILE",
    }),
  },
];

// U-Boot include/image.h: IH_ARCH_*, IH_TYPE_*, IH_COMP_*
const UIMAGE_ARCHITECTURES: Readonly<Record<number, string>> = {
  2: "ARM",
  3: "i386",
  5: "MIPS",
  6: "MIPS64",
  7: "PowerPC",
  12: "m68k",
  22: "AArch64",
  24: "x86-64",
  26: "RISC-V",
};
const UIMAGE_TYPES: Readonly<Record<number, string>> = {
  1: "a standalone program",
  2: "a kernel",
  3: "a ramdisk",
  4: "several files",
  5: "firmware",
  6: "a script",
  7: "a file system",
  8: "a device tree",
};
const UIMAGE_COMPRESSIONS: Readonly<Record<number, string>> = {
  1: "gzip",
  2: "bzip2",
  3: "lzma",
  4: "lzo",
  5: "lz4",
  6: "zstd",
};

function describeLinux({ bytes }: Head): string {
  const setup = readSetupHeader(bytes);
  const [release] = kernelVersion(bytes, setup)?.split(" ") ?? [];
  const payload = payloadRange(setup);
  const packed = payload && containerOf(bytes.subarray(payload.offset));
  return [
    `Linux kernel image (${isZImage(setup) ? "zImage" : "bzImage"})`,
    `boot protocol ${protocolVersion(setup.version)}`,
    ...(release === undefined ? [] : [`version ${release}`]),
    ...(packed === undefined ? [] : [`compressed by ${packed}`]),
  ].join(", ");
}

/** Advice on an image whose kernel cannot be unpacked. */
function adviseLinux({ bytes }: Head): FormatAdvice | undefined {
  const setup = readSetupHeader(bytes);
  const payload = payloadRange(setup);
  if (!payload && setup.version < VERSION_OF.payload) {
    return { hint: "It is from before Linux 2.6.26, the first that records where in it the compressed kernel is." };
  }
  if (!payload) {
    return {
      hint:
        "It is a program in the format of Linux kernel images, with no compressed kernel in it, such as Memtest86+: " +
        "kload loads ELF kernels. To ask loaders of such images:",
      command: "kload check FILE",
    };
  }
  if (containerOf(bytes.subarray(payload.offset)) !== "lzo") return undefined;
  return {
    hint: "kload does not unpack lzo; scripts/extract-vmlinux of the Linux source does:",
    command: "extract-vmlinux FILE | kload load -",
  };
}

function efiStub(head: Head): string {
  return head.has(0, "MZ") ? ", with an EFI stub" : "";
}

function otherProcessor(name: string): FormatAdvice {
  return { hint: `kload loads kernels for x86-64, and this one is for ${name}: build it for x86-64.` };
}
