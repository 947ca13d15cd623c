/**
 * The message of each error, and the hint that goes with it.
 *
 * @module
 */

import { hexRange } from "./hex.ts";
import type { ErrorCode, ErrorPlace, LimitPlace, LoadErrorDetails } from "./error_details.ts";

/** The text of one code. */
export interface ErrorText<C extends ErrorCode> {
  /** Composes the message from the detail and, for some codes, the cause. */
  readonly message: (detail: LoadErrorDetails[C], cause?: unknown) => string;
  /** What to do about it. */
  readonly hint: string;
  /** What to do about it in the case at hand, where that differs. */
  readonly hintFor?: (detail: LoadErrorDetails[C]) => string | undefined;
}

function hex(value: bigint | number | string): string {
  if (typeof value === "string") return value;
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** A name stands in quotation marks: "free" and "missing" are names too. */
function quoted(value: bigint | number | string): string {
  return typeof value === "string" ? JSON.stringify(value) : hex(value);
}

function byteCount(value: bigint | number | string): string {
  return `${value} ${Number(value) === 1 ? "byte" : "bytes"}`;
}

const header = ({ index }: ErrorPlace): string => index === undefined ? "the file" : `program header ${index}`;

/** Most codes share this wording: "Cannot load …: field is value, …". */
const load = (state: string) => (place: ErrorPlace): string =>
  `Cannot load ${header(place)}: ${place.field} is ${hex(place.value)}, ${state}`;

/** The same for an address, which may come from a header or from the caller. */
const useAddress = (state: string) => (place: ErrorPlace): string =>
  place.index === undefined ? `Cannot use ${place.field} ${hex(place.value)}: it is ${state}` : load(state)(place);

/** The original's rules refuse a segment that ends exactly where the file does. */
const endsWithFile = ({ value, limit }: LimitPlace): boolean => Number(value) === limit;

const outOfFile = (what: (place: LimitPlace) => string) => (place: LimitPlace): string => {
  const end = endsWithFile(place)
    ? "exactly the end of the file, which these rules refuse"
    : `past the end of the file (${hex(place.limit)})`;
  return `Cannot read ${what(place)}: ${place.field} is ${hex(place.value)}, ${end}`;
};

/** Message and hint of every code. */
export const ERROR_TEXTS: { readonly [C in ErrorCode]: ErrorText<C> } = {
  "file-too-short": {
    message: ({ subject, field, value, limit }) =>
      `Cannot read ${subject}: ${field} is ${byteCount(value)}, but ${limit} ${limit === 1 ? "is" : "are"} needed`,
    hint: "The file is empty or truncated. Check that it was built and copied completely.",
  },
  "not-elf": {
    message: load("but an ELF file starts with 0x7f454c46"),
    hint: "Pass the linked ELF file itself, not a raw binary (objcopy -O binary), a bzImage or a disk image.",
  },
  "class-unsupported": {
    message: load("not a supported class (ELFCLASS64 is 0x2)"),
    hint: "Build the kernel for x86-64, as a 64-bit file (a target such as x86_64-unknown-none).",
    hintFor: ({ value }) => value === 1 /* ELFCLASS32 */ ? undefined : "The header is damaged: EI_CLASS must be 2.",
  },
  "data-encoding-unsupported": {
    message: load("not a supported data encoding (ELFDATA2LSB is 0x1)"),
    hint: "x86-64 is little-endian: check the compiler's target.",
  },
  "version-unsupported": {
    message: load("but must be EV_CURRENT (0x1)"),
    hint: "The header is damaged or was written by hand: set the version to 1.",
  },
  "type-unsupported": {
    message: load("neither ET_EXEC (0x2) nor ET_DYN (0x3)"),
    hint: "Link a relocatable object (.o) first. A core file cannot be loaded.",
    hintFor: ({ value }) =>
      value === 1 /* ET_REL */
        ? "It is a relocatable object (.o): link it first."
        : value === 4 /* ET_CORE */
        ? "It is a core file, which holds the memory of a program: load the program itself."
        : "The header is damaged, or has a type of one system: e_type must be 2 (ET_EXEC) or 3 (ET_DYN).",
  },
  "machine-unsupported": {
    message: load("not EM_X86_64 (0x3e)"),
    hint: "The file is for another processor: check the compiler's target.",
  },
  "record-size-mismatch": {
    message: ({ field, value, limit }) => `Cannot load the file: ${field} is ${byteCount(value)}, but must be ${limit}`,
    hint: "The header is damaged, or its class does not match its layout.",
  },
  "program-headers-missing": {
    message: load("although the file has program headers"),
    hint: "The file was not linked for loading: link it with program headers (ld's default for executables).",
  },
  "program-header-count-extended": {
    message: load("which is PN_XNUM: 65,535 or more program headers are not supported"),
    hint: "Link with fewer segments (PHDRS in the linker script).",
  },
  "program-headers-out-of-file": {
    message: outOfFile(() => "the program header table"),
    hint: "The file is truncated, or e_phoff, e_phentsize or e_phnum is damaged.",
  },
  "program-headers-misaligned": {
    message: (place) => `${load("not a multiple of")(place)} ${hex(place.limit)}`,
    hint: "Only the bootloader-0.11 rules refuse this: move the table to such a multiple, as linkers do.",
  },
  "section-headers-out-of-file": {
    message: outOfFile(() => "the section header table"),
    hint: "The file is truncated or was stripped badly. The default rules ignore the section header table.",
  },
  "segment-out-of-file": {
    message: outOfFile((place) => `the segment of ${header(place)}`),
    hint: "The file is truncated, or the header is damaged: compare with readelf -lW.",
    hintFor: (place) => endsWithFile(place) ? "Append a byte to the file, for example with truncate -s +1." : undefined,
  },
  "segment-type-refused": {
    message: load("which these rules refuse"),
    hint: "PT_SHLIB (0x5) is reserved and has no meaning. The default rules ignore other unknown types.",
  },
  "alignment-invalid": {
    message: load("neither 0 nor a power of two"),
    hint: "Check ALIGN(…) and the PHDRS command of the linker script.",
  },
  "alignment-mismatch": {
    message: load("but p_vaddr and p_offset are not congruent modulo that"),
    hint: "Link without -n and -N, and let the linker choose the file offsets.",
    hintFor: ({ value }) =>
      typeof value !== "bigint" || (value & (value - 1n)) === 0n
        ? undefined
        : "p_align must be 0 or a power of two: check ALIGN(…) and the PHDRS command of the linker script.",
  },
  "filesz-exceeds-memsz": {
    message: (place) => `${load("more than p_memsz")(place)} (${hex(place.limit)})`,
    hint: "The header is damaged: a segment is never larger in the file than in memory.",
  },
  "address-not-canonical": {
    message: useAddress("not canonical (bits 47 to 63 must be equal throughout the range)"),
    hint: "Choose another address (for a segment, in the linker script). The higher half starts at 0xffff800000000000.",
  },
  "address-overflow": {
    message: useAddress("outside the 64-bit address space"),
    hint: "The range starts too high for its size: choose a lower address (for a segment, in the linker script).",
  },
  "segments-overlap": {
    message: (place) => `${load("and its range overlaps that of program header")(place)} ${place.otherIndex}`,
    hint: "Two PT_LOAD ranges overlap: check the section addresses and the PHDRS command of the linker script.",
  },
  "no-load-segment": {
    message: load("but no program header is a PT_LOAD with a nonzero p_memsz"),
    hint: "The linker found nothing to load: check that the linker script keeps .text and that its input is not empty.",
  },
  "tls-repeated": {
    message: (place) => `${load("a second PT_TLS; the first is program header")(place)} ${place.otherIndex}`,
    hint: "Put .tdata and .tbss into one PT_TLS segment.",
  },
  "kernel-base-refused": {
    message: load("so its addresses are fixed and kernelBase cannot move it"),
    hint: "Omit the base, or link the kernel as position-independent (-static-pie).",
  },
  "kernel-base-misaligned": {
    message: ({ value, limit }) => `Cannot load the file: kernelBase is ${hex(value)}, not a multiple of ${hex(limit)}`,
    hint: "The base must preserve the alignment of every segment: round it to a multiple of the largest p_align.",
  },
  "memory-limit-exceeded": {
    message: (place) =>
      Number(place.value) > place.limit
        ? `${load("more than maxMemory")(place)} (${hex(place.limit)})`
        : load("which could not be allocated")(place),
    hint: "If the kernel is meant to be that large, raise the limit (maxMemory). Otherwise its headers are damaged.",
  },
  "memory-too-small": {
    message: (place) => `${load("which does not fit in memory")(place)} (the limit is ${hex(place.limit)})`,
    hint: "Use a larger memory, or omit its size to have it computed.",
  },
  "frame-unusable": {
    message: ({ field, value }) => `Cannot use frame ${hex(value)} from the frame allocator: ${field}`,
    hint: "Check the frame allocator: its frames must be free and lie in the memory that the load uses.",
  },
  "frames-exhausted": {
    message: (place) => {
      const asker = place.index === undefined ? "" : ` of ${header(place)}`;
      return `Cannot allocate frames for ${place.field}${asker}: there is no room for ${place.value} more bytes`;
    },
    hint: "Use a larger memory, keep more of it free (reserve), or pass a frame allocator with more frames.",
  },
  "page-already-mapped": {
    message: (place) => {
      const owner = place.otherIndex === undefined ? "" : ` by program header ${place.otherIndex}`;
      const range = place.otherRange
        ? `, which covers ${hexRange(place.otherRange[0], place.otherRange[1] - place.otherRange[0])}`
        : "";
      const asker = place.index === undefined ? "" : ` for ${header(place)}`;
      return `Cannot map ${place.field} ${hex(place.value)}${asker}: it is already mapped${owner}${range}`;
    },
    hint: "Choose a free address, or align the segments to 4 KiB in the linker script.",
  },
  "range-recursive": {
    message: ({ field, value }) =>
      `Cannot use ${field} ${hex(value)}: its level-4 entry points to the level-4 table itself`,
    hint: "Choose an address in another level-4 entry, or omit it to have one chosen.",
  },
  "range-in-use": {
    message: ({ field, value, owner }) => `Cannot use ${hex(value)} as ${field}: its range holds frames of "${owner}"`,
    hint: "Place it where the load takes no frames: below the file's bytes, or outside this memory.",
  },
  "not-bootable": {
    message: ({ field, value, limit }) =>
      `Cannot boot the kernel: ${field} is at ${hex(value)}, ${Number(value) < limit ? "" : "not "}below ${hex(limit)}`,
    hint: "Have memory start at 1 MiB (0x100000) and end below 2.7 GiB, and omit level4Frame.",
  },
  "frame-out-of-memory": {
    message: ({ field, value }) => `Cannot access ${field} ${hex(value)}: its frame lies outside this memory`,
    hint: "The page maps a device, or memory that is not part of the load; it cannot be read or written here.",
  },
  "page-not-mapped": {
    message: (place) => {
      const owner = place.index === undefined ? "" : ` of ${header(place)}`;
      return `Cannot use ${place.field} ${hex(place.value)}${owner}: it is not mapped`;
    },
    hint: "Compare the address, less virtualAddressOffset, with the PT_LOAD headers (readelf -lW).",
  },
  "table-out-of-memory": {
    message: ({ field, value }) => `Cannot walk the page tables: ${field} is ${hex(value)}, outside physical memory`,
    hint: "A page-table entry was overwritten, or the tables were built in another memory.",
  },
  "level4-exhausted": {
    message: ({ field, value }) => `Cannot find ${value} ${field}`,
    hint: "The kernel and the other mappings fill the address space: map less.",
  },
  "dynamic-malformed": {
    message: (place) => `Cannot relocate using ${header(place)}: ${place.field} is ${hex(place.value)}`,
    hint: "The dynamic table is damaged, or is for another machine: compare with readelf -dW.",
  },
  "relocation-unsupported": {
    message: (place) =>
      `Cannot relocate ${hex(place.place)} using ${header(place)}: ${place.field} is ${
        hex(place.value)
      } (${place.type}${place.symbol && `, symbol ${place.symbol}`}), which is not supported`,
    hint: "Link the kernel statically (-static-pie), without ifuncs and without TLS accesses that need relocations.",
  },
  "relocation-out-of-segment": {
    message: (place) =>
      `Cannot relocate using ${header(place)}: ${place.field} is ${hex(place.value)}, outside every PT_LOAD segment`,
    hint: "The relocation table is damaged: compare with readelf -rW.",
  },
  "symbol-undefined": {
    message: (place) =>
      `Cannot relocate ${hex(place.place)} using ${header(place)}: ${place.field} is ${
        quoted(place.value)
      }, which is undefined (${place.type})`,
    hint: "A kernel has no dynamic linker: define the symbol, or declare it weak.",
  },
  "plugin-failed": {
    message: (place) => `Cannot handle ${header(place)}: ${place.field} ${JSON.stringify(place.value)} failed`,
    hint: "The cause is the error that the plugin threw. Leave the plugin out to load without it.",
  },
  "source-failed": {
    message: ({ value }, cause) => {
      const bytes = typeof value === "string" ? value : `${value}`.replaceAll(/\B(?=(\d{3})+$)/g, ",");
      const why = cause instanceof Error && cause.message !== "" ? `: ${cause.message}` : "";
      return `Cannot read the source: it failed after ${bytes} ${bytes === "1" ? "byte" : "bytes"}${why}`;
    },
    hint: "See the error's cause for the reason.",
  },
  "response-not-ok": {
    message: ({ field, value }) => `Cannot read the response: ${field} is ${value}`,
    hint: "Check the URL, and that the server has the file.",
  },
};
