/** One kernel for each of GRUB's rules, next to kernels that just keep it. What they expect was GRUB's answer. */

import type { GrubCommand } from "./grub_oracle.ts";
import { buildKernel, changePiece, changeSegment, type KernelSpec, withSegment, words } from "./generate/kernel.ts";
import { multibootKernel } from "./generate/multiboot.ts";
import { addressTag, multiboot2Header, multiboot2Kernel, multiboot2Tag as tag } from "./generate/multiboot2.ts";
import { choices } from "./generate/random.ts";

/** A kernel, and what becomes of it. */
export interface GrubCase {
  readonly name: string;
  readonly command: GrubCommand;
  readonly kernel: Uint8Array;
  readonly outcome: "boots" | "refuses" | "fails";
  readonly words?: string;
  readonly rule?: string;
  readonly index?: number;
  readonly offset?: number;
}

type Expected = Pick<GrubCase, "outcome" | "words" | "rule" | "index" | "offset">;

const BOOTS: Expected = { outcome: "boots" };

function refuses(rule: string, said: string, place: Pick<Expected, "index" | "offset"> = {}): Expected {
  return { outcome: "refuses", rule, words: said, ...place };
}

function fails(rule: string, place: Pick<Expected, "index" | "offset"> = {}): Expected {
  return { outcome: "fails", rule, ...place };
}

/** The seed of a 64-bit kernel in the higher half whose one segment has a part without file bytes. */
const SEED = 3;

/** The seed of a 32-bit one. */
const SHORT_SEED = 0;

const FIRST = multibootKernel(choices(SEED));
const SHORT = multibootKernel(choices(SHORT_SEED));
const SECOND = multiboot2Kernel(choices(SEED));
const [TEXT] = SECOND.segments;
const LOAD = Number(TEXT.p_paddr);

/** File offset of the header that {@linkcode moved} puts there. */
const HEADER = 0x1100;

function moved(kernel: KernelSpec, offset = HEADER): KernelSpec {
  return changePiece(kernel, kernel.pieces[1].name, (piece) => ({ ...piece, offset }));
}

function multiboot(name: string, change: (kernel: KernelSpec) => KernelSpec, expected: Expected): GrubCase {
  return { name, command: "multiboot", kernel: buildKernel(change(moved(FIRST))), ...expected };
}

function multiboot2(name: string, change: (kernel: KernelSpec) => KernelSpec, expected: Expected): GrubCase {
  return { name, command: "multiboot2", kernel: buildKernel(change(moved(SECOND))), ...expected };
}

function withFlags(flags: number, ...fields: readonly number[]): (kernel: KernelSpec) => KernelSpec {
  return (kernel) =>
    changePiece(kernel, "multiboot", (piece) => {
      return { ...piece, bytes: words(0x1bad_b002, flags, -(0x1bad_b002 + flags), ...fields) };
    });
}

function withTags(...tags: readonly Uint8Array[]): (kernel: KernelSpec) => KernelSpec {
  return (kernel) =>
    changePiece(kernel, "multiboot2", (piece) => ({ ...piece, bytes: multiboot2Header([...tags, tag(0, [])]) }));
}

function withHeader(fields: KernelSpec["header"]): (kernel: KernelSpec) => KernelSpec {
  return (kernel) => ({ ...kernel, header: { ...kernel.header, ...fields } });
}

function withSection(fields: Partial<KernelSpec["sections"][number]>): (kernel: KernelSpec) => KernelSpec {
  const section = { sh_type: 1, sh_addr: 0n, sh_offset: 0x2000n, sh_size: 0x80n, sh_addralign: 1n, ...fields };
  return (kernel) => ({ ...kernel, sections: [{ ...section, sh_type: 0, sh_size: 0n }, section] });
}

function withSections(...sizes: readonly bigint[]): (kernel: KernelSpec) => KernelSpec {
  const section = { sh_type: 1, sh_addr: 0n, sh_offset: 0x2000n, sh_addralign: 1n };
  const sections = sizes.map((sh_size) => ({ ...section, sh_size }));
  return (kernel) => ({ ...kernel, sections: [{ ...section, sh_type: 0, sh_size: 0n }, ...sections] });
}

function withoutMagic(known: GrubCase): GrubCase {
  const kernel = known.kernel.slice();
  kernel[0] = 0;
  return { ...known, kernel };
}

const P_END = TEXT.p_paddr + TEXT.p_memsz;
const ENTRY = LOAD + 0x3f0;
const SECTION_TABLE = 0x2200;

/** Every rule of the command `multiboot`, and every rule that both commands have. */
export const MULTIBOOT_CASES: readonly GrubCase[] = [
  multiboot("a kernel", (kernel) => kernel, BOOTS),
  multiboot(
    "31 bytes",
    (kernel) => ({ ...kernel, length: 31 }),
    refuses("file-too-short", "premature end of file /k.elf"),
  ),
  multiboot(
    "32 bytes",
    (kernel) => ({ ...kernel, length: 32 }),
    refuses("multiboot-header-missing", "no multiboot header found"),
  ),
  multiboot("a header at 8,180", (kernel) => moved(kernel, 8180), BOOTS),
  multiboot(
    "a header at 8,184",
    (kernel) => moved(kernel, 8184),
    refuses("multiboot-header-missing", "no multiboot header found"),
  ),
  multiboot(
    "a header at an odd offset",
    (kernel) => moved(kernel, 0x1102),
    refuses("multiboot-header-missing", "no multiboot header found", { offset: 0x1102 }),
  ),
  multiboot(
    "flag 3",
    withFlags(8),
    refuses("multiboot-flags-unknown", "unsupported flag: 0x8", { offset: HEADER + 4 }),
  ),
  multiboot("flag 31", withFlags(2 ** 31), BOOTS),
  multiboot("text mode", withFlags(4, 0, 0, 0, 0, 0, 1, 80, 25, 0), BOOTS),
  multiboot(
    "mode type 2",
    withFlags(4, 0, 0, 0, 0, 0, 2, 80, 25, 0),
    refuses("video-mode-unsupported", "unsupported graphical mode type 2", { offset: HEADER + 32 }),
  ),
  multiboot(
    "mode type 2, and sections that share 16 bytes of the heap",
    (kernel) => withSections(5n, 5n)(withFlags(4, 0, 0, 0, 0, 0, 2, 80, 25, 0)(kernel)),
    fails("video-mode-hangs", { offset: HEADER + 32 }),
  ),
  multiboot(
    "mode type 2, and sections of 16 bytes",
    (kernel) => withSections(16n, 16n)(withFlags(4, 0, 0, 0, 0, 0, 2, 80, 25, 0)(kernel)),
    refuses("video-mode-unsupported", "unsupported graphical mode type 2", { offset: HEADER + 32 }),
  ),
  multiboot(
    "a section past the end of the file, after one that shares 16 bytes of the heap with it",
    (kernel) => {
      const { sections, ...rest } = withSections(5n, 5n)(kernel);
      return { ...rest, sections: sections.with(2, { ...sections[2], sh_offset: 0x10_0000n }) };
    },
    fails("section-refusal-hangs", { offset: SECTION_TABLE + 2 * 64 }),
  ),
  multiboot("address fields", withFlags(1 << 16, LOAD + 0x100, LOAD, LOAD + 0x500, LOAD + 0x600, ENTRY), BOOTS),
  multiboot(
    "address fields before the file",
    withFlags(1 << 16, LOAD + 0x1_0000, LOAD, 0, 0, ENTRY),
    refuses("address-fields-outside-file", "attempt to seek outside of the file", { offset: HEADER }),
  ),
  multiboot(
    "address fields that end too soon",
    withFlags(1 << 16, LOAD + 0x100, LOAD, LOAD + 0x500, LOAD + 0x400, ENTRY),
    fails("address-fields-invalid", { offset: HEADER }),
  ),
  multiboot(
    "address fields that end after 8,192 bytes",
    (kernel) => moved(withFlags(1 << 16, LOAD + 0xfe4, LOAD, LOAD + 0x500, LOAD + 0x600, ENTRY)(kernel), 8164),
    fails("address-fields-out-of-reach", { offset: 8164 }),
  ),
  multiboot(
    "a 32-bit segment that ends at 4 GiB",
    () => withSegment(moved(SHORT), { p_paddr: 2n ** 32n - 0x200n }),
    refuses("phys-above-4g", "address is out of range", { index: 1, offset: 84 }),
  ),
  multiboot(
    "address fields that wrap",
    withFlags(1 << 16, LOAD + 0x100, LOAD, LOAD + 0x500, 2 ** 32 - 1, ENTRY),
    fails("memory-size-wraps"),
  ),
  multiboot(
    "program headers that end at 8,192",
    withHeader({ e_phoff: 8192n - 56n }),
    BOOTS,
  ),
  multiboot(
    "program headers that end at 8,193",
    withHeader({ e_phoff: 8193n - 56n }),
    refuses("program-headers-too-far", "program header at a too high offset", { offset: 8193 - 56 }),
  ),
  multiboot("relocations", withSection({ sh_type: 4 }), BOOTS),
  multiboot("data above the memory", (kernel) => withSegment(kernel, { p_paddr: 0x1000_0000n }), BOOTS),
];

/** Every rule of the command `multiboot2`. */
export const MULTIBOOT2_CASES: readonly GrubCase[] = [
  multiboot2("a kernel", (kernel) => kernel, BOOTS),
  multiboot2("a header at 32,744", (kernel) => moved(kernel, 32_744), BOOTS),
  multiboot2(
    "a header at 32,768",
    (kernel) => moved(kernel, 32_768),
    refuses("multiboot-header-missing", "no multiboot header found"),
  ),
  multiboot2(
    "SMBIOS",
    withTags(tag(1, [6, 13])),
    refuses("info-request-unsupported", "unsupported information tag: 0xd", { offset: HEADER + 16 }),
  ),
  multiboot2("SMBIOS if possible", withTags(tag(1, [6, 13], { optional: true })), BOOTS),
  multiboot2("APM", withTags(tag(1, [5, 7, 10, 16, 21])), BOOTS),
  multiboot2(
    "an unknown tag",
    withTags(tag(6, []), tag(11, [])),
    refuses("header-tag-unsupported", "unsupported tag: 0xb", { offset: HEADER + 24 }),
  ),
  multiboot2("an unknown tag that is optional", withTags(tag(11, [], { optional: true })), BOOTS),
  multiboot2(
    "a tag of size 0",
    withTags(tag(6, [], { size: 0 })),
    fails("header-tags-endless", { offset: HEADER + 16 }),
  ),
  multiboot2("a tag of size 1", withTags(tag(6, [], { size: 1 })), BOOTS),
  multiboot2(
    "an address tag alone",
    withTags(addressTag([LOAD + 0x100, LOAD, LOAD + 0x500, 0])),
    refuses("entry-tag-missing", "load address tag without entry address tag", { offset: HEADER + 16 }),
  ),
  multiboot2("an address tag", withTags(addressTag([LOAD + 0x100, LOAD, LOAD + 0x500, 0]), tag(3, [ENTRY])), BOOTS),
  multiboot2(
    "an address tag of a file loaded whole",
    withTags(addressTag([LOAD + 0x1100, 2 ** 32 - 1, 0, 0]), tag(3, [LOAD + 0x13f0])),
    BOOTS,
  ),
  multiboot2(
    "a console that is not there",
    withTags(tag(4, [1])),
    refuses("console-unavailable", "OS requires a console but none is available", { offset: HEADER + 16 }),
  ),
  multiboot2("a framebuffer console", withTags(tag(4, [1]), tag(5, [1024, 768, 32])), BOOTS),
  multiboot2("a text console", withTags(tag(4, [3])), BOOTS),
  multiboot2("relocatable", withTags(tag(10, [0x100_0000, 0x200_0000, 0x1000, 1])), BOOTS),
  multiboot2(
    "relocatable within too little",
    withTags(tag(10, [0x100_0000, 0x100_0100, 0x1000, 1])),
    refuses("relocatable-range-invalid", "invalid min/max address and/or load size", { offset: HEADER }),
  ),
  multiboot2(
    "relocatable where there is no memory",
    withTags(tag(10, [0x4000_0000, 0x5000_0000, 0x1000, 1])),
    refuses("relocatable-no-memory", "couldn't find suitable memory target", { offset: HEADER }),
  ),
  multiboot2(
    "class 3",
    withHeader({ EI_CLASS: 3 }),
    refuses("class-unsupported", "invalid arch-dependent ELF magic", { offset: 4 }),
  ),
  withoutMagic(
    multiboot2(
      "no ELF magic number",
      (kernel) => kernel,
      refuses("not-elf", "invalid arch-independent ELF magic", { offset: 0 }),
    ),
  ),
  multiboot2(
    "big-endian",
    withHeader({ EI_DATA: 2 }),
    refuses("data-encoding-unsupported", "invalid arch-independent ELF magic", { offset: 5 }),
  ),
  multiboot2(
    "aarch64",
    withHeader({ e_machine: 183 }),
    refuses("machine-unsupported", "invalid arch-dependent ELF magic", { offset: 18 }),
  ),
  multiboot2(
    "an object file",
    withHeader({ e_type: 1 }),
    refuses("type-unsupported", "this ELF file is not of the right type", { offset: 16 }),
  ),
  multiboot2(
    "program headers that end at 32,769",
    withHeader({ e_phoff: 32_769n - 56n }),
    refuses("program-headers-too-far", "program header at a too high offset", { offset: 32_769 - 56 }),
  ),
  multiboot2(
    "a segment that ends at 4 GiB",
    (kernel) => withSegment(kernel, { p_paddr: 2n ** 32n - 0x200n }),
    refuses("phys-above-4g", "segment crosses 4 GiB border", { index: 1, offset: 120 }),
  ),
  multiboot2("neighbours", (kernel) => withSegment(kernel, { p_paddr: P_END }), BOOTS),
  multiboot2(
    "segments that share a byte",
    (kernel) => withSegment(kernel, { p_paddr: P_END - 1n }),
    refuses("phys-overlap", "overlap detected", { index: 1, offset: 120 }),
  ),
  multiboot2(
    "a segment larger than memory",
    (kernel) => withSegment(kernel, { p_memsz: 0x1000_0000n }),
    refuses("out-of-memory", "out of memory", { index: 1, offset: 120 }),
  ),
  multiboot2(
    "a segment past the end",
    (kernel) => ({ ...withSegment(kernel, { p_offset: 0x3000n }), length: 0x2200 }),
    refuses("segment-out-of-file", "attempt to seek outside of the file", { index: 1, offset: 120 }),
  ),
  multiboot2(
    "a segment that the file does not have whole",
    (kernel) => ({ ...withSegment(kernel, { p_offset: 0x2180n }), length: 0x2200 }),
    refuses("segment-out-of-file", "premature end of file /k.elf", { index: 1, offset: 120 }),
  ),
  multiboot2(
    "more file bytes than memory",
    (kernel) => withSegment(kernel, { p_memsz: 0x80n }),
    fails("filesz-gt-memsz", { index: 1, offset: 120 }),
  ),
  multiboot2(
    "an entry in no segment",
    withHeader({ e_entry: TEXT.p_paddr + 0x3f0n }),
    refuses("entry-not-in-segment", "entry point isn't in a segment", { offset: 24 }),
  ),
  multiboot2(
    "an entry in a header with another physical address",
    (kernel) => ({ ...kernel, segments: [{ ...TEXT, p_type: 7, p_paddr: 2n ** 32n, p_filesz: 0n }, TEXT] }),
    refuses("entry-above-4g", "invalid entry point for ELF64", { index: 0, offset: 24 }),
  ),
  multiboot2(
    "an entry in the zeroed part",
    (kernel) =>
      withHeader({ e_entry: TEXT.p_vaddr + TEXT.p_filesz })(
        changeSegment(kernel, 0, { p_memsz: TEXT.p_filesz + 0x100n }),
      ),
    fails("entry-outside-load", { offset: 24 }),
  ),
  multiboot2(
    "code where there is no memory",
    (kernel) => changeSegment(kernel, 0, { p_paddr: 0xc_0000n }),
    fails("entry-outside-load", { offset: 24 }),
  ),
  multiboot2(
    "relocations",
    withSection({ sh_type: 4 }),
    refuses("rela-sections-under-mb2", "ELF files with relocs are not supported yet", { offset: SECTION_TABLE + 64 }),
  ),
  multiboot2("debug information", withSection({}), BOOTS),
  multiboot2(
    "a large section",
    withSection({ sh_size: 0x1000_0000n }),
    refuses("section-memory-exhausted", "out of memory", { offset: SECTION_TABLE + 64 }),
  ),
  multiboot2(
    "a section past the end",
    withSection({ sh_offset: 0x3000n }),
    refuses("section-out-of-file", "attempt to seek outside of the file", { offset: SECTION_TABLE + 64 }),
  ),
  multiboot2(
    "a zeroed section without address",
    withSection({ sh_type: 8, sh_size: 0x1000n }),
    refuses("section-out-of-file", "premature end of file /k.elf", { offset: SECTION_TABLE + 64 }),
  ),
  multiboot2(
    "a section aligned to 0",
    withSection({ sh_addralign: 0n }),
    fails("section-align-zero", { offset: SECTION_TABLE + 64 }),
  ),
  multiboot2(
    "a section table past the end",
    withHeader({ e_shnum: 1, e_shoff: 0x1_0000n, e_shentsize: 64 }),
    refuses("section-headers-out-of-file", "attempt to seek outside of the file"),
  ),
  multiboot2(
    "a section table that is cut",
    withHeader({ e_shnum: 9, e_shoff: 0x2000n, e_shentsize: 64 }),
    refuses("section-headers-out-of-file", "premature end of file /k.elf"),
  ),
  multiboot2(
    "data above the memory",
    (kernel) => withSegment(kernel, { p_paddr: 0x1000_0000n }),
    refuses("phys-outside-ram", "out of memory", { index: 1, offset: 120 }),
  ),
];
