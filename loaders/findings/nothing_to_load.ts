/**
 * Files with nothing to load.
 *
 * @module
 */

import { ET_DYN, ET_EXEC, PF_X } from "../../core/elf/constants.ts";
import type { ProtocolName } from "../../protocols/protocol.ts";
import type { FindingRule } from "../finding.ts";
import { moduleHint } from "../load/refusal_text.ts";
import { loadsOf } from "./segments.ts";

/** Protocols whose headers can say themselves what is to be loaded. */
const WITHOUT_SEGMENTS: readonly ProtocolName[] = ["multiboot", "multiboot2", "linux", "uefi"];

/** What other types of ELF files are, and what makes an executable of them. */
const OTHER_TYPES: Readonly<Record<number, readonly [message: string, hint: string]>> = {
  0: ["The file's type is ET_NONE: it is not an executable.", "Link the file as an executable."],
  1: [
    "The file is a relocatable object (ET_REL): it has not been linked.",
    "Link it: ld -T linker.ld -o kernel.elf FILE",
  ],
  4: ["The file is a core dump (ET_CORE), not an executable.", "Use the kernel that it was dumped from."],
};

/** An executable without a `PT_LOAD` that has memory, or no executable. */
export const nothingToLoad: FindingRule = {
  id: "nothing-to-load",
  severity: "error",
  parts: [],
  find: ({ model, protocols }) => {
    const { elf } = model;
    if (!elf || protocols.some(({ name }) => WITHOUT_SEGMENTS.includes(name))) return [];
    const { e_type, e_phnum } = elf.fileHeader;
    const other = OTHER_TYPES[e_type];
    const hint = moduleHint(elf.fileHeader, elf.sections);
    if (hint !== undefined) return [{ offset: 16, message: "The file is a relocatable object (ET_REL).", hint }];
    if (other) return [{ offset: 16, message: other[0], hint: other[1] }];
    if (![ET_EXEC, ET_DYN].includes(e_type) || loadsOf(model).length > 0) return [];
    const state = e_phnum === 0
      ? "has no program headers"
      : `has ${e_phnum} program header${e_phnum === 1 ? "" : "s"}, but no PT_LOAD with memory`;
    return [{ message: `The file ${state}: there is nothing to load.` }];
  },
  about: "The file is a relocatable object or a core dump, or an executable without a PT_LOAD segment that has memory.",
  why:
    "Loaders load segments, which only the linker makes. An executable has none if no section was left: --gc-sections " +
    "removes everything that the entry symbol does not reach, and a linker script can discard it.",
  mend: "Name the entry symbol (ENTRY, or -e), keep its section (KEEP(*(.text.boot))), and look at what ld " +
    "--print-gc-sections removes.",
  source: 'gABI, "Program Loading"',
};

/** An executable whose code is not in the file. */
export const debugOnly: FindingRule = {
  id: "debug-only",
  severity: "error",
  parts: [],
  find: ({ model, protocols }) => {
    const code = loadsOf(model).filter(({ p_flags }) => (p_flags & PF_X) !== 0);
    if (code.length === 0 || code.some(({ p_filesz }) => p_filesz > 0n)) return [];
    if (protocols.some(({ name }) => WITHOUT_SEGMENTS.includes(name))) return [];
    const { index } = code[0];
    const message =
      `No executable segment has bytes in the file, beginning with program header ${index}: this is what ` +
      "objcopy --only-keep-debug leaves of a kernel.";
    return [{ index, message }];
  },
  about: "The file has executable PT_LOAD segments, and all of them have a p_filesz of 0.",
  why:
    "The code is not in this file. A file with debug information only has the program headers of the kernel that it " +
    "belongs to, and a loader that loads it starts a kernel of zeros.",
  mend:
    "Use the kernel itself: the file that objcopy --strip-debug, or strip, was applied to, not the .debug file next " +
    "to it.",
  source: "GNU binutils, objcopy manual: --only-keep-debug",
};
