/**
 * The rule sets: what is accepted and what is done with it, as named switches.
 *
 * @module
 */

/** The name of a rule set. */
export type RuleSetName = "default" | "bootloader-0.10" | "bootloader-0.11";

/** One rule set: every switch that the stages consult. */
export interface Rules {
  /** The rule set's name. */
  readonly name: RuleSetName;
  /** Only ELF64 for `EM_X86_64` is accepted. */
  readonly onlyX86: boolean;
  /** Only little-endian files are accepted; else others are read as if they were. */
  readonly onlyLittleEndian: boolean;
  /** Only `ET_EXEC` and `ET_DYN` are accepted. */
  readonly onlyExecutables: boolean;
  /** The whole file is read: its length bounds the section header table and, strictly, every header's segment. */
  readonly readsWholeFile: boolean;
  /** An `e_phnum` of 0xffff (`PN_XNUM`) is the count itself, rather than a sign that the count stands elsewhere. */
  readonly takesCountLiterally: boolean;
  /** The program header table has to lie at a multiple of its fields' size. */
  readonly checksTableAlignment: boolean;
  /** A program header of a type that nobody knows refuses the file. */
  readonly refusesUnknownTypes: boolean;
  /** A file without a `PT_LOAD` that asks for memory is refused. */
  readonly refusesEmptyKernel: boolean;
  /** "power-of-two": `p_align` is 0 or a power of two. "congruent": `p_vaddr` and `p_offset` agree modulo it. */
  readonly alignment: "power-of-two" | "congruent";
  /**
   * Where segments may lie. "one-half": in one canonical half. "sign-extended": addresses with only bit 47 set are
   * sign-extended, and the hole may be crossed. "canonical-steps": every address and sum on the way is canonical.
   */
  readonly addresses: "one-half" | "sign-extended" | "canonical-steps";
  /** The extent of all `PT_LOAD` headers, and the range of every header that has memory, has to be canonical. */
  readonly checksExtent: boolean;
  /** Headers that a plugin claims are checked as segments are. */
  readonly checksClaimed: boolean;
  /** Addresses that may not be what the kernel's author meant are reported. */
  readonly reportsAddresses: boolean;
  /** A `PT_LOAD` with `p_memsz` 0 is left out; one with `p_filesz` above `p_memsz` is refused. */
  readonly checksSegmentSizes: boolean;
  /** A segment with `p_filesz` 0 at an offset inside a page maps that page of the file. */
  readonly mapsEmptyFilePart: boolean;
  /** A segment whose address and offset differ modulo 4 KiB is copied into fresh frames. */
  readonly copiesMisaligned: boolean;
  /** Pages that two segments share are merged into one fresh frame; segments that intersect are refused. */
  readonly mergesSharedPages: boolean;
  /** A writable segment does not share pages of the file with other segments: it gets copies of them. */
  readonly unsharesWritable: boolean;
  /** Whether a bss that ends on a page boundary takes the page behind it too. */
  readonly bssEnd: "exclusive" | "inclusive";
  /** A bss that starts inside a page always gets a new copy of it, with its segment's flags, rather than owning it. */
  readonly bssAlwaysCopies: boolean;
  /** How a page is known to have a frame of its own: by where the frame lies, or by a mark on its leaf. */
  readonly ownership: "frame" | "mark";
  /** Page-table entries above the leaves: always writable, or as the leaf is. */
  readonly parentFlags: "writable" | "as-leaf";
  /** Which headers use level-4 entries: what is loaded; every one with memory, and the extent; every one, end included. */
  readonly level4Usage: "loaded" | "every-header" | "every-header-inclusive";
  /** Where a position-independent kernel is placed, and how relocations are read and applied. */
  readonly relocation: "default" | "bootloader-0.11";
}

/** Every rule set, by its name. */
export const RULES: { readonly [N in RuleSetName]: Rules } = {
  "default": {
    name: "default",
    onlyX86: true,
    onlyLittleEndian: true,
    onlyExecutables: true,
    readsWholeFile: false,
    takesCountLiterally: false,
    checksTableAlignment: false,
    refusesUnknownTypes: false,
    refusesEmptyKernel: true,
    alignment: "power-of-two",
    addresses: "one-half",
    checksExtent: false,
    checksClaimed: true,
    reportsAddresses: true,
    checksSegmentSizes: true,
    mapsEmptyFilePart: false,
    copiesMisaligned: true,
    mergesSharedPages: true,
    unsharesWritable: true,
    bssEnd: "exclusive",
    bssAlwaysCopies: false,
    ownership: "frame",
    parentFlags: "writable",
    level4Usage: "loaded",
    relocation: "default",
  },
  "bootloader-0.10": {
    name: "bootloader-0.10",
    onlyX86: false,
    onlyLittleEndian: false,
    onlyExecutables: false,
    readsWholeFile: true,
    takesCountLiterally: true,
    checksTableAlignment: false,
    refusesUnknownTypes: true,
    refusesEmptyKernel: false,
    alignment: "congruent",
    addresses: "sign-extended",
    checksExtent: false,
    checksClaimed: false,
    reportsAddresses: false,
    checksSegmentSizes: false,
    mapsEmptyFilePart: true,
    copiesMisaligned: false,
    mergesSharedPages: false,
    unsharesWritable: false,
    bssEnd: "inclusive",
    bssAlwaysCopies: true,
    ownership: "frame",
    parentFlags: "as-leaf",
    level4Usage: "every-header-inclusive",
    relocation: "default",
  },
  "bootloader-0.11": {
    name: "bootloader-0.11",
    onlyX86: false,
    onlyLittleEndian: false,
    onlyExecutables: true,
    readsWholeFile: true,
    takesCountLiterally: true,
    checksTableAlignment: true,
    refusesUnknownTypes: true,
    refusesEmptyKernel: false,
    alignment: "congruent",
    addresses: "canonical-steps",
    checksExtent: true,
    checksClaimed: false,
    reportsAddresses: false,
    checksSegmentSizes: false,
    mapsEmptyFilePart: true,
    copiesMisaligned: false,
    mergesSharedPages: false,
    unsharesWritable: false,
    bssEnd: "exclusive",
    bssAlwaysCopies: false,
    ownership: "mark",
    parentFlags: "writable",
    level4Usage: "every-header",
    relocation: "bootloader-0.11",
  },
};
