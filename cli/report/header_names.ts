/**
 * Names of the numbers in headers and mappings, much as `readelf` prints them.
 *
 * @module
 */

import type { FileHeader } from "../../mod.ts";
import type { Mapping } from "../../core/paging/mod.ts";
import { hex } from "../output/text.ts";
import { MACHINES } from "./machines.ts";

// gABI, "ELF Header": e_type, e_ident
const TYPES: Readonly<Record<number, string>> = { 0: "NONE", 1: "REL", 2: "EXEC", 3: "DYN", 4: "CORE" };
const CLASSES: Readonly<Record<number, string>> = { 1: "ELF32", 2: "ELF64" };
const ENCODINGS: Readonly<Record<number, string>> = { 1: "little", 2: "big" };

/**
 * The class of a file.
 *
 * @param header Its file header.
 * @returns "ELF32" or "ELF64"; the number in hex if it is neither.
 */
export function className({ EI_CLASS }: FileHeader): string {
  return CLASSES[EI_CLASS] ?? hex(EI_CLASS);
}

/**
 * The byte order of a file.
 *
 * @param header Its file header.
 * @returns "little" or "big"; the number in hex if it is neither.
 */
export function endianName({ EI_DATA }: FileHeader): string {
  return ENCODINGS[EI_DATA] ?? hex(EI_DATA);
}

/**
 * The name of the machine that a file is for.
 *
 * @param header Its file header.
 * @returns Such as "x86-64"; the number in hex if it has no name here.
 */
export function machineName({ e_machine }: FileHeader): string {
  return MACHINES.get(e_machine) ?? hex(e_machine);
}

/**
 * Describes a file in three or four words.
 *
 * @param header Its file header.
 * @returns Class, byte order unless it is little-endian, type and machine.
 */
export function fileKind(header: FileHeader): string {
  const { EI_CLASS, EI_DATA, e_type, e_machine } = header;
  const encoding = EI_DATA in ENCODINGS ? `${ENCODINGS[EI_DATA]}-endian` : `data encoding ${EI_DATA}`;
  return [
    EI_CLASS in CLASSES ? className(header) : `class ${EI_CLASS}`,
    ...(EI_DATA === 1 ? [] : [encoding]),
    TYPES[e_type] ?? `type ${hex(e_type)}`,
    MACHINES.has(e_machine) ? machineName(header) : `machine ${hex(e_machine)}`,
  ].join(" ");
}

/**
 * The type of a file.
 *
 * @param header Its file header.
 * @returns Such as "EXEC"; the number in hex if it has no name.
 */
export function typeName({ e_type }: FileHeader): string {
  return TYPES[e_type] ?? hex(e_type);
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
