/**
 * The one error that a bad file, a failing source or a too small memory gives, and its closed set of codes.
 *
 * @module
 */

/** The place that an error speaks of: the header's index where one is concerned, the field, and the value found. */
export interface ErrorPlace {
  /** Index in the program header table, where a program header is concerned. */
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

/** A clash of two program headers. */
export interface ClashPlace extends ErrorPlace {
  /** Index of the other program header. */
  readonly otherIndex: number;
}

/** A page that another program header may own. */
export interface PagePlace extends ErrorPlace {
  /** Index of a program header that owns the page already, where one is known. */
  readonly otherIndex?: number;
  /** The other header's range `[start, end)` in virtual addresses, where one is known. */
  readonly otherRange?: readonly [start: bigint, end: bigint];
}

/** A relocation that cannot be applied. */
export interface RelocationPlace extends ErrorPlace {
  /** Virtual address that it would change. */
  readonly place: bigint;
  /** The type's name, such as "R_X86_64_TPOFF64", or its number where it has none. */
  readonly type: string;
  /** Name of the symbol, empty where it refers to none. */
  readonly symbol: string;
}

/** The typed details of each code of a {@linkcode LoadError}. */
export interface LoadErrorDetails {
  /** The source ends inside the ELF file header. */
  "file-too-short": LimitPlace;
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
  /** A segment reaches past the end of the file. */
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
  "segments-overlap": ClashPlace;
  /** No `PT_LOAD` header asks for memory. */
  "no-load-segment": ErrorPlace;
  /** There is more than one `PT_TLS` header. */
  "tls-repeated": ClashPlace;
  /** `kernelBase` was given for a file that is not position-independent. */
  "kernel-base-refused": ErrorPlace;
  /** `kernelBase` is not a multiple of 4096 and of the largest `p_align`. */
  "kernel-base-misaligned": LimitPlace;
  /** The load needs more than `maxMemory`. */
  "memory-limit-exceeded": LimitPlace;
  /** The load does not fit into the window of physical memory that it was given. */
  "memory-too-small": LimitPlace;
  /** The frame allocator has no more frames. */
  "frames-exhausted": ErrorPlace;
  /** A page is to be mapped that is mapped already. */
  "page-already-mapped": PagePlace;
  /** A page is needed that is not mapped. */
  "page-not-mapped": ErrorPlace;
  /** A page-table entry points outside the window of physical memory. */
  "table-out-of-memory": ErrorPlace;
  /** Every level-4 entry that could serve is in use. */
  "level4-exhausted": ErrorPlace;
  /** The dynamic table does not say what is needed to relocate. */
  "dynamic-malformed": ErrorPlace;
  /** A relocation has a type that is not supported. */
  "relocation-unsupported": RelocationPlace;
  /** A relocation's place lies in no segment. */
  "relocation-out-of-segment": ErrorPlace;
  /** A relocation refers to a symbol that is not defined, and not weak. */
  "symbol-undefined": RelocationPlace;
  /** A plugin threw; its error is the cause. */
  "plugin-failed": ErrorPlace;
  /** The source of the bytes failed. */
  "source-failed": ErrorPlace;
  /** The HTTP response is not ok. */
  "response-not-ok": ErrorPlace;
}

/** A code of a {@linkcode LoadError}. */
export type ErrorCode = keyof LoadErrorDetails;

interface ErrorText<C extends ErrorCode> {
  readonly message: (detail: LoadErrorDetails[C]) => string;
  readonly hint: string;
}

const hex = (value: bigint | number | string): string => typeof value === "string" ? value : `0x${value.toString(16)}`;

const header = ({ index }: ErrorPlace): string => index === undefined ? "the file" : `program header ${index}`;

/** "Cannot load …: field is value, …", the wording that most codes share. */
const load = (state: string) => (place: ErrorPlace): string =>
  `Cannot load ${header(place)}: ${place.field} is ${hex(place.value)}, ${state}`;

const read = (state: string) => (place: ErrorPlace): string =>
  `Cannot read the ELF file header: ${place.field} is ${hex(place.value)}, ${state}`;

const outOfFile = (what: (place: LimitPlace) => string) => (place: LimitPlace): string =>
  `Cannot read ${what(place)}: ${place.field} is ${
    hex(place.value)
  }, past the last byte that may be used of ${place.limit}`;

const ERRORS: { readonly [C in ErrorCode]: ErrorText<C> } = {
  "file-too-short": {
    message: ({ field, value, limit }) =>
      `Cannot read the ELF file header: ${field} is ${value} bytes, the header needs ${limit}`,
    hint: "The file is empty or was cut off. Check that it was built and copied whole.",
  },
  "not-elf": {
    message: read("the ELF magic number is 0x7f454c46"),
    hint: "Pass the linked ELF file itself, not a raw binary (objcopy -O binary), a bzImage or a disk image.",
  },
  "class-unsupported": {
    message: read("not one of the accepted classes (ELFCLASS64 is 2)"),
    hint: "Build for a 64-bit target (gcc -m64, an x86_64 target triple).",
  },
  "data-encoding-unsupported": {
    message: read("not an accepted data encoding (ELFDATA2LSB is 1)"),
    hint: "x86-64 is little-endian: check the compiler's target.",
  },
  "version-unsupported": {
    message: read("EV_CURRENT is 1"),
    hint: "The header is damaged or was written by hand: set the version to 1.",
  },
  "type-unsupported": {
    message: read("neither ET_EXEC (2) nor ET_DYN (3)"),
    hint: "A relocatable object (.o) has to be linked first; a core file cannot be loaded.",
  },
  "machine-unsupported": {
    message: read("not EM_X86_64 (0x3e)"),
    hint: "The file is for another processor: check the compiler's target.",
  },
  "record-size-mismatch": {
    message: ({ field, value, limit }) =>
      `Cannot read the ELF file header: ${field} is ${value} bytes, the record has ${limit}`,
    hint: "The header is damaged, or its class does not match its layout.",
  },
  "program-headers-missing": {
    message: load("but there are program headers to read"),
    hint: "The file was not linked for loading: link it with program headers (the default of ld for executables).",
  },
  "program-header-count-extended": {
    message: load("PN_XNUM: a count of 65,535 or more program headers is not supported"),
    hint: "Link with fewer segments (PHDRS in the linker script).",
  },
  "program-headers-out-of-file": {
    message: outOfFile(() => "the program header table"),
    hint: "The file was cut off, or e_phoff, e_phentsize or e_phnum is damaged.",
  },
  "program-headers-misaligned": {
    message: (place) => `${load("no multiple of")(place)} ${place.limit}`,
    hint: "Only the newest original's rules refuse this; the default rules load such a file.",
  },
  "section-headers-out-of-file": {
    message: outOfFile(() => "the section header table"),
    hint: "The file was cut off or stripped badly. The default rules do not look at the section header table.",
  },
  "segment-out-of-file": {
    message: outOfFile((place) => `the segment of ${header(place)}`),
    hint: "The file was cut off, or the header is damaged: compare with readelf -lW.",
  },
  "segment-type-refused": {
    message: load("a type that these rules refuse"),
    hint: "PT_SHLIB has no meaning. Other unknown types are ignored under the default rules.",
  },
  "alignment-invalid": {
    message: load("neither 0 nor a power of two"),
    hint: "Check ALIGN(…) and the PHDRS command of the linker script.",
  },
  "alignment-mismatch": {
    message: load("and p_vaddr and p_offset differ modulo that"),
    hint: "Let the linker place the segments (no AT() tricks); the default rules load such a file by copying.",
  },
  "filesz-exceeds-memsz": {
    message: (place) => `${load("more than p_memsz")(place)} ${hex(place.limit)}`,
    hint: "The header is damaged: a segment's memory holds at least its file bytes.",
  },
  "address-not-canonical": {
    message: load("which is not canonical (bits 47 to 63 must be equal all through the range)"),
    hint: "Check the start address in the linker script: a higher-half kernel starts at 0xffff800000000000 or above.",
  },
  "address-overflow": {
    message: load("past the end of the 64-bit address space"),
    hint: "The segment starts too high for its size: lower the start address in the linker script.",
  },
  "segments-overlap": {
    message: (place) =>
      `Cannot load program header ${place.index}: ${place.field} is ${
        hex(place.value)
      }, inside the range of program header ${place.otherIndex}`,
    hint: "Two PT_LOAD ranges intersect: check the addresses of the sections and the PHDRS in the linker script.",
  },
  "no-load-segment": {
    message: load("and none of the program headers is a PT_LOAD that asks for memory"),
    hint:
      "The linker found nothing to load: check that the linker script keeps .text, and that its input is not empty.",
  },
  "tls-repeated": {
    message: (place) =>
      `Cannot load program header ${place.index}: ${place.field} is ${
        hex(place.value)
      } (PT_TLS), and program header ${place.otherIndex} is the TLS template already`,
    hint: "Put .tdata and .tbss into one PT_TLS segment.",
  },
  "kernel-base-refused": {
    message: load("so its addresses are fixed and kernelBase cannot move it"),
    hint: "Leave kernelBase out, or link the kernel as position-independent (-static-pie).",
  },
  "kernel-base-misaligned": {
    message: ({ value, limit }) => `Cannot load the file: kernelBase is ${hex(value)}, not a multiple of ${hex(limit)}`,
    hint: "kernelBase has to keep every segment's alignment: round it to the largest p_align.",
  },
  "memory-limit-exceeded": {
    message: (place) =>
      `Cannot load ${header(place)}: ${place.field} is ${hex(place.value)}, more than maxMemory ${hex(place.limit)}`,
    hint: "If the kernel is meant to be that large, raise maxMemory (--max-memory); otherwise its headers are damaged.",
  },
  "memory-too-small": {
    message: (place) =>
      `Cannot load ${header(place)}: ${place.field} is ${hex(place.value)}, the memory ends at ${hex(place.limit)}`,
    hint: "Give a larger memory (--memory-size), or leave its size out to have it computed.",
  },
  "frames-exhausted": {
    message: (place) => {
      const asker = place.index === undefined ? "" : ` for ${header(place)}`;
      return `Cannot allocate a frame${asker}: ${place.field} is ${place.value}`;
    },
    hint: "Give a larger memory (--memory-size), or a frame allocator with more frames.",
  },
  "page-already-mapped": {
    message: (place) => {
      const owner = place.otherIndex === undefined ? "" : ` by program header ${place.otherIndex}`;
      const range = place.otherRange ? `, which covers ${hex(place.otherRange[0])}..${hex(place.otherRange[1])}` : "";
      const asker = place.index === undefined ? "" : ` for ${header(place)}`;
      return `Cannot map ${place.field} ${hex(place.value)}${asker}: it is mapped already${owner}${range}`;
    },
    hint: "Two segments share a page: align them to 4 KiB in the linker script; the default rules merge such pages.",
  },
  "page-not-mapped": {
    message: (place) => {
      const owner = place.index === undefined ? "" : ` of ${header(place)}`;
      return `Cannot use ${place.field} ${hex(place.value)}${owner}: it is not mapped`;
    },
    hint: "No segment covers the address: compare it with the mappings of the report.",
  },
  "table-out-of-memory": {
    message: ({ field, value }) => `Cannot walk the page tables: ${field} is ${hex(value)}, outside physical memory`,
    hint: "A page-table entry was overwritten, or the memory is not the one that the tables were built in.",
  },
  "level4-exhausted": {
    message: ({ field, value }) => `Cannot find free level-4 entries: ${field} is ${hex(value)}`,
    hint: "The kernel and what was placed beside it fill the address space: ask for less.",
  },
  "dynamic-malformed": {
    message: (place) => `Cannot relocate by ${header(place)}: ${place.field} is ${hex(place.value)}`,
    hint: "The dynamic table is damaged, or was made for another machine: compare with readelf -dW.",
  },
  "relocation-unsupported": {
    message: (place) =>
      `Cannot relocate ${hex(place.place)} by ${header(place)}: ${place.field} is ${hex(place.value)} (${place.type}${
        place.symbol && `, symbol ${place.symbol}`
      }), which is not supported`,
    hint: "Link the kernel statically (-static-pie), without ifuncs and without TLS accesses that need relocations.",
  },
  "relocation-out-of-segment": {
    message: (place) =>
      `Cannot relocate by ${header(place)}: ${place.field} is ${hex(place.value)}, in no PT_LOAD segment`,
    hint: "The relocation table is damaged: compare with readelf -rW.",
  },
  "symbol-undefined": {
    message: (place) =>
      `Cannot relocate ${hex(place.place)} by ${header(place)}: ${place.field} is ${
        hex(place.value)
      }, which is not defined (${place.type})`,
    hint: "A kernel has nobody to link it at run time: define the symbol, or declare it weak.",
  },
  "plugin-failed": {
    message: (place) => `Cannot handle ${header(place)}: ${place.field} ${JSON.stringify(place.value)} failed`,
    hint: "The cause says what went wrong in the plugin; leave it out (--no-plugin) to load without it.",
  },
  "source-failed": {
    message: ({ field, value }) => `Cannot read the source: it failed; ${field} is ${value}`,
    hint: "The cause says what went wrong: see the error's cause.",
  },
  "response-not-ok": {
    message: ({ field, value }) => `Cannot read the response: ${field} is ${value}`,
    hint: "Check the address, and that the server has the file.",
  },
};

/** Every code of a {@linkcode LoadError}, sorted as they are documented. */
export const ERROR_CODES: readonly ErrorCode[] = Object.freeze(Object.keys(ERRORS) as ErrorCode[]);

/**
 * What the user can do about an error of this code, in one or two sentences.
 *
 * @example
 * ```ts
 * import { errorHint } from "@kload/kload";
 * import { assert } from "@std/assert";
 *
 * assert(errorHint("machine-unsupported").includes("target"));
 * ```
 *
 * @param code A code of a {@linkcode LoadError}.
 * @returns The hint.
 */
export function errorHint(code: ErrorCode): string {
  return ERRORS[code].hint;
}

/**
 * A kernel cannot be loaded: what is wrong, and where.
 *
 * @example
 * ```ts
 * import { loadKernel, LoadError } from "@kload/kload";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(() => loadKernel(new Uint8Array(64)), LoadError);
 * assertEquals(error.code, "not-elf");
 * ```
 */
export class LoadError<C extends ErrorCode = ErrorCode> extends Error {
  /** Always "LoadError". */
  override readonly name = "LoadError";
  /** What is wrong, from a closed set. */
  readonly code: C;
  /** Where it is wrong: field, value and, where one is concerned, the program header's index. */
  readonly detail: LoadErrorDetails[C];

  /**
   * Makes an error whose message is composed from its code and detail.
   *
   * @param code What is wrong.
   * @param detail Where, with the values that the message names.
   * @param options The underlying error as `cause`, where there is one.
   */
  constructor(code: C, detail: LoadErrorDetails[C], options?: ErrorOptions) {
    super(ERRORS[code].message(detail), options);
    this.code = code;
    this.detail = detail;
  }
}
