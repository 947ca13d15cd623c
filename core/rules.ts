/**
 * The rule sets: what is accepted and how it is loaded, as named switches. Each switch decides one thing; no code asks
 * which rule set it runs under.
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
  /** Only little-endian files are accepted; otherwise all files are read as little-endian. */
  readonly onlyLittleEndian: boolean;
  /** Only `ET_EXEC` and `ET_DYN` are accepted. */
  readonly onlyExecutables: boolean;

  /** The whole file is read and kept, not only the part that is needed. */
  readonly readsWholeFile: boolean;
  /** An `e_phnum` of 0xffff (`PN_XNUM`) is the count itself, not a sign that the count is elsewhere. */
  readonly takesCountLiterally: boolean;
  /** Both header tables must end within the file, even if they are empty. */
  readonly checksTableRanges: boolean;
  /** `e_phoff` must be a multiple of the word size of the class. */
  readonly checksTableAlignment: boolean;

  /** A file with a program header of an unknown type is refused. */
  readonly refusesUnknownTypes: boolean;
  /** The file bytes of every program header, whatever its type, must end before the end of the file. */
  readonly checksFileRanges: boolean;
  /** Headers that a plugin claims are checked like `PT_LOAD` headers. */
  readonly checksClaimed: boolean;

  /** A file without a `PT_LOAD` with a nonzero `p_memsz` is refused. */
  readonly refusesEmptyKernel: boolean;
  /** A `PT_LOAD` with `p_memsz` 0 is skipped. */
  readonly skipsEmptySegments: boolean;
  /** A `PT_LOAD` with `p_filesz` above `p_memsz` is refused. */
  readonly checksSegmentSizes: boolean;
  /**
   * "power-of-two": `p_align` is 0 or a power of two. "congruent": `p_vaddr` and `p_offset` are congruent modulo it.
   */
  readonly alignment: "power-of-two" | "congruent";

  /**
   * How virtual addresses are checked. "one-half": they are canonical, and no segment crosses the hole.
   * "sign-extended": those with only bit 47 set are sign-extended, and segments may cross the hole. "canonical-steps":
   * every address and every intermediate sum is canonical, and segments may cross the hole.
   */
  readonly addresses: "one-half" | "sign-extended" | "canonical-steps";
  /** The extent of all `PT_LOAD` headers must not be empty, and must start and end at canonical addresses. */
  readonly checksExtent: boolean;
  /** The range of every program header with memory, whatever its type, must start and end at canonical addresses. */
  readonly checksEveryRange: boolean;
  /** The virtual address offset, modulo 2^64, must itself be a canonical address. */
  readonly checksOffset: boolean;
  /** Which part of a TLS template must lie below 2^64. */
  readonly tlsAddresses: "whole-range" | "start" | "any";
  /** Addresses that the kernel's author may not have intended are reported. */
  readonly reportsAddresses: boolean;

  /**
   * What `kernelBase` must be a multiple of. "page": 4096 and the largest `p_align` of segments with memory. "p_align":
   * the largest `p_align` of all `PT_LOAD` headers, which must be a power of two.
   */
  readonly baseMultiple: "page" | "p_align";
  /** A `kernelBase` that would move the lowest segment past 2^64 is added modulo 2^64, which moves the kernel down. */
  readonly wrapsBase: boolean;
  /**
   * Where a position-independent kernel is placed. "aligned": its lowest address, rounded down to the largest
   * `p_align`, is at the start of a free level-4 entry, and the kernel lies in one half. "entry-start": its lowest
   * address itself is at the start of the first level-4 entry that an identity mapping of memory (at least 4 GiB)
   * leaves free.
   */
  readonly placement: "aligned" | "entry-start";

  /** A segment with `p_filesz` 0 whose offset is inside a page maps that page of the file. */
  readonly mapsEmptyFilePart: boolean;
  /** A segment whose address and offset are not congruent modulo 4 KiB is copied into fresh frames. */
  readonly copiesMisaligned: boolean;
  /** Pages that two segments share are merged into one fresh frame; overlapping segments are refused. */
  readonly mergesSharedPages: boolean;
  /** A writable segment does not share file pages with other segments: it gets copies. */
  readonly unsharesWritable: boolean;
  /** Whether a bss that ends on a page boundary also takes the next page. */
  readonly bssEnd: "exclusive" | "inclusive";
  /**
   * A bss that starts inside a page always gets a new copy of that page, with its segment's flags, even if the page
   * already has its own frame.
   */
  readonly bssAlwaysCopies: boolean;
  /** How to tell that a page has its own frame: by where the frame lies, or by a mark on the leaf entry. */
  readonly ownership: "frame" | "mark";
  /** Page-table entries above the leaves: always writable, or writable if the leaf is. */
  readonly parentFlags: "writable" | "as-leaf";
  /**
   * Which headers use level-4 entries: those that are loaded (and TLS); all with memory, plus the extent; all, with
   * their end included.
   */
  readonly level4Usage: "loaded" | "every-header" | "every-header-inclusive";

  /** A position-independent kernel whose relocations are not applied is reported. */
  readonly reportsRelocations: boolean;
  /** Relocations are applied to kernels with fixed addresses (`ET_EXEC`) too. */
  readonly relocatesFixed: boolean;
  /**
   * Which `PT_DYNAMIC` headers are used. "one": the first, and any other must equal it. "each": all, in table order.
   */
  readonly dynamicHeaders: "one" | "each";
  /** A dynamic table must consist of whole entries, at a file offset that is a multiple of 8. */
  readonly checksDynamicAlignment: boolean;
  /** A dynamic table is read to its last byte, not only up to `DT_NULL`. */
  readonly readsPastDynamicNull: boolean;
  /** A file whose dynamic table has a tag that v0.11 of the original does not know is refused. */
  readonly refusesUnknownTags: boolean;
  /** Which relocation tables are applied. "all": `DT_RELA`, `DT_JMPREL` and `DT_RELR`, and `DT_REL` is refused. */
  readonly relocationTables: "all" | "rela";
  /** A relocation table must lie in file bytes, not in the zeroed part of a segment. */
  readonly checksRelocationTables: boolean;
  /** Which relocations are applied: those that need no dynamic linker, or `R_X86_64_RELATIVE` without a symbol. */
  readonly relocationTypes: "static" | "relative";
  /** Which part of a relocated word must lie in a `PT_LOAD`. */
  readonly relocatedBytes: "whole-word" | "first-byte";
  /** Relocated values are taken modulo 2^64 instead of being refused, so addends may be negative. */
  readonly wrapsRelocatedValues: boolean;
  /** Relocations and their tables may cross the non-canonical hole. */
  readonly relocatesAcrossHole: boolean;
  /** Which pages of a `PT_GNU_RELRO` range are sealed: all of them, or those that hold no other writable data. */
  readonly relroPages: "all" | "unshared";
  /**
   * What a `PT_GNU_RELRO` range covers. "bytes": the pages that hold its bytes. "ends": the pages from its first
   * address to the one before its end, so even an empty range may have a page; every intermediate address must be
   * canonical.
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
    dynamicHeaders: "one",
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
    dynamicHeaders: "one",
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
    dynamicHeaders: "each",
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
