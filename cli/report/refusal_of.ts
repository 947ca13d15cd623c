/**
 * Words a refusal with what is known of the file: the loader itself says only which value it does not accept.
 *
 * @module
 */

import { EM_386, EM_X86_64 } from "../../core/elf/constants.ts";
import type { FileHeader } from "../../mod.ts";
import type { FormatName } from "../../formats/format.ts";
import { formatAdvice } from "../output/format_advice.ts";
import { listed } from "../output/text.ts";
import { moduleHint, namedValue, notElf, type RefusalText } from "../../loaders/load/refusal_text.ts";
import type { ExaminedFile } from "./examined_file.ts";

export type { RefusalText };

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
 * @param layers The containers around the file at that path, if it is what is in them.
 * @returns What to say.
 */
export function refusalOf(
  code: string,
  text: RefusalText,
  file: ExaminedFile,
  path?: string,
  layers: readonly FormatName[] = [],
): RefusalText {
  if (code === "not-elf") return withPath(notElf(text, file.format), path, layers);
  const { elf, interpreter } = file;
  if (interpreter !== undefined && FOR_LINKERS.includes(code)) {
    const hint = "It is a user program, which needs a dynamic linker. Check that this is the right file.";
    return { message: text.message, hint };
  }
  if (!elf) return text;
  const message = namedValue(code, text.message, elf.fileHeader);
  const hint = code === "type-unsupported" ? moduleHint(elf.fileHeader, elf.sections) : undefined;
  if (hint !== undefined) return { message, hint };
  return FOR_OTHERS.includes(code) ? { ...otherMachine(file, elf.fileHeader, path, text), message } : {
    ...text,
    message,
  };
}

function withPath(
  { message, hint, command }: RefusalText,
  path: string | undefined,
  layers: readonly FormatName[],
): RefusalText {
  return { message, ...(hint === undefined ? {} : formatAdvice({ hint, command }, path, layers)) };
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
