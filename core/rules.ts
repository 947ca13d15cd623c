/**
 * The rule sets: what is accepted and what is done with it, as named switches. A switch decides what its name says and
 * nothing else; no code asks which rule set it runs under.
 *
 * @module
 */

/** The name of a rule set. */
export type RuleSetName = "default" | "bootloader-0.10" | "bootloader-0.11";

/** One rule set: every switch that stages and plugins consult. */
export interface Rules {
  /** The rule set's name. */
  readonly name: RuleSetName;

  /** Only ELF64 for `EM_X86_64` is accepted. */
  readonly onlyX86: boolean;
  /** Only little-endian files are accepted; else others are read as if they were. */
  readonly onlyLittleEndian: boolean;
  /** Only `ET_EXEC` and `ET_DYN` are accepted. */
  readonly onlyExecutables: boolean;

  /** The whole file is read and kept, rather than what is needed of it. */
  readonly readsWholeFile: boolean;
  /** An `e_phnum` of 0xffff (`PN_XNUM`) is the count itself, rather than a sign that the count stands elsewhere. */
  readonly takesCountLiterally: boolean;
  /** Both header tables have to end in the file, even those without entries. */
  readonly checksTableRanges: boolean;
  /** The program header table has to lie at a multiple of its fields' size. */
  readonly checksTableAlignment: boolean;

  /** A program header of an unknown type refuses the file. */
  readonly refusesUnknownTypes: boolean;
  /** The file bytes of every program header, whatever its type, have to end before the file does. */
  readonly checksFileRanges: boolean;
  /** Headers that a plugin claims are checked as `PT_LOAD` headers are. */
  readonly checksClaimed: boolean;

  /** A file without a `PT_LOAD` that asks for memory is refused. */
  readonly refusesEmptyKernel: boolean;
  /** A `PT_LOAD` with `p_memsz` 0 is left out. */
  readonly skipsEmptySegments: boolean;
  /** A `PT_LOAD` with `p_filesz` above `p_memsz` is refused. */
  readonly checksSegmentSizes: boolean;
  /** "power-of-two": `p_align` is 0 or a power of two. "congruent": `p_vaddr` and `p_offset` agree modulo it. */
  readonly alignment: "power-of-two" | "congruent";

  /**
   * How virtual addresses are checked. "one-half": they are canonical, and no segment crosses the hole.
   * "sign-extended": those with only bit 47 set are sign-extended, and segments may cross the hole. "canonical-steps":
   * every address and sum on the way is canonical, and segments may cross the hole.
   */
  readonly addresses: "one-half" | "sign-extended" | "canonical-steps";
  /** What `PT_LOAD` headers span together has to be more than nothing, and start and end at canonical addresses. */
  readonly checksExtent: boolean;
  /** The range of every program header with memory, whatever its type, has to start and end at canonical addresses. */
  readonly checksEveryRange: boolean;
  /** The virtual address offset, taken modulo 2^64, has to be a canonical address itself. */
  readonly checksOffset: boolean;
  /** What of a TLS template has to lie below 2^64. */
  readonly tlsAddresses: "whole-range" | "start" | "any";
  /** Addresses that may not be what the kernel's author meant are reported. */
  readonly reportsAddresses: boolean;

  /**
   * What `kernelBase` has to be a multiple of. "page": 4096 and the largest `p_align` of segments with memory.
   * "p_align": the largest `p_align` of all `PT_LOAD` headers, which has to be a power of two.
   */
  readonly baseMultiple: "page" | "p_align";
  /** A `kernelBase` that takes the lowest segment past 2^64 moves the kernel down: it is added modulo 2^64. */
  readonly wrapsBase: boolean;
  /**
   * Where a position-independent kernel is placed. "aligned": its lowest address, rounded down to the largest `p_align`,
   * starts a free level-4 entry, and it lies in one half. "entry-start": its lowest address itself starts the first
   * level-4 entry that an identity mapping of memory, of 4 GiB at least, leaves free.
   */
  readonly placement: "aligned" | "entry-start";

  /** A segment with `p_filesz` 0 at an offset inside a page maps that page of the file. */
  readonly mapsEmptyFilePart: boolean;
  /** A segment whose address and offset differ modulo 4 KiB is copied into fresh frames. */
  readonly copiesMisaligned: boolean;
  /** Pages that two segments share are merged into one fresh frame; segments that intersect are refused. */
  readonly mergesSharedPages: boolean;
  /** A writable segment does not share pages of the file with other segments: it gets copies of them. */
  readonly unsharesWritable: boolean;
  /** Whether a bss that ends on a page boundary takes the next page too. */
  readonly bssEnd: "exclusive" | "inclusive";
  /** A bss that starts inside a page always gets a new copy of it, with its segment's flags, rather than owning it. */
  readonly bssAlwaysCopies: boolean;
  /** How a page is known to have a frame of its own: by where the frame lies, or by a mark on its leaf. */
  readonly ownership: "frame" | "mark";
  /** Page-table entries above the leaves: always writable, or as the leaf is. */
  readonly parentFlags: "writable" | "as-leaf";
  /** Which headers use level-4 entries: what is loaded; every one with memory, and the extent; every one, end included. */
  readonly level4Usage: "loaded" | "every-header" | "every-header-inclusive";

  /** A position-independent kernel whose relocations nothing applies is reported. */
  readonly reportsRelocations: boolean;
  /** Relocations are applied to kernels with fixed addresses (`ET_EXEC`) too. */
  readonly relocatesFixed: boolean;
  /** A dynamic table has to be whole entries at a multiple of 8 in the file. */
  readonly checksDynamicAlignment: boolean;
  /** A dynamic table is read to its last byte, rather than to `DT_NULL`. */
  readonly readsPastDynamicNull: boolean;
  /** A dynamic table with a tag that v0.11 of the original does not know refuses the file. */
  readonly refusesUnknownTags: boolean;
  /** Which relocation tables are applied. "all": `DT_RELA`, `DT_JMPREL` and `DT_RELR`, and `DT_REL` is refused. */
  readonly relocationTables: "all" | "rela";
  /** A relocation table has to lie in bytes of the file, rather than in the zeroed part of a segment. */
  readonly checksRelocationTables: boolean;
  /** Which relocations are applied: those that need no dynamic linker, or `R_X86_64_RELATIVE` without a symbol. */
  readonly relocationTypes: "static" | "relative";
  /** What of a relocated word has to lie in a `PT_LOAD`. */
  readonly relocatedBytes: "whole-word" | "first-byte";
  /** Relocated values are taken modulo 2^64, rather than refused above it; addends then may be negative. */
  readonly wrapsRelocatedValues: boolean;
  /** Relocations and their tables may cross the non-canonical hole. */
  readonly relocatesAcrossHole: boolean;
  /** Which pages of a `PT_GNU_RELRO` range are sealed: all of them, or those that hold no other writable data. */
  readonly relroPages: "all" | "unshared";
  /**
   * What a `PT_GNU_RELRO` range is. "bytes": the pages that its bytes lie in. "ends": the pages from its first address to
   * the one before its end, so that an empty range may have one; every address on the way has to be canonical.
   */
  readonly relroRange: "bytes" | "ends";
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
    checksTableRanges: false,
    checksTableAlignment: false,

    refusesUnknownTypes: false,
    checksFileRanges: false,
    checksClaimed: true,

    refusesEmptyKernel: true,
    skipsEmptySegments: true,
    checksSegmentSizes: true,
    alignment: "power-of-two",

    addresses: "one-half",
    checksExtent: false,
    checksEveryRange: false,
    checksOffset: false,
    tlsAddresses: "whole-range",
    reportsAddresses: true,

    baseMultiple: "page",
    wrapsBase: true,
    placement: "aligned",

    mapsEmptyFilePart: false,
    copiesMisaligned: true,
    mergesSharedPages: true,
    unsharesWritable: true,
    bssEnd: "exclusive",
    bssAlwaysCopies: false,
    ownership: "frame",
    parentFlags: "writable",
    level4Usage: "loaded",

    reportsRelocations: true,
    relocatesFixed: false,
    checksDynamicAlignment: false,
    readsPastDynamicNull: false,
    refusesUnknownTags: false,
    relocationTables: "all",
    checksRelocationTables: true,
    relocationTypes: "static",
    relocatedBytes: "whole-word",
    wrapsRelocatedValues: true,
    relocatesAcrossHole: false,
    relroPages: "unshared",
    relroRange: "bytes",
  },
  "bootloader-0.10": {
    name: "bootloader-0.10",

    onlyX86: false,
    onlyLittleEndian: false,
    onlyExecutables: false,

    readsWholeFile: true,
    takesCountLiterally: true,
    checksTableRanges: true,
    checksTableAlignment: false,

    refusesUnknownTypes: true,
    checksFileRanges: true,
    checksClaimed: false,

    refusesEmptyKernel: false,
    skipsEmptySegments: false,
    checksSegmentSizes: false,
    alignment: "congruent",

    addresses: "sign-extended",
    checksExtent: false,
    checksEveryRange: false,
    checksOffset: false,
    tlsAddresses: "any",
    reportsAddresses: false,

    baseMultiple: "page",
    wrapsBase: true,
    placement: "aligned",

    mapsEmptyFilePart: true,
    copiesMisaligned: false,
    mergesSharedPages: false,
    unsharesWritable: false,
    bssEnd: "inclusive",
    bssAlwaysCopies: true,
    ownership: "frame",
    parentFlags: "as-leaf",
    level4Usage: "every-header-inclusive",

    reportsRelocations: false,
    relocatesFixed: false,
    checksDynamicAlignment: false,
    readsPastDynamicNull: false,
    refusesUnknownTags: false,
    relocationTables: "all",
    checksRelocationTables: true,
    relocationTypes: "static",
    relocatedBytes: "whole-word",
    wrapsRelocatedValues: true,
    relocatesAcrossHole: false,
    relroPages: "unshared",
    relroRange: "bytes",
  },
  "bootloader-0.11": {
    name: "bootloader-0.11",

    onlyX86: false,
    onlyLittleEndian: false,
    onlyExecutables: true,

    readsWholeFile: true,
    takesCountLiterally: true,
    checksTableRanges: true,
    checksTableAlignment: true,

    refusesUnknownTypes: true,
    checksFileRanges: true,
    checksClaimed: false,

    refusesEmptyKernel: false,
    skipsEmptySegments: false,
    checksSegmentSizes: false,
    alignment: "congruent",

    addresses: "canonical-steps",
    checksExtent: true,
    checksEveryRange: true,
    checksOffset: true,
    tlsAddresses: "start",
    reportsAddresses: false,

    baseMultiple: "p_align",
    wrapsBase: false,
    placement: "entry-start",

    mapsEmptyFilePart: true,
    copiesMisaligned: false,
    mergesSharedPages: false,
    unsharesWritable: false,
    bssEnd: "exclusive",
    bssAlwaysCopies: false,
    ownership: "mark",
    parentFlags: "writable",
    level4Usage: "every-header",

    reportsRelocations: false,
    relocatesFixed: true,
    checksDynamicAlignment: true,
    readsPastDynamicNull: true,
    refusesUnknownTags: true,
    relocationTables: "rela",
    checksRelocationTables: false,
    relocationTypes: "relative",
    relocatedBytes: "first-byte",
    wrapsRelocatedValues: false,
    relocatesAcrossHole: true,
    relroPages: "all",
    relroRange: "ends",
  },
};
