/**
 * Names of the numbers in headers and tables, as `readelf` and page-table dumps have them.
 *
 * @module
 */

import type { FileHeader, Mapping } from "../../mod.ts";

// gABI, "ELF Header": e_type, e_machine and e_ident
const TYPES: Readonly<Record<number, string>> = { 0: "NONE", 1: "REL", 2: "EXEC", 3: "DYN", 4: "CORE" };
const CLASSES: Readonly<Record<number, string>> = { 1: "ELF32", 2: "ELF64" };
const ENCODINGS: Readonly<Record<number, string>> = { 1: "little-endian", 2: "big-endian" };
const MACHINES: Readonly<Record<number, string>> = {
  2: "SPARC",
  3: "i386",
  4: "m68k",
  8: "MIPS",
  15: "PA-RISC",
  20: "PowerPC",
  21: "PowerPC64",
  22: "S390",
  40: "ARM",
  42: "SuperH",
  43: "SPARC V9",
  50: "IA-64",
  62: "x86-64",
  94: "Xtensa",
  183: "AArch64",
  243: "RISC-V",
  247: "BPF",
  252: "C-SKY",
  258: "LoongArch",
};

/**
 * What a file is, in four words.
 *
 * @param header Its file header.
 * @returns Class, data encoding where it is not little-endian, type and machine.
 */
export function fileKind({ EI_CLASS, EI_DATA, e_type, e_machine }: FileHeader): string {
  return [
    CLASSES[EI_CLASS] ?? `class ${EI_CLASS}`,
    ...(EI_DATA === 1 ? [] : [ENCODINGS[EI_DATA] ?? `data encoding ${EI_DATA}`]),
    TYPES[e_type] ?? `type 0x${e_type.toString(16)}`,
    MACHINES[e_machine] ?? `machine 0x${e_machine.toString(16)}`,
  ].join(" ");
}

/**
 * The permissions of a program header.
 *
 * @param p_flags Its flags.
 * @returns Such as "R-X".
 */
export function flagLetters(p_flags: number): string {
  return `${p_flags & 4 ? "R" : "-"}${p_flags & 2 ? "W" : "-"}${p_flags & 1 ? "X" : "-"}`;
}

/**
 * The permissions of a mapping, which can always be read.
 *
 * @param mapping The mapping.
 * @returns Such as "R-X".
 */
export function mappingLetters({ writable, executable }: Mapping): string {
  return `R${writable ? "W" : "-"}${executable ? "X" : "-"}`;
}
