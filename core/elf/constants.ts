/**
 * Constants of the ELF format, grouped by the section of the specification that defines them.
 *
 * @module
 */

// gABI, "ELF Header", e_ident
export const ELF_MAGIC: Uint8Array = new Uint8Array([0x7f, 0x45, 0x4c, 0x46]);
export const EI_CLASS = 4;
export const EI_DATA = 5;
export const EI_VERSION = 6;
export const EI_OSABI = 7;
export const EI_ABIVERSION = 8;
export const EI_NIDENT = 16;
export const ELFCLASS32 = 1;
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const ELFDATA2MSB = 2;

// gABI, "ELF Header", e_type and e_machine
export const ET_REL = 1;
export const ET_EXEC = 2;
export const ET_DYN = 3;
export const EM_386 = 3;
export const EM_X86_64 = 62;

// gABI, "Program Header": e_phnum, p_type, p_flags
export const PN_XNUM = 0xffff;
export const PT_NULL = 0;
export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;
export const PT_NOTE = 4;
export const PT_SHLIB = 5;
export const PT_PHDR = 6;
export const PT_TLS = 7;
export const PT_LOOS = 0x60000000;
export const PT_HIPROC = 0x7fffffff;
// GNU, OpenBSD and Solaris extensions between PT_LOOS and PT_HIOS
export const PT_GNU_EH_FRAME = 0x6474e550;
export const PT_GNU_STACK = 0x6474e551;
export const PT_GNU_RELRO = 0x6474e552;
export const PT_GNU_PROPERTY = 0x6474e553;
export const PT_GNU_SFRAME = 0x6474e554;
export const PT_OPENBSD_MUTABLE = 0x65a3dbe5;
export const PT_OPENBSD_RANDOMIZE = 0x65a3dbe6;
export const PT_OPENBSD_WXNEEDED = 0x65a3dbe7;
export const PT_OPENBSD_BOOTDATA = 0x65a41be6;
/** What kernels of FreeBSD name as their interpreter: the linker wants one, and nothing runs them as programs. */
export const NO_INTERPRETER = "/red/herring";
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

// gABI, "Dynamic Section", d_tag and DT_FLAGS
export const DT_NULL = 0n;
export const DT_NEEDED = 1n;
export const DT_PLTRELSZ = 2n;
export const DT_HASH = 4n;
export const DT_STRTAB = 5n;
export const DT_SYMTAB = 6n;
export const DT_RELA = 7n;
export const DT_RELASZ = 8n;
export const DT_RELAENT = 9n;
export const DT_STRSZ = 10n;
export const DT_RELSZ = 18n;
export const DT_PLTREL = 20n;
export const DT_TEXTREL = 22n;
export const DT_JMPREL = 23n;
export const DT_FLAGS = 30n;
export const DT_RELRSZ = 35n;
export const DT_RELR = 36n;
/** GNU's hash table of symbols, between `DT_LOOS` and `DT_HIOS`. */
export const DT_GNU_HASH = 0x6ffffef5n;
export const DF_TEXTREL = 4n;

// gABI, "Section Header Table": special indexes, sh_type, sh_flags
export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_ABS = 0xfff1;
export const SHN_XINDEX = 0xffff;
export const SHT_NULL = 0;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;
export const SHT_DYNSYM = 11;
export const SHT_SYMTAB_SHNDX = 18;
export const SHT_RELR = 19;
export const SHF_ALLOC = 2n;
export const SHF_EXECINSTR = 4n;
export const SHF_TLS = 0x400n;

// gABI, "Symbol Table", st_info: binding in the upper four bits, type in the lower four; STT_GNU_IFUNC is GNU's
export const STB_LOCAL = 0;
export const STB_GLOBAL = 1;
export const STB_WEAK = 2;
export const STT_NOTYPE = 0;
export const STT_OBJECT = 1;
export const STT_FUNC = 2;
export const STT_SECTION = 3;
export const STT_FILE = 4;
export const STT_COMMON = 5;
export const STT_TLS = 6;
export const STT_GNU_IFUNC = 10;

/** Sizes of the records of a file, in bytes. */
export interface RecordSizes {
  /** Size of the ELF file header, which `e_ehsize` repeats. */
  readonly fileHeader: number;
  /** Size of a program header, which `e_phentsize` repeats. */
  readonly programHeader: number;
  /** Size of a section header, which `e_shentsize` repeats. */
  readonly sectionHeader: number;
  /** Size of a symbol, which `sh_entsize` of a symbol table repeats. */
  readonly symbol: number;
}

/** The record sizes of each class: gABI, "ELF Header", "Program Header", "Section Header Table", "Symbol Table". */
export const RECORD_SIZES: { readonly 1: RecordSizes; readonly 2: RecordSizes } = {
  [ELFCLASS32]: { fileHeader: 52, programHeader: 32, sectionHeader: 40, symbol: 16 },
  [ELFCLASS64]: { fileHeader: 64, programHeader: 56, sectionHeader: 64, symbol: 24 },
};

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [PT_NULL, "NULL"],
  [PT_LOAD, "LOAD"],
  [PT_DYNAMIC, "DYNAMIC"],
  [PT_INTERP, "INTERP"],
  [PT_NOTE, "NOTE"],
  [PT_SHLIB, "SHLIB"],
  [PT_PHDR, "PHDR"],
  [PT_TLS, "TLS"],
  [PT_GNU_EH_FRAME, "GNU_EH_FRAME"],
  [PT_GNU_STACK, "GNU_STACK"],
  [PT_GNU_RELRO, "GNU_RELRO"],
  [PT_GNU_PROPERTY, "GNU_PROPERTY"],
  [PT_GNU_SFRAME, "GNU_SFRAME"],
  [PT_OPENBSD_MUTABLE, "OPENBSD_MUTABLE"],
  [PT_OPENBSD_RANDOMIZE, "OPENBSD_RANDOMIZE"],
  [PT_OPENBSD_WXNEEDED, "OPENBSD_WXNEEDED"],
  [PT_OPENBSD_BOOTDATA, "OPENBSD_BOOTDATA"],
]);

/**
 * Returns the name of a program header type, as `readelf` prints it.
 *
 * @param type A `p_type`.
 * @returns Its name without the prefix `PT_`, or the number in hex if it has no name.
 */
export function segmentTypeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `0x${type.toString(16)}`;
}

/**
 * Whether a program header type is defined by the specification, or lies in a range that it reserves for operating
 * systems or processors.
 *
 * @param type A `p_type`.
 * @returns True for 0 to 7 and for `PT_LOOS` to `PT_HIPROC`.
 */
export function isKnownSegmentType(type: number): boolean {
  return type <= PT_TLS || (type >= PT_LOOS && type <= PT_HIPROC);
}
