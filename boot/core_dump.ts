/**
 * Core dumps: the virtual address space of a loaded kernel as an ELF core file, for debuggers.
 *
 * @module
 */

import { ELFCLASS64, EM_X86_64, PF_R, PF_W, PF_X, PN_XNUM, PT_LOAD, PT_NOTE } from "../core/elf/constants.ts";
import { RECORD_SIZES } from "../core/elf/constants.ts";
import type { ProgramHeader } from "../core/elf/program_header.ts";
import {
  encodeNote,
  SECTION_HEADER_SIZE,
  writeFileHeader,
  writeProgramHeader,
  writeProgramHeaderCount,
} from "../core/elf/writer.ts";
import type { LoadedKernel } from "../core/loaded_kernel.ts";
import { alignUp, PAGE_SIZE } from "../core/memory/addresses.ts";
import type { PhysicalMemory } from "../core/memory/physical_memory.ts";
import type { Mapping } from "../core/paging/listing.ts";
import { checkKeys } from "../core/pipeline/settings.ts";
import { type CpuState, cpuState, type CpuStateOptions } from "./cpu_state.ts";
import { checkKernel, isInside } from "./pages/options.ts";
import { type RegionOptions, usedRegions } from "./regions.ts";

/** What determines the registers and the content of the file. */
export interface CoreDumpOptions extends CpuStateOptions, RegionOptions {}

/** A piece of a core file. */
export interface CorePiece {
  /** Its offset in the file. */
  readonly offset: number;
  /** Its bytes; except in the first piece, a view of the kernel's memory. */
  readonly bytes: Uint8Array;
}

/** A core file. */
export interface CoreDump {
  /** Number of bytes of the file. */
  readonly size: number;
  /** The pieces, ascending; everything between them is zero. */
  readonly pieces: readonly CorePiece[];
}

// gABI, "ELF Header": e_type of a core file
const ET_CORE = 4;

// Linux, include/uapi/linux/elfcore.h and elf.h: struct elf_prstatus of x86-64
const NT_PRSTATUS = 1;
const PRSTATUS_SIZE = 336;
const PR_CURSIG = 12;
const PR_PID = 32;
const PR_REG = 112;

/** Linux, arch/x86/include/asm/user_64.h, struct user_regs_struct: the index of each register in pr_reg. */
const REG = { rdi: 14, rip: 16, cs: 17, rflags: 18, rsp: 19, ss: 20, ds: 23, es: 24, fs: 25, gs: 26 } as const;

const SIGTRAP = 5;
const RFLAGS_FIXED = 2n;

const { fileHeader: EHDR_SIZE, programHeader: PHDR_SIZE } = RECORD_SIZES[ELFCLASS64];

/**
 * Lays out a core file: what the page tables map, and the registers at the entry point. The file holds physical memory
 * once and mappings point into it, so memory that is mapped twice takes no extra room. Memory that is not in use or is
 * zero is left out of the pieces.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { coreDump } from "@kload/kload/boot/core-dump";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const { size, pieces } = coreDump(kernel);
 * const file = new Uint8Array(size);
 * for (const { offset, bytes } of pieces) file.set(bytes, offset);
 * assertEquals(new Uint16Array(file.buffer, 16, 2), new Uint16Array([4, 62])); // ET_CORE, EM_X86_64
 * ```
 *
 * @param kernel The kernel.
 * @param options The stack, boot information and context switch, for the registers; a ramdisk; and whether to scan
 * .bss.
 * @returns The core file.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 */
export function coreDump(
  kernel: Pick<
    LoadedKernel,
    "entryPoint" | "fileHeader" | "frameRuns" | "level4Frame" | "mappings" | "memory" | "programHeaders"
  >,
  options: CoreDumpOptions = {},
): CoreDump {
  checkKernel(kernel, [
    ...["entryPoint", "fileHeader", "frameRuns", "level4Frame", "mappings", "memory", "programHeaders"] as const,
  ]);
  checkKeys(options, ["stack", "info", "entry", "ramdisk", "scanBss"]);
  const { ramdisk, scanBss, ...atEntry } = options;
  const { memory } = kernel;
  const mappings = [...kernel.mappings()].flatMap((mapping) => cutAtMemory(mapping, memory));
  const note = encodeNote({ name: "CORE", type: NT_PRSTATUS, descriptor: encodeStatus(cpuState(kernel, atEntry)) });
  const loads = mappings.map((mapping): Load => ({ ...mapping, inFile: isInside(mapping, memory) }));
  const headers = encodeHeaders(loads, note, memory);
  const end = loads.reduce((last, { phys, size, inFile }) => inFile ? Math.max(last, phys + size) : last, memory.base);
  const size = headers.length + end - memory.base;
  const pieces: CorePiece[] = [{ offset: 0, bytes: headers }];
  for (const { phys, size: length, content } of usedRegions(kernel, { ramdisk, scanBss })) {
    const kept = Math.min(phys + length, end) - phys;
    if (content && kept > 0) {
      pieces.push({ offset: headers.length + phys - memory.base, bytes: memory.bytes(phys, kept) });
    }
  }
  return { size, pieces };
}

/** A mapping that is either entirely in the file or not at all. */
interface Load extends Mapping {
  readonly inFile: boolean;
}

/**
 * Splits a mapping into the parts before, in and after the memory: what is outside belongs to a device, or is unknown.
 */
function cutAtMemory(mapping: Mapping, { base, size }: PhysicalMemory): readonly Mapping[] {
  const end = mapping.phys + mapping.size;
  const cuts = [mapping.phys, base, base + size, end].map((cut) => Math.min(Math.max(cut, mapping.phys), end));
  return cuts.slice(1).flatMap((to, index) => {
    const from = cuts[index];
    return from < to
      ? [{ ...mapping, virt: mapping.virt + BigInt(from - mapping.phys), phys: from, size: to - from }]
      : [];
  });
}

/** Encodes the file header, program headers and note; the memory follows. */
function encodeHeaders(loads: readonly Load[], note: Uint8Array, { base }: PhysicalMemory): Uint8Array {
  const count = loads.length + 1;
  const noteAt = EHDR_SIZE + PHDR_SIZE * count;
  const sectionAt = noteAt + Math.ceil(note.length / 8) * 8;
  const isExtended = count >= PN_XNUM; // gABI, "ELF Header": the count is then in section header 0
  const bytes = new Uint8Array(alignUp(sectionAt + (isExtended ? SECTION_HEADER_SIZE : 0)));
  writeFileHeader(bytes, ELFCLASS64, {
    e_type: ET_CORE,
    e_machine: EM_X86_64,
    e_phoff: BigInt(EHDR_SIZE),
    e_phnum: Math.min(count, PN_XNUM),
    ...(isExtended ? { e_shoff: BigInt(sectionAt), e_shentsize: SECTION_HEADER_SIZE, e_shnum: 1 } : {}),
  });
  if (isExtended) writeProgramHeaderCount(bytes, sectionAt, count);
  bytes.set(note, noteAt);
  const write = (index: number, phdr: Partial<ProgramHeader>): void => {
    writeProgramHeader(bytes, EHDR_SIZE + index * PHDR_SIZE, ELFCLASS64, phdr);
  };
  write(0, { p_type: PT_NOTE, p_offset: BigInt(noteAt), p_filesz: BigInt(note.length), p_align: 4n });
  loads.forEach(({ virt, phys, size, writable, executable, inFile }, index) => {
    write(index + 1, {
      p_type: PT_LOAD,
      p_flags: PF_R | (writable ? PF_W : 0) | (executable ? PF_X : 0),
      p_offset: BigInt(bytes.length + (inFile ? phys - base : 0)),
      p_vaddr: virt,
      p_paddr: BigInt(phys),
      p_filesz: BigInt(inFile ? size : 0),
      p_memsz: BigInt(size),
      p_align: BigInt(PAGE_SIZE),
    });
  });
  return bytes;
}

/** Encodes a struct elf_prstatus. */
function encodeStatus({ rip, rsp, rdi, cs, ds }: CpuState): Uint8Array {
  const bytes = new Uint8Array(PRSTATUS_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(PR_CURSIG, SIGTRAP, true);
  view.setUint32(PR_PID, 1, true);
  const set = (register: keyof typeof REG, value: bigint | number): void =>
    view.setBigUint64(PR_REG + REG[register] * 8, BigInt(value), true);
  set("rip", rip);
  set("rsp", rsp);
  set("rdi", rdi);
  set("rflags", RFLAGS_FIXED);
  set("cs", cs);
  for (const register of ["ss", "ds", "es", "fs", "gs"] as const) set(register, ds);
  return bytes;
}
