/**
 * What QEMU's rules look at.
 *
 * @module
 */

import { ELF_MAGIC, EM_X86_64, PF_X, PT_LOAD, PT_NOTE, RECORD_SIZES } from "../../core/elf/constants.ts";
import { hasElfMagic } from "../../core/elf/elf_magic.ts";
import { E_MACHINE, type FileHeader } from "../../core/elf/file_header.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { fileHeaderAs, type FileModel, programHeadersAs } from "../../core/file/file_model.ts";
import type { KeptFile } from "../../core/file/kept_file.ts";
import { HDRS, readSetupHeader, SETUP_END, type SetupHeader } from "../../formats/bzimage/setup_header.ts";
import { findMultibootHeader } from "../../protocols/multiboot/header.ts";
import { readXenNotes, XEN_PHYS32_ENTRY, type XenNote } from "../../protocols/xen_notes.ts";
import type { Circumstances } from "../loader.ts";
import { type QemuBlocks, qemuBlocks } from "./blocks.ts";
import { findMultiboot, loadedPart, QEMU_SEARCH, type QemuMultiboot } from "./multiboot.ts";
import { type NoteScan, scanNotes } from "./note_scan.ts";

/** A file as QEMU takes it. */
export interface QemuView {
  /** The file. */
  readonly model: FileModel;
  /** The end of memory below 4 GiB. */
  readonly lowMemory: number;
  /** What QEMU takes it for: the first that fits, in this order; "raw" is a Linux kernel from before protocol 2.00. */
  readonly kind: "empty" | "linux" | "multiboot" | "elf" | "raw";
  /** Its setup header, of which only "linux" has one. */
  readonly setup: SetupHeader;
  /** The Multiboot header, if it has one and is not for Linux. */
  readonly multiboot?: QemuMultiboot;
  /** Offset of a Multiboot header that QEMU does not find, in a file that is otherwise fit for Multiboot. */
  readonly farMultiboot?: number;
  /** The notes of owner "Xen" that name an entry, read as the specification says. */
  readonly entryNotes: readonly XenNote[];
  /** Its ELF headers, if QEMU loads it as an ELF file. */
  readonly elf?: QemuElf;
  /** The physical address at which it is entered; absent for Linux images. */
  readonly entry?: bigint;
  /** Whether all bytes of the file from the entry to the end of its range are 0. */
  readonly entersZeros: boolean;
}

/** An ELF file as QEMU loads it. */
export interface QemuElf {
  /** Whether it has the magic number. */
  readonly hasMagic: boolean;
  /** The file header, if the file has it whole. */
  readonly header?: FileHeader;
  /** The size of a program header: `e_phentsize` is ignored. */
  readonly headerSize: number;
  /** The program headers that the file has. */
  readonly headers: readonly ProgramHeader[];
  /** The word size in bits. */
  readonly bits: number;
  /** What becomes of its `PT_LOAD`s. */
  readonly blocks: QemuBlocks;
  /** What the search for an entry comes to in each `PT_NOTE`; not done for Multiboot. */
  readonly scans: readonly NoteScan[];
  /** The physical address at which QEMU enters it, modulo 2^32: of PVH's note, or Multiboot's; 0 if it found none. */
  readonly entry: bigint;
  /** What QEMU read as PVH's entry before it cut it to 32 bits; 0 if it found none. */
  readonly pvhStart: bigint;
}

/** QEMU gives a machine of this size or more only 3 GiB below 4 GiB. */
const SPLIT_FROM = 0xe000_0000;
const SPLIT_AT = 0xc000_0000;

/** Collects what the rules look at. */
export async function qemuView(model: FileModel, circumstances: Circumstances, file: KeptFile): Promise<QemuView> {
  const { memory } = circumstances;
  const setup = readSetupHeader(model.bytes(0, SETUP_END));
  const multiboot = setup.header === HDRS ? undefined : findMultiboot(model);
  const hasMagic = hasElfMagic(model.bytes(0, ELF_MAGIC.length));
  await file.reach(setup.setupSize);
  const kind = model.length === 0
    ? "empty"
    : setup.header === HDRS
    ? "linux"
    : multiboot
    ? "multiboot"
    : hasMagic
    ? "elf"
    : "raw";
  const loadsElf = kind === "elf" || (multiboot !== undefined && !multiboot.addresses && !isX86_64(model));
  if (multiboot?.addresses || kind === "linux") await file.reach(Infinity);
  const elf = loadsElf ? await qemuElf(model, file, hasMagic, kind === "elf") : undefined;
  const farMultiboot = kind === "elf" && elf?.pvhStart === 0n && !isX86_64(model) ? await farHeader(file) : undefined;
  const entry = multiboot?.addresses ? BigInt(multiboot.addresses.entry_addr) : elf?.entry;
  const view = {
    model,
    lowMemory: memory < SPLIT_FROM ? memory : SPLIT_AT,
    kind,
    setup,
    ...(multiboot ? { multiboot } : {}),
    ...(farMultiboot === undefined ? {} : { farMultiboot }),
    entryNotes: readXenNotes(model).filter(({ type }) => type === XEN_PHYS32_ENTRY),
    ...(elf ? { elf } : {}),
    ...(entry === undefined ? {} : { entry }),
  } as const;
  return { ...view, entersZeros: await hasOnlyZeros(file, view) };
}

/** Headers lie so far in a file if its first segment is aligned to large pages. */
const FAR = 0x20_2000;

/** Looks for a Multiboot header after the part of the file in which QEMU looks for it. */
async function farHeader(file: KeptFile): Promise<number | undefined> {
  await file.keep(QEMU_SEARCH, FAR - QEMU_SEARCH);
  return findMultibootHeader(file, QEMU_SEARCH, FAR)?.offset;
}

/** Whether the two bytes at the place of `e_machine` say so; whether it is an ELF file does not matter. */
function isX86_64(model: FileModel): boolean {
  const [low, high] = model.bytes(E_MACHINE, 2);
  return (low | high << 8) === EM_X86_64;
}

async function qemuElf(model: FileModel, file: KeptFile, hasMagic: boolean, isPvh: boolean): Promise<QemuElf> {
  const header = fileHeaderAs(model);
  const bits = header?.EI_CLASS === 2 ? 64 : 32;
  const headerSize = RECORD_SIZES[bits === 64 ? 2 : 1].programHeader;
  const headers = header ? programHeadersAs(model, { stride: headerSize }) : [];
  const ends = headers.filter(isRead).map(({ p_offset, p_filesz }) => Number(p_offset + p_filesz));
  await file.reach(ends.reduce((most, end) => Math.max(most, end), 0));
  const isInFile = ({ p_offset, p_filesz }: ProgramHeader): boolean => p_offset + p_filesz <= model.length;
  const notes = headers.filter(({ p_type, p_filesz }) => p_type === PT_NOTE && p_filesz > 0n).filter(isInFile);
  const scans = isPvh ? await scanNotes(file, notes, bits === 64) : [];
  const pvhStart = scans.reduce((last, scan) => scan.end === "found" ? scan.entry : last, 0n);
  const entry = isPvh ? pvhStart : header ? multibootEntry(header.e_entry, headers, bits) : 0n;
  const blocks = qemuBlocks(headers, bits);
  return {
    hasMagic,
    ...(header ? { header } : {}),
    ...{ headerSize, headers, bits, blocks, scans, entry: BigInt.asUintN(32, entry), pvhStart },
  };
}

/** A range of the file, and the physical address of its first byte. */
export interface LoadedRange {
  readonly start: bigint;
  readonly size: bigint;
  readonly offset: bigint;
}

/** The parts of the file that are loaded. */
export function loadedRanges({ model, multiboot, elf }: Omit<QemuView, "entersZeros">): readonly LoadedRange[] {
  if (!multiboot?.addresses) {
    const offsets = new Map(elf?.headers.map(({ index, p_offset }) => [index, p_offset]));
    return elf?.blocks.blocks.map(({ index = -1, start, dataSize: size }) => {
      return { start, size, offset: offsets.get(index) ?? 0n };
    }) ?? [];
  }
  const { start, size } = loadedPart(model.length, multiboot.offset, multiboot.addresses);
  return [{ start: BigInt(multiboot.addresses.load_addr), size: BigInt(size), offset: BigInt(start) }];
}

const PIECE = 4096;

/** Reads on from the entry up to the first byte that is not 0. */
async function hasOnlyZeros(file: KeptFile, view: Omit<QemuView, "entersZeros">): Promise<boolean> {
  const { entry = -1n } = view;
  const range = loadedRanges(view).find(({ start, size }) => start <= entry && entry < start + size);
  if (!range || range.offset < 0n || range.offset + range.size > file.length) return false;
  const end = Number(range.offset + range.size);
  for (let at = Number(range.offset + entry - range.start), size = PIECE; at < end; at += size, size *= 2) {
    await file.keep(at, Math.min(size, end - at));
    if (file.bytes(at, Math.min(size, end - at)).some((byte) => byte !== 0)) return false;
  }
  return true;
}

/** Whether QEMU looks at a header's bytes in the file. */
export function isRead({ p_type, p_filesz }: ProgramHeader): boolean {
  return (p_type === PT_LOAD || p_type === PT_NOTE) && p_filesz > 0n;
}

/** The entry of a Multiboot kernel: `e_entry`, made physical by the last executable segment whose file bytes have it. */
function multibootEntry(e_entry: bigint, headers: readonly ProgramHeader[], bits: number): bigint {
  const segment = headers.findLast(({ p_type, p_flags, p_vaddr, p_paddr, p_filesz }) =>
    p_type === PT_LOAD && (p_flags & PF_X) !== 0 && p_vaddr !== p_paddr && e_entry >= p_vaddr &&
    e_entry < BigInt.asUintN(bits, p_vaddr + p_filesz)
  );
  return segment ? BigInt.asUintN(bits, e_entry - segment.p_vaddr + segment.p_paddr) : e_entry;
}
