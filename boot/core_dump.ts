/**
 * Core dumps: the virtual address space of a loaded kernel as an ELF core file, for debuggers.
 *
 * @module
 */

import { ELF_MAGIC, ELFCLASS64, ELFDATA2LSB, EM_X86_64, PF_R, PF_W, PF_X, PN_XNUM } from "../core/elf/constants.ts";
import { PT_LOAD, PT_NOTE, RECORD_SIZES } from "../core/elf/constants.ts";
import type { LoadedKernel } from "../core/load_kernel.ts";
import { alignUp, PAGE_SIZE } from "../core/memory/addresses.ts";
import type { PhysicalMemory } from "../core/memory/physical_memory.ts";
import type { Mapping } from "../core/paging/listing.ts";
import { type CpuState, cpuState } from "./cpu_state.ts";
import { type RegionOptions, usedRegions } from "./regions.ts";

/** What of a loaded kernel a core dump is made of. */
export type DumpableKernel =
  & Pick<LoadedKernel, "memory" | "mappings" | "frameRuns" | "fileHeader" | "level4Frame" | "entryPoint">
  & {
    /** What plugins found. */
    readonly results: object;
  };

/** A piece of a core file. */
export interface CorePiece {
  /** Where in the file it starts. */
  readonly offset: number;
  /** Its bytes; all but those of the first piece are views of the kernel's memory. */
  readonly bytes: Uint8Array;
}

/** A core file. */
export interface CoreDump {
  /** Number of bytes of the file. */
  readonly size: number;
  /** What is not zero in it, ascending. */
  readonly pieces: readonly CorePiece[];
}

// gABI, "ELF Header": e_type of a core file
const ET_CORE = 4;

// Linux, include/uapi/linux/elfcore.h and elf.h: struct elf_prstatus of x86-64
const NT_PRSTATUS = 1;
const CORE_NAME = new Uint8Array([0x43, 0x4f, 0x52, 0x45, 0]);
const PRSTATUS_SIZE = 336;
const PR_CURSIG = 12;
const PR_PID = 32;
const PR_REG = 112;

/** Linux, arch/x86/include/asm/user_64.h, struct user_regs_struct: which word of pr_reg is which register. */
const REG = { rdi: 14, rip: 16, cs: 17, rflags: 18, rsp: 19, ss: 20, ds: 23, es: 24, fs: 25, gs: 26 } as const;

const SIGTRAP = 5n;
const RFLAGS_FIXED = 2n;
const NOTE_HEADER = 12;
const NOTE_SIZE = NOTE_HEADER + 8 + PRSTATUS_SIZE; // its name is padded to 8 bytes

const { fileHeader: EHDR_SIZE, programHeader: PHDR_SIZE } = RECORD_SIZES[ELFCLASS64];

/**
 * Makes a core file: what the page tables map, and the registers at the entry point. The file holds physical memory once
 * and each mapping points into it, so that memory that is mapped twice takes no more room; memory that nobody has written
 * to is left out of the pieces.
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
 * @param kernel The kernel. A stack and boot information are in the registers where its plugins have made them.
 * @param options Whether .bss is looked at.
 * @returns The core file.
 * @throws {RangeError} Where there are more mappings than a program header table can list.
 */
export function coreDump(kernel: DumpableKernel, options: RegionOptions = {}): CoreDump {
  const { memory } = kernel;
  const mappings = [...kernel.mappings()].flatMap((mapping) => cutAtMemory(mapping, memory));
  if (mappings.length + 1 >= PN_XNUM) {
    throw new RangeError(`Cannot make a core file: it has ${mappings.length} mappings, and room for ${PN_XNUM - 2}`);
  }
  const headers = new Uint8Array(alignUp(EHDR_SIZE + PHDR_SIZE * (mappings.length + 1) + NOTE_SIZE));
  writeFileHeader(headers, mappings.length + 1);
  const note = EHDR_SIZE + PHDR_SIZE * (mappings.length + 1);
  writeProgramHeader(headers, 0, { p_type: PT_NOTE, p_offset: note, p_filesz: NOTE_SIZE, p_align: 4 });
  writeNote(headers.subarray(note), cpuState(kernel));
  let size = headers.length;
  mappings.forEach((mapping, index) => {
    const isMemory = mapping.phys >= memory.base && mapping.phys < memory.base + memory.size;
    const p_filesz = isMemory ? mapping.size : 0;
    const p_offset = isMemory ? headers.length + mapping.phys - memory.base : headers.length;
    size = Math.max(size, p_offset + p_filesz);
    writeProgramHeader(headers, index + 1, {
      p_type: PT_LOAD,
      p_flags: PF_R | (mapping.writable ? PF_W : 0) | (mapping.executable ? PF_X : 0),
      p_offset,
      p_vaddr: mapping.virt,
      p_paddr: mapping.phys,
      p_filesz,
      p_memsz: mapping.size,
      p_align: PAGE_SIZE,
    });
  });
  const pieces: CorePiece[] = [{ offset: 0, bytes: headers }];
  for (const { phys, size: length, content } of usedRegions(kernel, options)) {
    const offset = headers.length + phys - memory.base;
    const kept = Math.min(length, size - offset);
    if (content && kept > 0) pieces.push({ offset, bytes: memory.bytes(phys, kept) });
  }
  return { size, pieces };
}

/** The parts of a mapping before, in and behind the memory: what is outside is a device's, or not known. */
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

/** gABI, "ELF Header", Elf64_Ehdr. */
function writeFileHeader(bytes: Uint8Array, e_phnum: number): void {
  const view = new DataView(bytes.buffer);
  bytes.set([...ELF_MAGIC, ELFCLASS64, ELFDATA2LSB, 1]);
  view.setUint16(16, ET_CORE, true);
  view.setUint16(18, EM_X86_64, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(32, BigInt(EHDR_SIZE), true);
  view.setUint16(52, EHDR_SIZE, true);
  view.setUint16(54, PHDR_SIZE, true);
  view.setUint16(56, e_phnum, true);
}

/** gABI, "Program Header", Elf64_Phdr. */
interface Phdr {
  readonly p_type: number;
  readonly p_flags?: number;
  readonly p_offset: number;
  readonly p_vaddr?: bigint;
  readonly p_paddr?: number;
  readonly p_filesz: number;
  readonly p_memsz?: number;
  readonly p_align: number;
}

function writeProgramHeader(bytes: Uint8Array, index: number, phdr: Phdr): void {
  const { p_type, p_flags = 0, p_offset, p_vaddr = 0n, p_paddr = 0, p_filesz, p_memsz = 0, p_align } = phdr;
  const view = new DataView(bytes.buffer, EHDR_SIZE + index * PHDR_SIZE, PHDR_SIZE);
  view.setUint32(0, p_type, true);
  view.setUint32(4, p_flags, true);
  const words = [p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align];
  words.forEach((word, at) => view.setBigUint64(8 + at * 8, BigInt(word), true));
}

/** gABI, "Note Section", with a struct elf_prstatus as its descriptor. */
function writeNote(bytes: Uint8Array, { rip, rsp, rdi, cs, ds }: CpuState): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  [CORE_NAME.length, PRSTATUS_SIZE, NT_PRSTATUS].forEach((word, at) => view.setUint32(at * 4, word, true));
  bytes.set(CORE_NAME, NOTE_HEADER);
  const status = NOTE_SIZE - PRSTATUS_SIZE;
  view.setUint16(status + PR_CURSIG, Number(SIGTRAP), true);
  view.setUint32(status + PR_PID, 1, true);
  const set = (register: keyof typeof REG, value: bigint | number): void =>
    view.setBigUint64(status + PR_REG + REG[register] * 8, BigInt(value), true);
  set("rip", rip);
  set("rsp", rsp);
  set("rdi", rdi);
  set("rflags", RFLAGS_FIXED);
  set("cs", cs);
  for (const register of ["ss", "ds", "es", "fs", "gs"] as const) set(register, ds);
}
