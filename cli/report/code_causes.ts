/**
 * What the codes of errors and diagnostics mean, in a sentence each; what to do about them stands with the codes.
 *
 * @module
 */

import type { ErrorCode } from "../../mod.ts";
import type { CliErrorCode } from "../output/cli_error.ts";

/** The cause of each error. docs/errors.md has the same sentences. */
export const ERROR_CAUSES: Readonly<Record<ErrorCode, string>> = {
  "file-too-short": "The data ends inside the structure being read, such as the ELF file header.",
  "not-elf": "The first four bytes are not the ELF magic number.",
  "class-unsupported": "`EI_CLASS` is not supported.",
  "data-encoding-unsupported": "`EI_DATA` is not supported.",
  "version-unsupported": "`EI_VERSION` is 0.",
  "type-unsupported": "`e_type` is neither `ET_EXEC` nor `ET_DYN`.",
  "machine-unsupported": "`e_machine` is not `EM_X86_64`.",
  "record-size-mismatch": "`e_ehsize` or `e_phentsize` is not the size that the class defines.",
  "program-headers-missing": "There are program headers, but `e_phoff` is 0.",
  "program-header-count-extended": "`e_phnum` is `PN_XNUM`: the count is in a section header.",
  "program-headers-out-of-file": "The program header table reaches past the end of the file.",
  "program-headers-misaligned": "`e_phoff` is not a multiple of the word size of the class.",
  "section-headers-out-of-file": "The section header table reaches past the end of the file.",
  "segment-out-of-file": "A segment reaches past the end of the file.",
  "segment-type-refused": "The rules refuse this type of program header.",
  "alignment-invalid": "`p_align` is neither 0 nor a power of two.",
  "alignment-mismatch": "`p_vaddr` and `p_offset` are not congruent modulo `p_align`.",
  "filesz-exceeds-memsz": "`p_filesz` is larger than `p_memsz`.",
  "address-not-canonical": "A virtual address is not canonical, or a range crosses the non-canonical hole.",
  "address-overflow": "An address, or a sum of addresses and sizes, is outside the 64-bit address space.",
  "segments-overlap": "The address ranges of two `PT_LOAD` headers overlap.",
  "no-load-segment": "No `PT_LOAD` header asks for memory.",
  "tls-repeated": "There is more than one `PT_TLS` header.",
  "kernel-base-refused": "`kernelBase` was given for a file that is not position-independent.",
  "kernel-base-misaligned": "`kernelBase` is not a multiple of 4096 and of the largest `p_align`.",
  "memory-limit-exceeded": "The load needs more than `maxMemory`, or the system could not allocate its memory.",
  "memory-too-small": "Something does not fit in physical memory or in the room reserved for it.",
  "frame-unusable": "The frame allocator handed out an unusable frame; `field` is the reason.",
  "frames-exhausted":
    "The frame allocator has no more frames; `field` is their purpose, `value` the number of bytes still needed.",
  "page-already-mapped": "A page that is to be mapped is already mapped.",
  "range-recursive": "A range touches a level-4 entry that points to the level-4 table itself.",
  "range-in-use": "A physical range that the caller describes holds frames of the load.",
  "not-bootable": "A frame, or the memory, lies where the kernel cannot be booted from.",
  "frame-out-of-memory": "A page that is to be read or written is mapped to a frame outside this memory.",
  "page-not-mapped": "A page that is needed is not mapped.",
  "table-out-of-memory": "A page-table entry points outside the window of physical memory.",
  "level4-exhausted": "There are not enough consecutive free level-4 entries.",
  "dynamic-malformed": "The dynamic table is malformed, lacks what relocating needs, or has too many relocations.",
  "relocation-unsupported": "A relocation has a type that is not supported.",
  "relocation-out-of-segment": "A relocation applies to an address outside every `PT_LOAD` segment.",
  "symbol-undefined": "A relocation refers to a symbol that is neither defined nor weak.",
  "plugin-failed": "A plugin threw; its error is the cause.",
  "source-failed": "The source of the bytes failed.",
  "response-not-ok": "The HTTP response has an error status.",
};

/** The errors of the command line itself, with what to do about them. "internal" is any other. */
export const COMMAND_ERRORS: Readonly<
  Record<Exclude<CliErrorCode, ErrorCode> | "internal", { readonly about: string; readonly hint: string }>
> = {
  "usage": {
    about: "A command, a flag or its value is wrong.",
    hint: "kload help COMMAND lists the flags of a command, with examples.",
  },
  "dump-failed": {
    about: "The file of --dump, or the core file, could not be written; an old file stays as it was.",
    hint: "The message has the reason. The folder must be writable, and a scoped Deno needs permission for it.",
  },
  "image-failed": {
    about: "The boot image, or the image of a map, could not be written; an old file stays as it was.",
    hint: "The message has the reason. The folder must be writable, and a scoped Deno needs permission for it.",
  },
  "fix-failed": {
    about: "The file of check --fix could not be written; an old file stays as it was.",
    hint: "The message has the reason. The folder must be writable, and a scoped Deno needs permission for it.",
  },
  "qemu-failed": {
    about: "QEMU could not be started, or ended with an error of its own.",
    hint: "Install qemu-system-x86_64 and check the arguments after --; the message has what QEMU printed.",
  },
  "output-failed": {
    about: "Standard output could not be written to, for example because the disk is full.",
    hint: "The message has the reason.",
  },
  "interrupted": {
    about: "Ctrl-C, SIGHUP or SIGTERM ended the command.",
    hint: "No output file is left half written: run the command again.",
  },
  "internal": {
    about: "Something happened that kload does not expect: a bug in it, unless Deno lacks a permission.",
    hint: "Please report it, with the file or the output of kload inspect.",
  },
};

/** What each diagnostic says was found. docs/errors.md has the same sentences. */
export const DIAGNOSTIC_CAUSES: Readonly<Record<string, string>> = {
  "segment-copied":
    "The segment's bytes lie at other offsets within their pages than its addresses do; they were copied into fresh frames.",
  "bytes-misplaced":
    "The segment's bytes lie at other offsets within their pages than its addresses do; its pages were mapped as they are, so the wrong bytes are at its addresses.",
  "pages-merged": "Two segments share a page; it got one fresh frame and the permissions of both.",
  "page-unshared": "A writable segment has file pages that another segment also maps; it got copies of them.",
  "segment-type-unknown": "A program header has a type outside every known range; it is ignored.",
  "alignment-mismatch": "`p_vaddr` and `p_offset` are not congruent modulo `p_align`; the segment was loaded.",
  "tls-outside-load": "The TLS template's bytes lie outside every `PT_LOAD` segment.",
  "entry-not-executable": "The entry point is not in an executable page.",
  "physical-address-ignored": "`p_paddr` is set and differs from `p_vaddr`; segments are placed by `p_vaddr`.",
  "relocations-unapplied": "A position-independent kernel has relocations, but none were applied.",
  "shared-libraries-needed": "The file needs shared libraries, which are not loaded.",
  "text-relocations": "Relocations may modify segments that are not writable; they were applied.",
  "relocations-of-fixed-kernel": "An `ET_EXEC` kernel has relocations; they were not applied.",
  "relro-page-shared":
    "A page that RELRO ranges cover in part also holds writable data outside them; it stays writable.",
  "stack-executable": "The kernel asks for an executable stack.",
  "note-malformed":
    "A note's sizes reach past its segment, or its content is not valid for its type; the message has the file offset.",
  "note-alignment": "Some notes are aligned to another multiple than `p_align` says.",
  "notes-left-out": "There are more than 65,536 bytes of notes; the rest was not read.",
  "property-malformed": "The GNU properties are missing, repeated, truncated or of the wrong size.",
  "user-program": "The file requests a dynamic linker: it looks like a user program.",
  "phdr-mismatch":
    "`PT_PHDR` and the ELF file header disagree about the offset or the size of the program header table.",
  "phdr-outside-load": "No `PT_LOAD` segment puts the program header table at the address in `PT_PHDR`.",
  "eh-frame-malformed": "The unwind table's header is inconsistent, of an unknown version, or lies outside memory.",
  "eh-frame-encoding":
    "The unwind table uses an encoding that is not supported, leaves a field out, or belongs to a 32-bit file.",
  "openbsd-range-not-loaded": "The range of an OpenBSD program header does not lie within a single `PT_LOAD` segment.",
  "openbsd-bootdata-empty": "The kernel reserves room for boot data, and none was written.",
  "openbsd-wx-needed": "The kernel asks for pages that are both writable and executable.",
  "section-table-missing": "The file has no section header table, or an empty one.",
  "section-table-malformed": "The section header table is truncated or inconsistent.",
  "section-names-malformed": "Some section names cannot be read.",
  "section-missing": "A section that was asked for does not exist.",
  "section-empty": "A chosen section has no bytes in the file.",
  "section-loaded": "A chosen section is already in memory, as part of the kernel's image.",
  "section-malformed": "A section's range reaches past the end of the file or of the usable memory.",
  "sections-overlap": "Two chosen sections share bytes of the file; both were mapped.",
};
