/**
 * The rule sets: what is accepted and what is done with it, as named switches.
 *
 * @module
 */

/** The name of a rule set. */
export type RuleSetName = "default" | "bootloader-0.10";

/** One rule set: every switch that the stages consult. */
export interface Rules {
  /** The rule set's name. */
  readonly name: RuleSetName;
  /** Only ELF64, little-endian, `EM_X86_64`, `ET_EXEC` or `ET_DYN` is accepted. */
  readonly onlyX86Kernels: boolean;
  /** The whole file is read: its length bounds the section header table and, strictly, every header's segment. */
  readonly readsWholeFile: boolean;
  /** An `e_phnum` of 0xffff (`PN_XNUM`) is the count itself, rather than a sign that the count stands elsewhere. */
  readonly takesCountLiterally: boolean;
  /** A program header of a type that nobody knows refuses the file. */
  readonly refusesUnknownTypes: boolean;
  /** A file without a `PT_LOAD` that asks for memory is refused. */
  readonly refusesEmptyKernel: boolean;
  /** "power-of-two": `p_align` is 0 or a power of two. "congruent": `p_vaddr` and `p_offset` agree modulo it. */
  readonly alignment: "power-of-two" | "congruent";
  /** Addresses with only bit 47 set are sign-extended, and segments may cross the non-canonical hole. */
  readonly signExtendsBit47: boolean;
  /** A `PT_LOAD` with `p_memsz` 0 is left out; one with `p_filesz` above `p_memsz` is refused. */
  readonly checksSegmentSizes: boolean;
  /** A segment with `p_filesz` 0 at an offset inside a page maps that page of the file. */
  readonly mapsEmptyFilePart: boolean;
  /** A segment whose address and offset differ modulo 4 KiB is copied into fresh frames. */
  readonly copiesMisaligned: boolean;
  /** Pages that two segments share are merged into one fresh frame; segments that intersect are refused. */
  readonly mergesSharedPages: boolean;
  /** Whether a bss that ends on a page boundary takes the page behind it too. */
  readonly bssEnd: "exclusive" | "inclusive";
  /** Which last pages of a file part are copied before the bss in them: those of the file, or whatever is mapped. */
  readonly bssCopies: "file-pages" | "any-page";
  /** Page-table entries above the leaves: always writable, or as the leaf is. */
  readonly parentFlags: "writable" | "as-leaf";
  /** Which headers use level-4 entries: what is loaded, or every header with its end counted in. */
  readonly level4Usage: "loaded" | "every-header";
}

/** Every rule set, by its name. */
export const RULES: { readonly [N in RuleSetName]: Rules } = {
  "default": {
    name: "default",
    onlyX86Kernels: true,
    readsWholeFile: false,
    takesCountLiterally: false,
    refusesUnknownTypes: false,
    refusesEmptyKernel: true,
    alignment: "power-of-two",
    signExtendsBit47: false,
    checksSegmentSizes: true,
    mapsEmptyFilePart: false,
    copiesMisaligned: true,
    mergesSharedPages: true,
    bssEnd: "exclusive",
    bssCopies: "file-pages",
    parentFlags: "writable",
    level4Usage: "loaded",
  },
  "bootloader-0.10": {
    name: "bootloader-0.10",
    onlyX86Kernels: false,
    readsWholeFile: true,
    takesCountLiterally: true,
    refusesUnknownTypes: true,
    refusesEmptyKernel: false,
    alignment: "congruent",
    signExtendsBit47: true,
    checksSegmentSizes: false,
    mapsEmptyFilePart: true,
    copiesMisaligned: false,
    mergesSharedPages: false,
    bssEnd: "inclusive",
    bssCopies: "any-page",
    parentFlags: "as-leaf",
    level4Usage: "every-header",
  },
};
