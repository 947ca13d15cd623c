/** Files for QEMU's -kernel that break rules which generated files seldom break, and what QEMU 7.2 said of them. */

import {
  ELFCLASS32,
  ELFCLASS64,
  EM_386,
  PF_R,
  PF_X,
  PT_LOAD,
  PT_NOTE,
  RECORD_SIZES,
} from "../../core/elf/constants.ts";
import { writeFileHeader, writeProgramHeader } from "../../core/elf/writer.ts";
import { CODE, dataAt, entryNote, joined, linuxImage, pvhKernel, type PvhSpec, words32 } from "./pvh_kernels.ts";
import type { QemuAnswer } from "./qemu_oracle.ts";

/** A file, the rule that it breaks, and QEMU's answer. */
export interface RareFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly rule: string | undefined;
  readonly answer: QemuAnswer;
}

const refuses = (words: string): QemuAnswer => ({ outcome: "refuses", words });
const dies = (signal: string): QemuAnswer => ({ outcome: "fails", words: `QEMU itself dies of ${signal}` });
const FAILS: QemuAnswer = { outcome: "fails" };
const BOOTS: QemuAnswer = { outcome: "boots" };

const LOADING = "Error while loading elf kernel";
const NO_NOTE = "Error loading uncompressed kernel without PVH ELF Note";
const FETCHING = "Error while fetching elf kernel from rom";

/** A kernel for Multiboot 1, for 32-bit x86, with a header at file offset 0x700. */
function multiboot(spec: PvhSpec, flags = 0, ...fields: number[]): Uint8Array {
  const bytes = pvhKernel({ notes: null, ...spec, header: { e_machine: EM_386, ...spec.header } });
  bytes.set(words32(0x1bad_b002, flags, -(0x1bad_b002 + flags) >>> 0, ...fields), 0x700);
  return bytes;
}

/** Bytes before the entry of {@linkcode guarded}. */
const GUARD = 4n;

/** One that is not reached by running through zeros: what is before its entry is no instruction. */
function guarded(spec: PvhSpec): Uint8Array {
  const bytes = multiboot({ ...spec, header: { e_entry: BigInt(CODE) + GUARD, ...spec.header } });
  bytes.fill(0xff, 0x1000, 0x1000 + Number(GUARD));
  return bytes;
}

/** With address fields: the header at 0x700 would lie at 0x100000 - 0x900. */
function addressed(...fields: number[]): Uint8Array {
  return multiboot({}, 0x1_0000, ...fields);
}

/** An ELF32 kernel whose one note has sizes that add up to 2^32. */
function endlessNote(): Uint8Array {
  const bytes = new Uint8Array(0x3000);
  bytes.set(words32(0xffff_fff4, 0, 1), 0x800);
  const fields = { e_type: 2, e_machine: EM_386, e_entry: BigInt(CODE), e_phoff: 0x34n, e_phnum: 2 };
  writeFileHeader(bytes, ELFCLASS32, fields);
  const { programHeader } = RECORD_SIZES[ELFCLASS32];
  const load = {
    p_type: PT_LOAD,
    p_flags: PF_R | PF_X,
    p_offset: 0x1000n,
    p_vaddr: BigInt(CODE),
    p_paddr: BigInt(CODE),
  };
  writeProgramHeader(bytes, 0x34, ELFCLASS32, { ...load, p_filesz: 0x40n, p_memsz: 0x40n });
  writeProgramHeader(bytes, 0x34 + programHeader, ELFCLASS32, {
    ...{ p_type: PT_NOTE, p_offset: 0x800n, p_filesz: 12n, p_memsz: 12n, p_align: 4n },
  });
  return bytes;
}

/** A kernel whose entry is in a PT_LOAD after the notes' header, as it is: the builder would make its bytes. */
function withLoad(p_offset: bigint, p_filesz: bigint, p_memsz: bigint): Uint8Array {
  const bytes = pvhKernel({ header: { e_phnum: 3 }, notes: entryNote(0x20_0000) });
  const load = { p_type: PT_LOAD, p_paddr: 0x20_0000n, p_vaddr: 0x20_0000n, p_offset, p_filesz, p_memsz, p_align: 1n };
  writeProgramHeader(bytes, 0x40 + 2 * 56, ELFCLASS64, load);
  return bytes;
}

/** The files. */
export const RARE_FILES: readonly RareFile[] = [
  { name: "empty", bytes: new Uint8Array(), rule: "empty-file", answer: refuses("could not load kernel") },
  {
    name: "a short text",
    bytes: new TextEncoder().encode("#!/bin/sh\n"),
    rule: "image-truncated",
    answer: refuses("invalid kernel header"),
  },
  {
    name: "a truncated image",
    bytes: linuxImage({ setup_sects: 40 }),
    rule: "image-truncated",
    answer: refuses("invalid kernel header"),
  },
  {
    name: "a file of zeros",
    bytes: new Uint8Array(0x3000),
    rule: "not-a-kernel",
    answer: FAILS,
  },
  {
    name: "an ELF file with HdrS",
    bytes: (() => {
      const bytes = pvhKernel();
      bytes.set(new TextEncoder().encode("HdrS"), 0x202);
      return bytes;
    })(),
    rule: "setup-code-missing",
    answer: FAILS,
  },
  {
    name: "Multiboot, not ELF",
    bytes: multiboot({}).fill(0x20, 0, 4),
    rule: "not-elf",
    answer: refuses(LOADING),
  },
  {
    name: "e_flags",
    bytes: pvhKernel({ header: { e_flags: 0x1_0004 } }),
    rule: "elf-flags",
    answer: refuses("elfboot unsupported flags = 10004"),
  },
  {
    name: "sizes of 2^63",
    bytes: pvhKernel({ more: [dataAt(0x20_0000n, { p_memsz: 1n << 63n })] }),
    rule: "memory-size-overflow",
    answer: refuses(LOADING),
  },
  {
    name: "sizes of 2 GiB",
    bytes: pvhKernel({ more: [dataAt(0x20_0000n, { p_memsz: 0x7fff_ffc0n })] }),
    rule: "kernel-too-large",
    answer: refuses(LOADING),
  },
  { name: "an endless note", bytes: endlessNote(), rule: "note-endless", answer: FAILS },
  {
    name: "p_align 0, the entry's note first",
    bytes: pvhKernel({ noteHeader: { p_align: 0n } }),
    rule: "note-align-zero",
    answer: dies("SIGFPE"),
  },
  {
    name: "p_align 8, an entry of 8 bytes",
    bytes: pvhKernel({ notes: entryNote(CODE, 8), noteHeader: { p_align: 8n } }),
    rule: "note-align-mismatch",
    answer: refuses(NO_NOTE),
  },
  {
    name: "p_align 8, an entry of 4 bytes with more after it",
    bytes: pvhKernel({ notes: entryNote(BigInt(CODE) | 0x40n << 32n, 12), noteHeader: { p_align: 8n } }),
    rule: "note-entry-misread",
    answer: FAILS,
  },
  {
    name: "an entry in a PT_LOAD that wraps around",
    bytes: withLoad((1n << 64n) - 0x1000n, 0x1000n, 0x1000n),
    rule: "segment-wraps",
    answer: FAILS,
  },
  {
    name: "Multiboot without a PT_LOAD",
    bytes: multiboot({ code: { p_type: 0 } }),
    rule: "multiboot-incomplete",
    answer: refuses(FETCHING),
  },
  {
    name: "Multiboot, more in the file than in memory",
    bytes: multiboot({ code: { p_memsz: 0x20n } }),
    rule: "multiboot-incomplete",
    answer: refuses(FETCHING),
  },
  {
    name: "Multiboot, more in the file than in memory after the code",
    bytes: multiboot({ more: [dataAt(0x20_0000n, { p_memsz: 0x20n })] }),
    rule: "multiboot-overrun",
    answer: dies("SIGSEGV"),
  },
  {
    name: "Multiboot, a PT_LOAD on the firmware",
    bytes: multiboot({ more: [dataAt(0xfffc_0000n)] }),
    rule: "multiboot-overrun",
    answer: dies("SIGSEGV"),
  },
  {
    name: "Multiboot, the entry below the option ROMs and data above",
    bytes: multiboot({ header: { e_entry: 0x8000n }, code: { p_vaddr: 0x8000n }, more: [dataAt(0x20_0000n)] }),
    rule: "multiboot-over-option-rom",
    answer: FAILS,
  },
  {
    name: "Multiboot, the entry above the option ROMs and data below",
    bytes: guarded({ more: [dataAt(0x8000n)] }),
    rule: "multiboot-over-option-rom",
    answer: FAILS,
  },
  {
    name: "Multiboot, data above the option ROM that copies it",
    bytes: guarded({ more: [dataAt(0xc_b300n)] }),
    rule: undefined,
    answer: BOOTS,
  },
  {
    name: "Multiboot, code whose page after the end reaches the option ROM",
    bytes: guarded({ code: { p_vaddr: 0xc_8300n }, header: { e_entry: 0xc_8300n + GUARD } }),
    rule: "multiboot-over-option-rom",
    answer: FAILS,
  },
  {
    name: "Multiboot, code whose page after the end is the last before the option ROM",
    bytes: guarded({ code: { p_vaddr: 0xc_8200n }, header: { e_entry: 0xc_8200n + GUARD } }),
    rule: undefined,
    answer: BOOTS,
  },
  {
    name: "Multiboot with address fields, a bss that reaches the option ROM",
    bytes: addressed(0x8_0000 + 0x700, 0x8_0000, 0, 0xc_a100, 0x8_1000),
    rule: "multiboot-over-option-rom",
    answer: FAILS,
  },
  {
    name: "Multiboot with address fields, a bss that ends below it",
    bytes: addressed(0x8_0000 + 0x700, 0x8_0000, 0, 0xc_9000, 0x8_1000),
    rule: undefined,
    answer: BOOTS,
  },
  {
    name: "Multiboot, the entry in video memory",
    bytes: multiboot({ header: { e_entry: 0xa_0000n }, code: { p_vaddr: 0xa_0000n } }),
    rule: "entry-in-video-memory",
    answer: FAILS,
  },
  {
    name: "Multiboot, the entry in video memory of text mode",
    bytes: multiboot({ header: { e_entry: 0xb_8000n }, code: { p_vaddr: 0xb_8000n } }),
    rule: undefined,
    answer: BOOTS,
  },
  {
    name: "Multiboot, overlapping PT_LOADs",
    bytes: multiboot({ more: [dataAt(BigInt(CODE) + 0x10n, { filesz: 0x10 })] }),
    rule: "multiboot-incomplete",
    answer: refuses(FETCHING),
  },
  {
    name: "Multiboot, the entry in data that is not executable",
    bytes: multiboot({
      header: { e_entry: 0x9010_0000n },
      code: { p_paddr: BigInt(CODE), p_vaddr: 0x9010_0000n, p_flags: 4 },
    }),
    rule: "entry-outside-load",
    answer: FAILS,
  },
  {
    name: "Multiboot with address fields",
    bytes: addressed(CODE - 0x900, CODE - 0x1000, 0, 0, CODE),
    rule: undefined,
    answer: BOOTS,
  },
  {
    name: "header_addr below load_addr",
    bytes: addressed(CODE - 0x900, CODE, 0, 0, CODE),
    rule: "multiboot-addresses",
    answer: refuses("invalid load_addr address"),
  },
  {
    name: "header_addr far above load_addr",
    bytes: addressed(CODE, CODE - 0x1000, 0, 0, CODE),
    rule: "multiboot-addresses",
    answer: refuses("invalid header_addr address"),
  },
  {
    name: "load_end_addr below load_addr",
    bytes: addressed(CODE - 0x900, CODE - 0x1000, 1, 0, CODE),
    rule: "multiboot-addresses",
    answer: refuses("invalid load_end_addr address"),
  },
  {
    name: "bss_end_addr below what is loaded",
    bytes: addressed(CODE - 0x900, CODE - 0x1000, 0, CODE, CODE),
    rule: "multiboot-addresses",
    answer: refuses("invalid bss_end_addr address"),
  },
  {
    name: "load_end_addr past the end of the file",
    bytes: addressed(CODE - 0x900, CODE - 0x1000, CODE + 0x10_0000, 0, CODE),
    rule: "multiboot-addresses",
    answer: refuses("fread() failed"),
  },
  {
    name: "load_addr close to 4 GiB",
    bytes: addressed(0xffff_f700, 0xffff_f000, 0, 0, CODE),
    rule: "multiboot-addresses",
    answer: refuses("kernel does not fit in address space"),
  },
  {
    name: "an entry of zeros",
    bytes: pvhKernel({ more: [dataAt(0x20_0000n, { data: new Uint8Array(0x100) })], notes: entryNote(0x20_0000) }),
    rule: "entry-zero-bytes",
    answer: FAILS,
  },
  {
    name: "an entry without memory",
    bytes: pvhKernel({ more: [dataAt(0x2000_0000n)], notes: entryNote(0x2000_0000) }),
    rule: "entry-outside-ram",
    answer: FAILS,
  },
  {
    name: "an entry that the firmware clears",
    bytes: pvhKernel({ code: { p_vaddr: 0x5_0000n }, notes: entryNote(0x5_0000) }),
    rule: "entry-in-firmware-memory",
    answer: FAILS,
  },
  {
    name: "an entry in the firmware's tables",
    bytes: pvhKernel({ code: { p_vaddr: 0xffe_2000n }, notes: entryNote(0xffe_2000) }),
    rule: "entry-in-firmware-memory",
    answer: FAILS,
  },
  {
    name: "an entry below 1 MiB that survives",
    bytes: pvhKernel({ code: { p_vaddr: 0x9_0000n }, notes: entryNote(0x9_0000) }),
    rule: undefined,
    answer: BOOTS,
  },
  {
    name: "a p_align that leads out of the file",
    bytes: pvhKernel({ noteHeader: { p_align: 0x1000_0000n } }),
    rule: "note-entry-outside-file",
    answer: dies("SIGSEGV"),
  },
  {
    name: "a name that leads out of the file",
    bytes: pvhKernel({ notes: words32(0x8000_0004, 4, 18, 0x6e_6558, CODE) }),
    rule: "note-entry-outside-file",
    answer: dies("SIGSEGV"),
  },
  {
    name: "16 GiB to be zeroed",
    bytes: pvhKernel({ more: [dataAt(0x1_0000_0000n, { p_memsz: 0x4_0000_0100n })] }),
    rule: "bss-outside-ram",
    answer: FAILS,
  },
  {
    name: "Multiboot for x86-64",
    bytes: multiboot({ header: { e_machine: 62 } }),
    rule: "multiboot-64-bit",
    answer: refuses("Cannot load x86-64 image, give a 32bit one."),
  },
  {
    name: "Multiboot for x86-64, with a note",
    bytes: multiboot({ header: { e_machine: 62 }, notes: entryNote() }),
    rule: "multiboot-hides-pvh",
    answer: refuses("Cannot load x86-64 image, give a 32bit one."),
  },
  {
    name: "an image that does not fit into memory below 0x90000",
    bytes: joined(linuxImage({ loadflags: 0 }), new Uint8Array(2 ** 20)),
    rule: "image-outside-ram",
    answer: FAILS,
  },
];
