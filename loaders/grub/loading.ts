/**
 * Follows GRUB through the loading of a kernel: which memory it asks for, in which order, and what it gets.
 *
 * @module
 */

import type { HeaderFacts, LoadAddresses } from "./header_facts.ts";
import type { FreeRange } from "./heap.ts";
import { type GrubElf, type GrubSection, isLoadedByItself } from "./kernel_file.ts";
import { type Allocation, type Chunk, grubRelocator, type Relocator } from "./relocator.ts";

/** A kernel, with what decides where its parts go. */
export interface KernelToLoad extends HeaderFacts {
  /** The file's length. */
  readonly length: number;
  /** The ELF headers, if the class is 32-bit or 64-bit. */
  readonly elf?: GrubElf;
  /** The sections, if the file has their table. */
  readonly sections: readonly GrubSection[];
  /** The machine's memory in bytes. */
  readonly memory: number;
}

/** The outcome of one header's request for memory. */
export interface Step {
  /** Index of the program header or section. */
  readonly index: number;
  /** Its outcome. */
  readonly allocation: Allocation;
}

/** What becomes of a kernel's requests for memory, up to the first that is refused. */
export interface Loading {
  /** The whole image, if it is loaded by address fields or is relocatable. */
  readonly image?: Allocation;
  /** The `PT_LOAD` headers, if each is loaded to its own place. */
  readonly segments: readonly Step[];
  /** The sections that are loaded by themselves. */
  readonly sections: readonly Step[];
  /** The `PT_LOAD` headers of whose file bytes more are read than there is memory for, with harm. */
  readonly overruns: readonly number[];
  /** Whether there is memory for what GRUB needs at the moment of entering the kernel. */
  readonly canEnter: boolean;
}

/** RAM of QEMU's PC that its firmware keeps at the top, in bytes. */
const FIRMWARE = 0x2_0000;

/** From this much memory on, QEMU's PC has 3 GiB of it below 4 GiB and the rest above. */
const SPLIT = { from: 0xe000_0000, low: 0xc000_0000 };

/** What GRUB's modules and buffers take at the top of its heap, and the largest hole between them. */
const IN_USE = { total: 0x9_8000, hole: 0x6_b400, holeSize: 0x7c0 };

/** What GRUB passes to the kernel, without sections, in bytes; and where it may lie. */
const INFORMATION = {
  1: { size: 0x750, align: 4, min: 0x1_0000, end: 0xa_0000 },
  2: { size: 0x4d2, align: 8, min: 0x1000, end: 2 ** 32 },
} as const;

/** The code that enters the kernel. */
const ENTERING = { size: 0xd0, align: 16, min: 0x1000, end: 0x9_a000 };

/** More sections than these are taken as placed: each costs time in proportion to all before it. */
const MOST_SECTIONS = 1024;

/**
 * The end of a PC's memory below 4 GiB.
 *
 * @param memory Its memory in bytes.
 * @returns The address after its last byte there.
 */
export function lowMemory(memory: number): number {
  return memory < SPLIT.from ? memory : SPLIT.low;
}

/**
 * The ranges of RAM of a PC, below 4 GiB.
 *
 * @param memory Its memory in bytes.
 * @returns What is free for use.
 */
function availableMemory(memory: number): readonly FreeRange[] {
  return [{ start: 0, end: 0x9_fc00 }, { start: 0x10_0000, end: lowMemory(memory) - FIRMWARE }];
}

function heapOf(memory: number): readonly FreeRange[] {
  const { start, end } = availableMemory(memory)[1];
  const hole = end - IN_USE.hole;
  const ranges = [{ start, end: end - IN_USE.total }, { start: hole - IN_USE.holeSize, end: hole }];
  return ranges.filter((range) => range.end > range.start && range.start >= start);
}

/**
 * Follows GRUB through the loading of a kernel.
 *
 * @param kernel The kernel.
 * @returns What becomes of its requests for memory.
 */
export function loadingOf(kernel: KernelToLoad): Loading {
  const relocator = grubRelocator(heapOf(kernel.memory), availableMemory(kernel.memory));
  const overruns: number[] = [];
  const image = placeImage(kernel, relocator);
  const segments = kernel.addresses ? [] : placeSegments(kernel, relocator, image, overruns);
  const sections = kernel.addresses ? [] : placeSections(kernel, relocator);
  return { ...(image && { image }), segments, sections, overruns, canEnter: canEnter(kernel, relocator) };
}

/** Reserves the range of an image that is loaded as one piece. */
function placeImage(kernel: KernelToLoad, relocator: Relocator): Allocation | undefined {
  const range = imageRange(kernel);
  if (!range) return undefined;
  const { relocatable } = kernel;
  if (!relocatable) return relocator.reserve(range.start, range.size);
  const { min_addr: min, max_addr, align, preference } = relocatable;
  return relocator.place({
    min,
    max: max_addr - range.size,
    size: range.size,
    align: align === 0 ? 1 : align,
    ...(preference === 1 ? { preference: "low" } : preference === 2 ? { preference: "high" } : {}),
  });
}

/** A range of physical addresses. */
export interface ImageRange {
  /** The first address. */
  readonly start: number;
  /** The number of bytes, modulo 2^32. */
  readonly size: number;
}

/**
 * The range of an image that is loaded as one piece: by address fields, or because it is relocatable.
 *
 * @param kernel The kernel.
 * @returns The range; `undefined` if each segment is loaded to its own place.
 */
export function imageRange(
  { addresses, relocatable, elf, length, headerOffset = 0 }: KernelToLoad,
): ImageRange | undefined {
  if (addresses) return addressRange(addresses, headerOffset, length);
  if (!relocatable || !elf) return undefined;
  const loads = elf.loads;
  const start = loads.reduce((low, { p_paddr }) => p_paddr < low ? p_paddr : low, 0xffff_ffffn);
  const end = loads.reduce((high, { p_paddr, p_memsz }) => {
    const sum = BigInt.asUintN(elf.wide ? 64 : 32, p_paddr + p_memsz);
    return sum > high ? sum : high;
  }, 0n);
  return { start: Number(start), size: Number(BigInt.asUintN(32, end - start)) };
}

/** The range of address fields, and the part of the file that goes there. */
export interface AddressRange extends ImageRange {
  /** File offset of the first byte; negative if the fields put it before the file. */
  readonly fileOffset: number;
  /** The number of bytes to load, modulo 2^32. */
  readonly loadSize: number;
}

/**
 * The range that address fields ask for.
 *
 * @param addresses The fields.
 * @param headerOffset File offset of the header.
 * @param length The file's length.
 * @returns The range, in arithmetic of 32 bits as in GRUB.
 */
export function addressRange(addresses: LoadAddresses, headerOffset: number, length: number): AddressRange {
  const { header_addr, load_addr, load_end_addr, bss_end_addr, size_from = load_addr } = addresses;
  const fileOffset = (headerOffset - (header_addr - load_addr)) | 0;
  const loadSize = (load_end_addr === 0 ? length - fileOffset : load_end_addr - size_from) >>> 0;
  const size = bss_end_addr === 0 ? loadSize : (bss_end_addr - load_addr) >>> 0;
  return { start: load_addr, size, fileOffset, loadSize };
}

/** Where a program header's bytes are kept, and how much room there is from there on. */
interface Room {
  readonly source: number;
  readonly size: number;
}

function placeSegments(
  kernel: KernelToLoad,
  relocator: Relocator,
  image: Allocation | undefined,
  overruns: number[],
): readonly Step[] {
  const steps: Step[] = [];
  if (!kernel.elf || (image && image.kind !== "placed")) return steps;
  const base = image && imageRange(kernel)?.start;
  for (const { index, p_paddr, p_memsz, p_filesz, p_offset } of kernel.elf.loads) {
    let room: Room;
    if (image && base !== undefined) {
      room = within(image.chunk, (low32(p_paddr) - base) >>> 0);
    } else {
      const allocation = relocator.reserve(low32(p_paddr), low32(p_memsz));
      steps.push({ index, allocation });
      if (allocation.kind !== "placed") break;
      room = allocation.chunk;
    }
    const wanted = p_offset <= BigInt(kernel.length) ? low32(p_filesz) : 0;
    const read = Math.min(wanted, kernel.length - Number(p_offset));
    if (read > room.size && relocator.isHarmful(room.source + room.size, room.source + read)) overruns.push(index);
  }
  return steps;
}

function within({ source, size }: Chunk, offset: number): Room {
  return { source: source + offset, size: Math.max(0, size - offset) };
}

function placeSections({ sections }: KernelToLoad, relocator: Relocator): readonly Step[] {
  const steps: Step[] = [];
  for (const { index, sh_size, sh_addralign } of sections.filter(isLoadedByItself).slice(0, MOST_SECTIONS)) {
    const size = low32(sh_size);
    const allocation = relocator.place({ min: 0, max: 2 ** 32 - size, size, align: low32(sh_addralign) });
    steps.push({ index, allocation });
    if (allocation.kind !== "placed") break;
  }
  return steps;
}

/** What GRUB reserves at last: the information for the kernel, the code that enters it, and that which moves chunks. */
function canEnter({ version, elf, sections }: KernelToLoad, relocator: Relocator): boolean {
  const table = sections.length * (elf?.fileHeader.e_shentsize ?? 0);
  const { min, end, align, size } = INFORMATION[version];
  const information = { size: size + table, align, min, max: end - size - table };
  const entering = { ...ENTERING, max: ENTERING.end - ENTERING.size, preference: "low" } as const;
  return [information, entering].every((placement) => relocator.place(placement).kind === "placed") &&
    relocator.canMove();
}

function low32(value: bigint): number {
  return Number(BigInt.asUintN(32, value));
}
