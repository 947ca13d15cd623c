/**
 * Recognizes the Linux kernel itself, as an ELF file.
 *
 * The text "Linux version" would be too weak a proof: boot loaders, debuggers and kernels that run Linux programs have
 * it too. Either of two things that only Linux's own build puts into a file is taken for proof:
 *
 * - a note of owner "Xen" and type 6 (`XEN_ELFNOTE_GUEST_OS`) whose text is "linux", which x86 kernels with support for
 *   Xen or PVH have: other kernels write their own name there;
 * - the sections `__ksymtab_strings` (the names that the kernel exports to modules) and `.init.text` together, in a
 *   linked file that names no interpreter. A kernel module has them too, but is not linked. User-mode Linux is linked,
 *   but is a program: it has sections named `.uml.…`, and is not counted.
 *
 * @module
 */

import { EM_X86_64, ET_DYN, ET_EXEC, PT_INTERP } from "../../core/elf/constants.ts";
import type { ElfModel, FileModel } from "../../core/file/file_model.ts";
import { hexAddr } from "../../core/hex.ts";
import type { Protocol } from "../protocol.ts";
import { readXenNotes, XEN_GUEST_OS, XEN_GUEST_VERSION, xenText } from "../xen_notes.ts";

/** The Linux kernel as an ELF file. */
export interface LinuxElf extends Protocol<"linux"> {
  /** What it is called in Linux's own build. */
  readonly image: "vmlinux";
  /** By what it was recognized. */
  readonly proof: "note" | "sections";
  /** The version that a note names, such as "2.6". */
  readonly guestVersion?: string;
  /** The entry: `e_entry`, which is a physical address in kernels for x86-64. */
  readonly entry: bigint;
}

/**
 * Recognizes the kernel.
 *
 * @param file The file, with its notes and section names read.
 * @returns What is known of it; `undefined` if nothing proves that it is Linux.
 */
export function recognizeVmlinux(file: FileModel): LinuxElf | undefined {
  const { elf } = file;
  if (!elf) return undefined;
  const notes = readXenNotes(file);
  const named = notes.find((note) => note.type === XEN_GUEST_OS && xenText(note) === "linux");
  if (!named && !hasLinuxSections(elf)) return undefined;
  const version = notes.find(({ type }) => type === XEN_GUEST_VERSION);
  const { e_entry, e_machine } = elf.fileHeader;
  const physical = elf.wide && e_machine === EM_X86_64 ? ", a physical address" : "";
  const known = named ? `Xen note at file offset ${hexAddr(named.offset)}` : "by its sections";
  return {
    name: "linux",
    ...(named ? { offset: named.offset } : {}),
    summary: `Linux: vmlinux (${known}), entry ${hexAddr(e_entry)}${physical}`,
    image: "vmlinux",
    proof: named ? "note" : "sections",
    ...(named && version ? { guestVersion: xenText(version) } : {}),
    entry: e_entry,
  };
}

function hasLinuxSections({ fileHeader: { e_type }, programHeaders, sections }: ElfModel): boolean {
  if (e_type !== ET_EXEC && e_type !== ET_DYN) return false;
  if (programHeaders.some(({ p_type }) => p_type === PT_INTERP)) return false;
  const names = new Set(sections.map(({ name }) => name));
  const isProgram = sections.some(({ name }) => name?.startsWith(".uml.") === true);
  return !isProgram && names.has("__ksymtab_strings") && names.has(".init.text");
}
