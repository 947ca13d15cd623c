/**
 * GRUB's rules for the ELF header. They hold unless address fields of the Multiboot header say what to load.
 *
 * @module
 */

import { EI_CLASS, EI_DATA, EM_386, EM_X86_64, ET_DYN, ET_EXEC } from "../../core/elf/constants.ts";
import { E_MACHINE, E_TYPE, E_VERSION } from "../../core/elf/file_header.ts";
import { hexAddr } from "../../core/hex.ts";
import type { Breach, Rule } from "../rule.ts";
import type { GrubElf } from "./kernel_file.ts";
import type { GrubView } from "./view.ts";

const SOURCE = "GRUB 2.06 grub-core/loader/multiboot_elfxx.c, grub_multiboot_load_elf";

const EV_CURRENT = 1;

/** Applies a condition on the ELF headers, unless they do not count. */
function onElf(broken: (elf: GrubElf, view: GrubView) => Breach | undefined): Rule<GrubView>["broken"] {
  return (view) => view.addresses || !view.elf ? undefined : broken(view.elf, view);
}

/** The class has to be 32-bit or 64-bit. */
export const ELF_CLASS: Rule<GrubView> = {
  id: "class-unsupported",
  outcome: "refuses",
  words: "invalid arch-dependent ELF magic",
  broken: ({ addresses, elf, bytes }) => {
    if (addresses || elf) return undefined;
    return {
      offset: EI_CLASS,
      message: `EI_CLASS, the fifth byte of the file, is ${bytes[EI_CLASS]}: neither 1 (32-bit) nor 2 (64-bit), so ` +
        "the file is not a valid ELF file. Its Multiboot header has no address fields that would say how to load it.",
    };
  },
  about: "The file is not an ELF file of a known class, and its Multiboot header has no address fields.",
  why: "The loader learns what to load from ELF program headers or from address fields; it looks at the class first.",
  mend: "Link the kernel as ELF, or set the address fields (flag 16, or tags 2 and 3) for a flat binary.",
  source: "GRUB 2.06 grub-core/loader/multiboot.c, grub_multiboot_load_elf",
};

const IDENT_WORDS = "invalid arch-independent ELF magic";

/** The file has to be an ELF file. */
export const NOT_ELF: Rule<GrubView> = {
  id: "not-elf",
  outcome: "refuses",
  words: IDENT_WORDS,
  broken: onElf(({ hasMagic }) =>
    hasMagic ? undefined : { offset: 0, message: "The file does not start with the ELF magic number 7f 45 4c 46." }
  ),
  about: "The file does not start with the ELF magic number, and its Multiboot header has no address fields.",
  why: "The loader learns what to load from ELF program headers or from address fields.",
  mend: "Link the kernel as ELF, or set the address fields (flag 16, or tags 2 and 3) for a flat binary.",
  source: SOURCE,
};

/** The file has to be little-endian. */
export const ELF_ENCODING: Rule<GrubView> = {
  id: "data-encoding-unsupported",
  outcome: "refuses",
  words: IDENT_WORDS,
  broken: onElf(({ isLittleEndian }, { bytes }) =>
    isLittleEndian
      ? undefined
      : { offset: EI_DATA, message: `EI_DATA is ${bytes[EI_DATA]}: the file is not little-endian, as x86 kernels are.` }
  ),
  about: "EI_DATA is not 1 (little-endian).",
  why: "The loader reads ELF files in the byte order of x86 only.",
  mend: "Build the kernel for x86: --target=x86_64-unknown-none, or gcc -m32 or -m64.",
  source: SOURCE,
};

/** The file has to be for a processor that GRUB can enter. */
export const ELF_MACHINE: Rule<GrubView> = {
  id: "machine-unsupported",
  outcome: "refuses",
  words: "invalid arch-dependent ELF magic",
  broken: onElf(({ wide, fileHeader: { e_machine, e_version } }) => {
    const machine = wide ? EM_X86_64 : EM_386;
    if (e_machine !== machine) {
      const message = `e_machine is ${e_machine}; GRUB requires ${machine} ` +
        `(${wide ? "x86-64" : "i386"}) in a ${wide ? 64 : 32}-bit ELF file.`;
      return { offset: E_MACHINE, message };
    }
    return e_version === EV_CURRENT ? undefined : { offset: E_VERSION, message: `e_version is ${e_version}, not 1.` };
  }),
  about:
    "The ELF file is for another processor: a 32-bit file must have e_machine 3 (i386), a 64-bit file 62 (x86-64), " +
    "and e_version must be 1.",
  why: "The loader enters the kernel as 32-bit x86 code.",
  mend: "Build the kernel for x86: --target=x86_64-unknown-none, or gcc -m32 or -m64.",
  source: SOURCE,
};

/** The file has to be linked. */
export const ELF_TYPE: Rule<GrubView> = {
  id: "type-unsupported",
  outcome: "refuses",
  words: "this ELF file is not of the right type",
  broken: onElf(({ fileHeader: { e_type } }) =>
    e_type === ET_EXEC || e_type === ET_DYN
      ? undefined
      : { offset: E_TYPE, message: `e_type is ${e_type}: neither 2 (executable) nor 3 (position-independent).` }
  ),
  about: "The ELF file is not an executable: e_type is neither ET_EXEC nor ET_DYN.",
  why: "Object files and core files have no segments to load.",
  mend: "Link the kernel: ld -T linker.ld -o kernel.elf …",
  source: SOURCE,
};

/** The program headers have to lie in GRUB's buffer. */
export const TABLE_TOO_FAR: Rule<GrubView> = {
  id: "program-headers-too-far",
  outcome: "refuses",
  words: "program header at a too high offset",
  broken: onElf(({ tableEnd, fileHeader: { e_phoff } }, { search, version }) => {
    if (tableEnd <= BigInt(search)) return undefined;
    return {
      offset: Number(e_phoff),
      message: `The program header table ends at file offset ${hexAddr(tableEnd)}; GRUB's command multiboot` +
        `${version === 1 ? "" : "2"} reads it only before ${hexAddr(search)}.`,
    };
  }),
  about: "The program header table ends after the first 8,192 bytes of the file (Multiboot 1) or the first 32,768 " +
    "(Multiboot 2).",
  why: "The loader reads this part of the file once, for the Multiboot header and the program headers.",
  mend:
    "Keep the program header table where linkers put it, right after the ELF header: do not move it to the end of " +
    "the file when the file is patched.",
  source: SOURCE,
};

/** Segments have to end below 4 GiB. */
export const ABOVE_4G: Rule<GrubView> = {
  id: "phys-above-4g",
  outcome: "refuses",
  words: "segment crosses 4 GiB border",
  broken: onElf((elf) => {
    const header = !elf.wide ? undefined : elf.loads
      .find(({ p_paddr, p_memsz }) => BigInt.asUintN(64, p_paddr + p_memsz) >= 2n ** 32n);
    return header && {
      index: header.index,
      offset: header.at,
      message:
        `p_paddr is ${hexAddr(header.p_paddr)} and p_memsz ${hexAddr(header.p_memsz)}: the segment does not end ` +
        "below 4 GiB. GRUB places segments by p_paddr, with paging off.",
      ...(header.p_paddr === header.p_vaddr && header.p_vaddr >= 2n ** 47n
        ? { hint: "p_paddr is the virtual address. Give the section a load address: AT(ADDR(.text) - KERNEL_OFFSET)." }
        : {}),
    };
  }),
  about: "A PT_LOAD of a 64-bit kernel has a physical range (p_paddr, p_memsz) that does not end below 4 GiB.",
  why:
    "The kernel is entered in 32-bit mode with paging off, where no more than 4 GiB can be addressed. A linker script " +
    "without AT(…) makes p_paddr the virtual address.",
  mend:
    "Give the sections load addresses below 4 GiB: .text : AT(ADDR(.text) - KERNEL_OFFSET) { … } in the linker script.",
  source: SOURCE,
};
