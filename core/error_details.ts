/**
 * The closed set of error codes of a load, and the typed details of each.
 *
 * @module
 */

/** What an error is about: the program header (if any), the field, and the value found. */
export interface ErrorPlace {
  /** Index of the program header that the error is about, if any. */
  readonly index?: number;
  /** Name of the field as the specification spells it, a sum of fields, or a phrase for anything else. */
  readonly field: string;
  /** The value found. */
  readonly value: bigint | number | string;
}

/** A refused value, with the limit that it was checked against. */
export interface LimitPlace extends ErrorPlace {
  /** The limit, in the unit of `value`: in most cases the largest accepted value. */
  readonly limit: number;
}

/** The typed details of each code of a {@linkcode LoadError}. */
export interface LoadErrorDetails {
  /** The data ends inside the structure being read, such as the ELF file header. */
  "file-too-short": LimitPlace & {
    /** What was being read, such as "the ELF file header". */
    readonly subject: string;
  };
  /** The first four bytes are not the ELF magic number. */
  "not-elf": ErrorPlace;
  /** `EI_CLASS` is not supported. */
  "class-unsupported": ErrorPlace;
  /** `EI_DATA` is not supported. */
  "data-encoding-unsupported": ErrorPlace;
  /** `EI_VERSION` is 0. */
  "version-unsupported": ErrorPlace;
  /** `e_type` is neither `ET_EXEC` nor `ET_DYN`. */
  "type-unsupported": ErrorPlace;
  /** `e_machine` is not `EM_X86_64`. */
  "machine-unsupported": ErrorPlace;
  /** `e_ehsize` or `e_phentsize` is not the size that the class defines. */
  "record-size-mismatch": LimitPlace;
  /** There are program headers, but `e_phoff` is 0. */
  "program-headers-missing": ErrorPlace;
  /** `e_phnum` is `PN_XNUM`: the count is in a section header. */
  "program-header-count-extended": ErrorPlace;
  /** The program header table reaches past the end of the file. */
  "program-headers-out-of-file": LimitPlace;
  /** `e_phoff` is not a multiple of the word size of the class. */
  "program-headers-misaligned": LimitPlace;
  /** The section header table reaches past the end of the file. */
  "section-headers-out-of-file": LimitPlace;
  /** A segment reaches past the end of the file or, where the rules want it to end before, to that end. */
  "segment-out-of-file": LimitPlace;
  /** The rules refuse this type of program header. */
  "segment-type-refused": ErrorPlace;
  /** `p_align` is neither 0 nor a power of two. */
  "alignment-invalid": ErrorPlace;
  /** `p_vaddr` and `p_offset` are not congruent modulo `p_align`. */
  "alignment-mismatch": ErrorPlace;
  /** `p_filesz` is larger than `p_memsz`. */
  "filesz-exceeds-memsz": LimitPlace;
  /** A virtual address is not canonical, or a range crosses the non-canonical hole. */
  "address-not-canonical": ErrorPlace;
  /** An address, or a sum of addresses and sizes, is outside the 64-bit address space. */
  "address-overflow": ErrorPlace;
  /** The address ranges of two `PT_LOAD` headers overlap. */
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
  /** The load needs more than `maxMemory`, or the system could not allocate its memory. */
  "memory-limit-exceeded": LimitPlace;
  /** Something does not fit in physical memory or in the room reserved for it. */
  "memory-too-small": LimitPlace;
  /** The frame allocator handed out an unusable frame; `field` is the reason. */
  "frame-unusable": ErrorPlace;
  /** The frame allocator has no more frames; `field` is their purpose, `value` the number of bytes still needed. */
  "frames-exhausted": ErrorPlace;
  /** A page that is to be mapped is already mapped. */
  "page-already-mapped": ErrorPlace & {
    /** Index of a program header that owns the page, if any. */
    readonly otherIndex?: number;
    /** That header's range `[start, end)` in virtual addresses. */
    readonly otherRange?: readonly [start: bigint, end: bigint];
  };
  /** A range touches a level-4 entry that points to the level-4 table itself. */
  "range-recursive": ErrorPlace;
  /** A physical range that the caller describes holds frames of the load. */
  "range-in-use": ErrorPlace & {
    /** What the frames are for. */
    readonly owner: string;
  };
  /** A frame, or the memory, lies where the kernel cannot be booted from. */
  "not-bootable": LimitPlace;
  /** A page that is to be read or written is mapped to a frame outside this memory. */
  "frame-out-of-memory": ErrorPlace;
  /** A page that is needed is not mapped. */
  "page-not-mapped": ErrorPlace;
  /** A page-table entry points outside the window of physical memory. */
  "table-out-of-memory": ErrorPlace;
  /** There are not enough consecutive free level-4 entries. */
  "level4-exhausted": ErrorPlace;
  /** The dynamic table is malformed, lacks what relocating needs, or has too many relocations. */
  "dynamic-malformed": ErrorPlace;
  /** A relocation has a type that is not supported. */
  "relocation-unsupported": ErrorPlace & {
    /** Virtual address of the word to be relocated. */
    readonly place: bigint;
    /** The type's name, such as "R_X86_64_TPOFF64", or its number if it has none. */
    readonly type: string;
    /** Name of the symbol; empty if the relocation has none. */
    readonly symbol: string;
  };
  /** A relocation applies to an address outside every `PT_LOAD` segment. */
  "relocation-out-of-segment": ErrorPlace;
  /** A relocation refers to a symbol that is neither defined nor weak. */
  "symbol-undefined": LoadErrorDetails["relocation-unsupported"];
  /** A plugin threw; its error is the cause. */
  "plugin-failed": ErrorPlace;
  /** The source of the bytes failed. */
  "source-failed": ErrorPlace;
  /** The HTTP response has an error status. */
  "response-not-ok": ErrorPlace;
}

/** A code of a {@linkcode LoadError}. */
export type ErrorCode = keyof LoadErrorDetails;
