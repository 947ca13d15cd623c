/**
 * The closed set of codes that a load can fail with, and the typed details of each.
 *
 * @module
 */

/** What an error is about: the header's index if one is concerned, the field, and the value found. */
export interface ErrorPlace {
  /** Index in the program header table, if a program header is concerned. */
  readonly index?: number;
  /** Name of the field, as the specification spells it, or the sum of fields that was checked. */
  readonly field: string;
  /** Value found there. */
  readonly value: bigint | number | string;
}

/** A value that is too large, with the largest one that would have been accepted. */
export interface LimitPlace extends ErrorPlace {
  /** The largest value that is accepted, in the unit of `value`. */
  readonly limit: number;
}

/** The typed details of each code of a {@linkcode LoadError}. */
export interface LoadErrorDetails {
  /** The source ends inside the ELF file header. */
  "file-too-short": LimitPlace & {
    /** What was being read, such as "the ELF file header". */
    readonly subject: string;
  };
  /** The first four bytes are not the ELF magic number. */
  "not-elf": ErrorPlace;
  /** `EI_CLASS` is none that is accepted. */
  "class-unsupported": ErrorPlace;
  /** `EI_DATA` is none that is accepted. */
  "data-encoding-unsupported": ErrorPlace;
  /** `EI_VERSION` is 0. */
  "version-unsupported": ErrorPlace;
  /** `e_type` is neither `ET_EXEC` nor `ET_DYN`. */
  "type-unsupported": ErrorPlace;
  /** `e_machine` is not `EM_X86_64`. */
  "machine-unsupported": ErrorPlace;
  /** `e_ehsize` or `e_phentsize` is not the size of the record. */
  "record-size-mismatch": LimitPlace;
  /** There are program headers, and `e_phoff` is 0. */
  "program-headers-missing": ErrorPlace;
  /** `e_phnum` is `PN_XNUM`: the count stands in a section header. */
  "program-header-count-extended": ErrorPlace;
  /** The program header table reaches past the end of the file. */
  "program-headers-out-of-file": LimitPlace;
  /** The program header table does not lie at a multiple of its fields' size. */
  "program-headers-misaligned": LimitPlace;
  /** The section header table reaches past the end of the file. */
  "section-headers-out-of-file": LimitPlace;
  /** A segment reaches past the end of the file or, where the rules want it to end before, to that end. */
  "segment-out-of-file": LimitPlace;
  /** A program header's type is one that is refused. */
  "segment-type-refused": ErrorPlace;
  /** `p_align` is neither 0 nor a power of two. */
  "alignment-invalid": ErrorPlace;
  /** `p_vaddr` and `p_offset` are not congruent modulo `p_align`. */
  "alignment-mismatch": ErrorPlace;
  /** `p_filesz` is larger than `p_memsz`. */
  "filesz-exceeds-memsz": LimitPlace;
  /** A virtual address is not canonical, or a range crosses the non-canonical hole. */
  "address-not-canonical": ErrorPlace;
  /** A sum of addresses and sizes leaves the 64-bit address space. */
  "address-overflow": ErrorPlace;
  /** The address ranges of two `PT_LOAD` headers intersect. */
  "segments-overlap": ErrorPlace & {
    /** Index of the other program header. */
    readonly otherIndex: number;
  };
  /** No `PT_LOAD` header asks for memory. */
  "no-load-segment": ErrorPlace;
  /** There is more than one `PT_TLS` header. */
  "tls-repeated": LoadErrorDetails["segments-overlap"];
  /** `kernelBase` was given for a file that is not position-independent. */
  "kernel-base-refused": ErrorPlace;
  /** `kernelBase` is not a multiple of 4096 and of the largest `p_align`. */
  "kernel-base-misaligned": LimitPlace;
  /** The load needs more than `maxMemory`. */
  "memory-limit-exceeded": LimitPlace;
  /** The load does not fit into the window of physical memory that it was given. */
  "memory-too-small": LimitPlace;
  /** The frame allocator handed out a frame that cannot be used; `field` says why. */
  "frame-unusable": ErrorPlace;
  /** The frame allocator has no more frames; `field` is what they are for, `value` the number of bytes still needed. */
  "frames-exhausted": ErrorPlace;
  /** A page is to be mapped that is mapped already. */
  "page-already-mapped": ErrorPlace & {
    /** Index of a program header that owns the page, if one does. */
    readonly otherIndex?: number;
    /** That header's range `[start, end)` in virtual addresses. */
    readonly otherRange?: readonly [start: bigint, end: bigint];
  };
  /** A range lies in a level-4 entry that points to the level-4 table itself. */
  "range-recursive": ErrorPlace;
  /** A physical range that the caller describes holds frames of the load. */
  "range-in-use": ErrorPlace & {
    /** What the frames are for. */
    readonly owner: string;
  };
  /** A frame or the memory lies where a processor or firmware cannot use it to boot the kernel. */
  "not-bootable": LimitPlace;
  /** A mapped frame lies outside the memory that is to be read or written. */
  "frame-out-of-memory": ErrorPlace;
  /** A page is needed that is not mapped. */
  "page-not-mapped": ErrorPlace;
  /** A page-table entry points outside the window of physical memory. */
  "table-out-of-memory": ErrorPlace;
  /** Every level-4 entry that could serve is in use. */
  "level4-exhausted": ErrorPlace;
  /** The dynamic table does not say what is needed to relocate. */
  "dynamic-malformed": ErrorPlace;
  /** A relocation has a type that is not supported. */
  "relocation-unsupported": ErrorPlace & {
    /** Virtual address that it would change. */
    readonly place: bigint;
    /** The type's name, such as "R_X86_64_TPOFF64", or its number if it has none. */
    readonly type: string;
    /** Name of the symbol, empty if it refers to none. */
    readonly symbol: string;
  };
  /** A relocation's place lies in no segment. */
  "relocation-out-of-segment": ErrorPlace;
  /** A relocation refers to a symbol that is not defined, and not weak. */
  "symbol-undefined": LoadErrorDetails["relocation-unsupported"];
  /** A plugin threw; its error is the cause. */
  "plugin-failed": ErrorPlace;
  /** The source of the bytes failed. */
  "source-failed": ErrorPlace;
  /** The HTTP response is not ok. */
  "response-not-ok": ErrorPlace;
}

/** A code of a {@linkcode LoadError}. */
export type ErrorCode = keyof LoadErrorDetails;
