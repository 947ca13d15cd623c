/**
 * Names of the numbers in a file header, much as `readelf` prints them.
 *
 * @module
 */

import { hexAddr } from "../hex.ts";
import type { FileHeader } from "./file_header.ts";
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
  return CLASSES[EI_CLASS] ?? hexAddr(EI_CLASS);
}

/**
 * The byte order of a file.
 *
 * @param header Its file header.
 * @returns "little" or "big"; the number in hex if it is neither.
 */
export function endianName({ EI_DATA }: FileHeader): string {
  return ENCODINGS[EI_DATA] ?? hexAddr(EI_DATA);
}

/**
 * The name of the machine that a file is for.
 *
 * @param header Its file header.
 * @returns Such as "x86-64"; the number in hex if it has no name here.
 */
export function machineName({ e_machine }: FileHeader): string {
  return MACHINES.get(e_machine) ?? hexAddr(e_machine);
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
    TYPES[e_type] ?? `type ${hexAddr(e_type)}`,
    MACHINES.has(e_machine) ? machineName(header) : `machine ${hexAddr(e_machine)}`,
  ].join(" ");
}

/**
 * The type of a file.
 *
 * @param header Its file header.
 * @returns Such as "EXEC"; the number in hex if it has no name.
 */
export function typeName({ e_type }: FileHeader): string {
  return TYPES[e_type] ?? hexAddr(e_type);
}
