/**
 * Executables of other systems, and what compilers make on the way to one.
 *
 * @module
 */

import type { Head } from "../head.ts";
import type { FormatRow } from "./row.ts";

const AS_ELF = {
  hint: "Link the kernel as an ELF file, for a target such as x86_64-unknown-none (rustc) or x86_64-elf (clang, gcc).",
};

/** Executables that are not ELF. */
export const EXECUTABLES: readonly FormatRow[] = [
  { name: "pe", test: (head) => peOffset(head) !== undefined, describe: describePe, advise: () => AS_ELF },
  { name: "mach-o", test: isMachO, describe: describeMachO, advise: () => AS_ELF },
  { // WebAssembly Core Specification, 5.5.16 "Modules"; a component has layer 1 instead of 0 after its version
    name: "wasm",
    test: (head) => head.has(0, "\0asm") && head.bytes.length >= 8,
    describe: (head) => head.u16(6) === 0 ? `WebAssembly module, version ${head.u16(4)}` : "WebAssembly component",
    advise: () => AS_ELF,
  },
  { // LLVM Bitcode File Format, "Magic Numbers" and "Bitcode Wrapper Format"
    name: "llvm-bitcode",
    test: (head) => head.has(0, [0x42, 0x43, 0xc0, 0xde]) || head.u32(0) === 0x0b17c0de,
    describe: () => "LLVM bitcode",
    advise: () => ({ hint: "It is not linked yet: link it with ld.lld and the kernel's linker script." }),
  },
];

// PE Format, "MS-DOS Stub", "COFF File Header" and "Optional Header"
const E_LFANEW = 0x3c;
const PE32 = 0x10b;
const PE32_PLUS = 0x20b;

const PE_MACHINES: Readonly<Record<number, string>> = {
  0x14c: "i386",
  0x1c0: "ARM",
  0x1c2: "ARM",
  0x1c4: "ARM",
  0x200: "IA-64",
  0xebc: "EFI byte code",
  0x5032: "RISC-V (32 bits)",
  0x5064: "RISC-V (64 bits)",
  0x6232: "LoongArch (32 bits)",
  0x6264: "LoongArch (64 bits)",
  0x8664: "x86-64",
  0xaa64: "AArch64",
};

const PE_SUBSYSTEMS: Readonly<Record<number, string>> = {
  1: "a native Windows program",
  2: "a Windows program",
  3: "a Windows console program",
  10: "an EFI application",
  11: "an EFI boot service driver",
  12: "an EFI runtime driver",
  13: "an EFI ROM image",
};

function peOffset(head: Head): number | undefined {
  const offset = head.u32(E_LFANEW);
  return head.has(0, "MZ") && head.has(offset, "PE\0\0") ? offset : undefined;
}

function describePe(head: Head): string {
  const offset = peOffset(head) ?? 0;
  const magic = head.u16(offset + 24);
  const machine = PE_MACHINES[head.u16(offset + 4)];
  const subsystem = PE_SUBSYSTEMS[head.u16(offset + 0x5c)];
  const kind = magic === PE32_PLUS ? "PE32+ image" : magic === PE32 ? "PE32 image" : "PE image";
  return `${kind}${machine ? ` for ${machine}` : ""}${subsystem ? `, ${subsystem}` : ""}`;
}

// mach-o/loader.h and mach-o/fat.h: MH_MAGIC, MH_MAGIC_64, FAT_MAGIC, FAT_MAGIC_64
const MH_MAGIC = 0xfeedface;
const MH_MAGIC_64 = 0xfeedfacf;
const FAT_MAGICS: readonly number[] = [0xcafebabe, 0xcafebabf];
/** A Java class starts with 0xcafebabe too, followed by its version, which is at least 45. */
const FAT_MOST = 44;

/** mach/machine.h: CPU_TYPE_*. */
const MACH_MACHINES: Readonly<Record<number, string>> = {
  7: "i386",
  12: "ARM",
  18: "PowerPC",
  0x1000007: "x86-64",
  0x100000c: "AArch64",
  0x1000012: "PowerPC64",
};

function isMachO(head: Head): boolean {
  const isThin = [head.u32(0), head.u32be(0)].some((magic) => magic === MH_MAGIC || magic === MH_MAGIC_64);
  const count = head.u32be(4);
  return isThin || (FAT_MAGICS.includes(head.u32be(0)) && count > 0 && count <= FAT_MOST);
}

function describeMachO(head: Head): string {
  if (FAT_MAGICS.includes(head.u32be(0))) return `Mach-O universal file for ${head.u32be(4)} processors`;
  const isLittle = (head.u32(0) & ~1) >>> 0 === MH_MAGIC;
  const field = isLittle ? head.u32 : head.u32be;
  const machine = MACH_MACHINES[field(4)];
  return `Mach-O ${field(0) === MH_MAGIC_64 ? 64 : 32}-bit file${machine ? ` for ${machine}` : ""}`;
}
