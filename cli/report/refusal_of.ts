/**
 * Words a refusal with what is known of the file: the loader itself says only which value it does not accept.
 *
 * @module
 */

import { EM_386, EM_X86_64 } from "../../core/elf/constants.ts";
import type { FileHeader } from "../../mod.ts";
import { formatAdvice } from "../output/format_advice.ts";
import { listed } from "../output/text.ts";
import type { ExaminedFile } from "./examined_file.ts";
import { className, endianName, machineName, typeName } from "./header_names.ts";

/** What a refusal says. */
export interface RefusalText {
  /** What is wrong. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** A command to copy, printed after the hint. */
  readonly command?: string;
}

/** Codes of refusals that come of what dynamic linkers do for programs. */
const FOR_LINKERS: readonly string[] = ["symbol-undefined", "relocation-unsupported", "dynamic-malformed"];

/** Codes of refusals of files for other machines. */
const FOR_OTHERS: readonly string[] = ["class-unsupported", "data-encoding-unsupported", "machine-unsupported"];

/**
 * Words a refusal.
 *
 * @param code The error's code.
 * @param text What the loader says.
 * @param file What the file is.
 * @param path The file's path, for commands; without it, there are none.
 * @returns What to say.
 */
export function refusalOf(code: string, text: RefusalText, file: ExaminedFile, path?: string): RefusalText {
  if (code === "not-elf") return notElf(text, file, path);
  const { elf, interpreter } = file;
  if (interpreter !== undefined && FOR_LINKERS.includes(code)) {
    const hint = "It is a user program, which needs a dynamic linker. Check that this is the right file.";
    return { message: text.message, hint };
  }
  if (!elf) return text;
  const message = named(code, text.message, elf.fileHeader);
  return FOR_OTHERS.includes(code) ? { ...otherMachine(file, elf.fileHeader, path, text), message } : {
    ...text,
    message,
  };
}

/** A file that is not ELF: what it is instead, and what to do with it. */
function notElf(text: RefusalText, { format: { name, description, advice } }: ExaminedFile, path?: string) {
  // The loader's own message says more about an unknown file.
  const message = name === "unknown" ? text.message : `Cannot load the file, which is not ELF: ${description}`;
  if (!advice) return name === "unknown" ? text : { message, hint: "Use the linked ELF file itself." };
  return { message, ...formatAdvice(advice, path) };
}

/** The message, with the names of the values that it shows. */
function named(code: string, message: string, header: FileHeader): string {
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

/** What to do with a file for another machine. */
function otherMachine(
  { protocols }: ExaminedFile,
  header: FileHeader,
  path: string | undefined,
  text: RefusalText,
): Pick<RefusalText, "hint" | "command"> {
  const { e_machine } = header;
  if (e_machine === EM_X86_64) return text;
  const own = "kload loads 64-bit kernels for x86-64.";
  if (e_machine === EM_386 && protocols.length > 0) {
    const made = listed(protocols.map(({ summary }) => summary.replace(/:.*$/, "")));
    const hint = `${own} This one is made for ${made}; to see what its loaders do with it:`;
    return formatAdvice({ hint, command: "kload check FILE" }, path);
  }
  if (e_machine === EM_386) return text;
  return { hint: `${own} If this file should be one, check the compiler's target.` };
}
