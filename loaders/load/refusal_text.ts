/**
 * Words the refusal of a load with what is known of the file: the load itself says only which value it does not accept.
 *
 * @module
 */

import { ET_REL } from "../../core/elf/constants.ts";
import type { FileHeader } from "../../core/elf/file_header.ts";
import { className, endianName, machineName, typeName } from "../../core/elf/header_names.ts";
import type { SectionHeader } from "../../core/elf/section_header.ts";
import type { FileFormat, FormatAdvice } from "../../formats/format.ts";

/** What a refusal says. */
export interface RefusalText {
  /** What is wrong. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** The command that helps, with the word `FILE` for the file's path. */
  readonly command?: string;
}

/**
 * The message of a refusal, with the names of the values that it shows.
 *
 * @param code The error's code.
 * @param message The error's message.
 * @param header The file header.
 * @returns The message, such as "e_machine is 0xb7 (AArch64), not EM_X86_64 (0x3e)".
 */
export function namedValue(code: string, message: string, header: FileHeader): string {
  const names: Readonly<Record<string, string>> = {
    "class-unsupported": `${className(header)}, for ${machineName(header)}`,
    "data-encoding-unsupported": `${endianName(header)}-endian, for ${machineName(header)}`,
    "machine-unsupported": machineName(header),
    "type-unsupported": typeName(header),
  };
  const name = names[code];
  return name === undefined || name.startsWith("0x")
    ? message
    : message.replace(/(?<= is 0x[0-9a-f]+),/, () => ` (${name}),`);
}

/** Object files that are complete as they are, by a section that only they have. */
const MODULES: readonly (readonly [section: string, hint: string])[] = [
  [".modinfo", "It is a module of Linux (.ko), which a running Linux kernel loads: give the kernel itself."],
  [".modname", "It is a module of GRUB (.mod), which GRUB loads itself: give the kernel."],
];

/**
 * What to do with an object file that is meant to stay one.
 *
 * @param header Its file header.
 * @param sections Its sections, with their names.
 * @returns The hint; `undefined` for any other file.
 */
export function moduleHint({ e_type }: FileHeader, sections: readonly SectionHeader[]): string | undefined {
  if (e_type !== ET_REL) return undefined;
  return MODULES.find(([section]) => sections.some(({ name }) => name === section))?.[1];
}

/**
 * What no ELF file is: what it is instead, and what to do with it.
 *
 * @param text What the load says.
 * @param format The file's format.
 * @returns What to say. Of an unknown file, the load's own words say more.
 */
export function notElf(text: RefusalText, { name, description, advice }: FileFormat): RefusalText {
  if (name === "unknown" && description.startsWith("unknown")) return { ...text, ...advice };
  const message = `Cannot load the file, which is not ELF: ${description}`;
  const { hint, command }: FormatAdvice = advice ?? { hint: "Use the linked ELF file itself." };
  return { message, hint, ...(command === undefined ? {} : { command }) };
}
