/**
 * The diagnostics of the plugin notes.
 *
 * @module
 */

import {
  type Diagnostic,
  type DiagnosticKind,
  diagnostics,
  type Finding,
  type Report,
} from "../../core/diagnostics.ts";
import type { NoteFault } from "../../core/elf/notes.ts";
import { hexAddr } from "../../core/hex.ts";

/** The kinds, by code. */
export const DIAGNOSTICS = {
  "note-malformed": {
    severity: "warning",
    hint:
      "Check n_namesz, n_descsz and the padding in the note's source, and what the linker script places next to it.",
  },
  "note-alignment": {
    severity: "info",
    hint: "Put notes aligned to 4 and to 8 bytes in separate segments: readers that rely on p_align may miss them.",
  },
  "notes-left-out": {
    severity: "warning",
    hint: "Keep anything that the kernel does not need out of PT_NOTE.",
  },
} as const satisfies Readonly<Record<string, DiagnosticKind>>;

/** Completes a finding of the plugin. */
export const diagnostic: (code: keyof typeof DIAGNOSTICS, finding: Finding) => Diagnostic = diagnostics(DIAGNOSTICS);

/**
 * Reports what is wrong with a note.
 *
 * @param index Index of the program header.
 * @param fault What is wrong, and where in the file.
 * @param report Takes the diagnostic.
 */
export function reportMalformed(index: number, { fileOffset, problem }: NoteFault, report: Report): void {
  const message = `The note at file offset ${hexAddr(fileOffset)} is malformed: ${problem}.`;
  report(diagnostic("note-malformed", { index, message }));
}
