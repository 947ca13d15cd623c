/**
 * UEFI: applications and drivers, which are PE32+ images, or PE32 images for 32-bit firmware, with a subsystem of their
 * own.
 *
 * @module
 */

import { elfReader } from "../core/elf/reader.ts";
import { HEAD_SIZE } from "../core/file/file_model.ts";
import { hexAddr } from "../core/hex.ts";
import type { Protocol, Recognizer } from "./protocol.ts";

/** An image that UEFI firmware loads. */
export interface UefiProtocol extends Protocol<"uefi"> {
  /** File offset of the PE signature. */
  readonly offset: number;
  /** The machine that it is for, such as 0x8664 for x86-64. */
  readonly machine: number;
  /** What kind of image it is. */
  readonly kind: "application" | "boot service driver" | "runtime driver";
  /** Its entry point, relative to where it is loaded. */
  readonly entry: number;
}

// PE Format: "MS-DOS Stub", "COFF File Header", "Optional Header Standard Fields" and "Windows-Specific Fields". Offsets
// are from the signature.
const E_LFANEW = 0x3c;
const MACHINE = 4;
const OPTIONAL_HEADER_SIZE = 20;
const OPTIONAL_HEADER = 24;
const ENTRY = 40;
const SUBSYSTEM = 92;
const PE32 = 0x10b;
const PE32_PLUS = 0x20b;

/** `IMAGE_SUBSYSTEM_EFI_…`. */
const KINDS: Readonly<Record<number, UefiProtocol["kind"]>> = {
  10: "application",
  11: "boot service driver",
  12: "runtime driver",
};

/** The machines of UEFI (UEFI specification, "UEFI Images"). */
const MACHINES: Readonly<Record<number, string>> = {
  0x014c: "i386",
  0x01c2: "32-bit ARM",
  0x0200: "Itanium",
  0x5064: "64-bit RISC-V",
  0x6264: "64-bit LoongArch",
  0x8664: "x86-64",
  0xaa64: "AArch64",
};

/** Recognizes images for UEFI. */
export const uefi: Recognizer<UefiProtocol> = {
  parts: ["head"],
  recognize: (model) => {
    const dos = elfReader(model.bytes(0, E_LFANEW + 4), { subject: "the MS-DOS header" });
    if (dos.length < E_LFANEW + 4 || dos.u16(0) !== 0x5a4d) return undefined; // "MZ"
    const offset = dos.u32(E_LFANEW);
    if (offset + SUBSYSTEM + 2 > HEAD_SIZE) return undefined;
    const pe = elfReader(model.bytes(offset, SUBSYSTEM + 2), { subject: "the PE header" });
    if (pe.length < SUBSYSTEM + 2 || pe.u32(0) !== 0x4550) return undefined; // "PE\0\0"
    const kind = KINDS[pe.u16(SUBSYSTEM)];
    if (pe.u16(OPTIONAL_HEADER_SIZE) < SUBSYSTEM + 2 - OPTIONAL_HEADER || kind === undefined) return undefined;
    if (![PE32, PE32_PLUS].includes(pe.u16(OPTIONAL_HEADER))) return undefined; // the same fields up to here
    const machine = pe.u16(MACHINE);
    const entry = pe.u32(ENTRY);
    const summary =
      `UEFI: ${kind} for ${MACHINES[machine] ?? `machine ${hexAddr(machine)}`}, entry ${hexAddr(entry)} ` +
      "from its start";
    return { name: "uefi", offset, machine, kind, entry, summary };
  },
};
