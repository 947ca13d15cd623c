/**
 * What there is to say about notes.
 *
 * @module
 */

import type { Report } from "../../core/diagnostics.ts";
import type { NoteFault } from "../../core/elf/notes.ts";
import { hexAddr } from "../../core/memory/addresses.ts";

/**
 * Reports what is wrong with a note.
 *
 * @param index Index of the program header.
 * @param fault What is wrong, and where in the file.
 * @param report Takes the diagnostic.
 */
export function reportMalformed(index: number, { fileOffset, problem }: NoteFault, report: Report): void {
  report({
    code: "note-malformed",
    severity: "warning",
    index,
    addresses: [],
    message: `Program header ${index}: the note at file offset ${hexAddr(fileOffset)} is malformed: ${problem}.`,
    hint:
      "Check n_namesz, n_descsz and the padding where the note is written, and what the linker script puts beside it.",
  });
}
