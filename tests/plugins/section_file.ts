/** Builds kernels with sections for tests, and loads them with the plugin sections. */

import { PF_R, PF_W, PF_X } from "../../core/elf/constants.ts";
import type { FileHeader } from "../../core/elf/file_header.ts";
import { type KernelSource, loadKernel, type LoadOptions } from "../../mod.ts";
import { type SectionHeader, sections, type SectionsOptions } from "../../plugins/sections.ts";
import { buildElf, fileByte, type SegmentSpec, writeFileHeader } from "../elf_builder.ts";

export const SHT = { NULL: 0, PROGBITS: 1, SYMTAB: 2, STRTAB: 3, NOBITS: 8 };
export const SHDR = 64;

type Fields = Partial<Omit<SectionHeader, "index">>;

/** A section with what its header says, and where its bytes are. */
interface SectionSpec extends Fields {
  readonly name: string;
}

/** A kernel with sections. */
export interface FileSpec {
  readonly sections?: readonly SectionSpec[];
  readonly first?: Fields;
  readonly header?: Partial<FileHeader>;
  /** File offset of the section header table. */
  readonly shoff?: number;
  readonly length?: number;
  /** What is put in place of the section of names. */
  readonly names?: Fields & { readonly bytes?: Uint8Array };
  readonly segments?: readonly SegmentSpec[];
}

const SEGMENTS: readonly SegmentSpec[] = [
  { p_flags: PF_R | PF_X, p_vaddr: 0x40_0000n, offset: 0x1000, filesz: 0x1000 },
  { p_flags: PF_R | PF_W, p_vaddr: 0x40_1000n, offset: 0x2000, filesz: 0x123, p_memsz: 0x1000n },
];
export const SYMTAB = {
  name: ".symtab",
  sh_type: SHT.SYMTAB,
  sh_offset: 0x2128n,
  sh_size: 0x48n,
  sh_link: 2,
  sh_info: 1,
  sh_entsize: 24n,
};
export const STRTAB = { name: ".strtab", sh_type: SHT.STRTAB, sh_offset: 0x2170n, sh_size: 0x31n };
export const FRAME = { name: ".debug_frame", sh_type: SHT.PROGBITS, sh_offset: 0x5ff0n, sh_size: 0x1020n };
export const TABLE_AT = 0x8000;
export const LENGTH = 0x9000;

/** Writes a section header. */
export function writeSection(file: Uint8Array, at: number, nameAt: number, section: Fields): void {
  const view = new DataView(file.buffer, at, SHDR);
  view.setUint32(0, section.sh_name ?? nameAt, true);
  view.setUint32(4, section.sh_type ?? SHT.PROGBITS, true);
  view.setBigUint64(8, section.sh_flags ?? 0n, true);
  view.setBigUint64(16, section.sh_addr ?? 0n, true);
  view.setBigUint64(24, section.sh_offset ?? 0n, true);
  view.setBigUint64(32, section.sh_size ?? 0n, true);
  view.setUint32(40, section.sh_link ?? 0, true);
  view.setUint32(44, section.sh_info ?? 0, true);
  view.setBigUint64(48, section.sh_addralign ?? 1n, true);
  view.setBigUint64(56, section.sh_entsize ?? 0n, true);
}

/** A kernel with sections; the bytes that no section header or name takes say where they come from. */
export function fileWith(spec: FileSpec = {}): Uint8Array<ArrayBuffer> {
  const { sections: list = [SYMTAB, STRTAB, FRAME], first = {}, header = {}, shoff = TABLE_AT, length = LENGTH } = spec;
  const e_shnum = list.length + 2;
  const file = buildElf({ segments: spec.segments ?? SEGMENTS, length });
  for (let at = 0x1000; at < length; at++) file[at] = fileByte(at);
  const names = ["", ...list.map(({ name }) => name), ".shstrtab"];
  const starts = names.map((_, at) => names.slice(0, at).reduce((sum, name) => sum + name.length + 1, 0));
  const bytes = spec.names?.bytes ?? new TextEncoder().encode(names.map((name) => `${name}\0`).join(""));
  const namesAt = 0x7000;
  file.set(bytes, namesAt);
  const own = { sh_type: SHT.STRTAB, sh_offset: BigInt(namesAt), sh_size: BigInt(bytes.length), ...spec.names };
  const { bytes: _, ...last } = own;
  [{ sh_type: SHT.NULL, ...first }, ...list, last].forEach((section: Fields, index) => {
    const at = shoff + index * SHDR;
    if (at + SHDR <= length) writeSection(file, at, starts[index], section);
  });
  writeFileHeader(file, {
    e_phnum: (spec.segments ?? SEGMENTS).length,
    e_shoff: BigInt(shoff),
    e_shentsize: SHDR,
    e_shnum,
    e_shstrndx: e_shnum - 1,
    ...header,
  });
  return file;
}

/** Loads and gives what a test of sections is about. */
export async function load(source: KernelSource, chosen: SectionsOptions = {}, options: LoadOptions = {}) {
  const { pipeline: _, plugins: __, ...rest } = options;
  const kernel = await loadKernel(source, { ...rest, plugins: [sections(chosen)] });
  const { mappedSections = [], sectionPages = [], neighbourBytes } = kernel.results.sections ?? {};
  const remarks = kernel.diagnostics.filter(({ code }) => code.startsWith("section")).map(({ code }) => code);
  return { kernel, mappedSections, sectionPages, neighbourBytes, remarks };
}

/** Where the window of sections starts. */
export const WINDOW = 0x80_0000_0000n; // level-4 entry 1: entry 0 is the kernel's and the boot loader's
/** The bytes of a section. */
export const slice = (file: Uint8Array, { sh_offset, sh_size }: { sh_offset: bigint; sh_size: bigint }): Uint8Array => {
  return file.slice(Number(sh_offset), Number(sh_offset + sh_size));
};
