/**
 * What each error says, and what to do about it.
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

const header = ({ index }: ErrorPlace): string => index === undefined ? "the file" : `program header ${index}`;

/** "Cannot load …: field is value, …", the wording that most codes share. */
const load = (state: string) => (place: ErrorPlace): string =>
  `Cannot load ${header(place)}: ${place.field} is ${hex(place.value)}, ${state}`;

/** The same for an address that a header has, or that a caller gave. */
const useAddress = (state: string) => (place: ErrorPlace): string =>
  place.index === undefined ? `Cannot use ${place.field} ${hex(place.value)}: it is ${state}` : load(state)(place);

const outOfFile = (what: (place: LimitPlace) => string) => (place: LimitPlace): string =>
  `Cannot read ${what(place)}: ${place.field} is ${hex(place.value)}, past the end of the file (${hex(place.limit)})`;

/** v0.10 and v0.11 of the original refuse a segment that ends exactly where the file does. */
const endsWithFile = ({ value, limit }: LimitPlace): boolean => hex(value) === hex(limit);

/** Message and hint of every code. */
export const ERROR_TEXTS: { readonly [C in ErrorCode]: ErrorText<C> } = {
  "file-too-short": {
    message: ({ subject, field, value, limit }) =>
      `Cannot read ${subject}: ${field} is ${value} bytes, and ${limit} are needed`,
    hint: "The file is empty or was cut off. Check that it was built and copied whole.",
  },
  "not-elf": {
    message: load("and an ELF file starts with 0x7f454c46"),
    hint: "Pass the linked ELF file itself, not a raw binary (objcopy -O binary), a bzImage or a disk image.",
  },
  "class-unsupported": {
    message: load("not an accepted class (ELFCLASS64 is 2)"),
    hint: "Build the kernel for x86-64, as a 64-bit file (a target such as x86_64-unknown-none).",
    hintFor: ({ value }) => value === 1 /* ELFCLASS32 */ ? undefined : "The header is damaged: EI_CLASS has to be 2.",
  },
  "data-encoding-unsupported": {
    message: load("not an accepted data encoding (ELFDATA2LSB is 1)"),
    hint: "x86-64 is little-endian: check the compiler's target.",
  },
  "version-unsupported": {
    message: load("and EV_CURRENT is 1"),
    hint: "The header is damaged or was written by hand: set the version to 1.",
  },
  "type-unsupported": {
    message: load("neither ET_EXEC (2) nor ET_DYN (3)"),
    hint: "A relocatable object (.o) has to be linked first; a core file cannot be loaded.",
  },
  "machine-unsupported": {
    message: load("not EM_X86_64 (0x3e)"),
    hint: "The file is for another processor: check the compiler's target.",
  },
  "record-size-mismatch": {
    message: ({ field, value, limit }) =>
      `Cannot load the file: ${field} is ${value} bytes, and the record has ${limit}`,
    hint: "The header is damaged, or its class does not match its layout.",
  },
  "program-headers-missing": {
    message: load("although the file has program headers"),
    hint: "The file was not linked for loading: link it with program headers (the default of ld for executables).",
  },
  "program-header-count-extended": {
    message: load("which is PN_XNUM: 65,535 or more program headers are not supported"),
    hint: "Link with fewer segments (PHDRS in the linker script).",
  },
  "program-headers-out-of-file": {
    message: outOfFile(() => "the program header table"),
    hint: "The file was cut off, or e_phoff, e_phentsize or e_phnum is damaged.",
  },
  "program-headers-misaligned": {
    message: (place) => `${load("not a multiple of")(place)} ${place.limit}`,
    hint: "Only the rules of bootloader 0.11 refuse this: move the table to such a multiple, as linkers do.",
  },
  "section-headers-out-of-file": {
    message: outOfFile(() => "the section header table"),
    hint: "The file was cut off or stripped badly. The default rules do not look at the section header table.",
  },
  "segment-out-of-file": {
    message: (place) =>
      endsWithFile(place)
        ? `Cannot read the segment of ${header(place)}: ${place.field} is ${hex(place.value)}, the end of the file; ` +
          "these rules require every segment to end before it"
        : outOfFile(() => `the segment of ${header(place)}`)(place),
    hint: "The file was cut off, or the header is damaged: compare with readelf -lW.",
    hintFor: (place) =>
      endsWithFile(place) ? "Append a byte or more to the file, such as with truncate -s +1." : undefined,
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
    hint: "Let the linker place the segments (no AT() tricks).",
    hintFor: ({ value }) =>
      typeof value !== "bigint" || (value & (value - 1n)) === 0n
        ? undefined
        : "p_align has to be 0 or a power of two: check ALIGN(…) and the PHDRS command of the linker script.",
  },
  "filesz-exceeds-memsz": {
    message: (place) => `${load("more than p_memsz")(place)} ${hex(place.limit)}`,
    hint: "The header is damaged: a segment's memory holds at least its file bytes.",
  },
  "address-not-canonical": {
    message: useAddress("not canonical (bits 47 to 63 must be equal all through the range)"),
    hint: "Choose another address (for a segment in the linker script): the higher half starts at 0xffff800000000000.",
  },
  "address-overflow": {
    message: useAddress("outside the 64-bit address space"),
    hint: "The range starts too high for its size: choose a lower address, for a segment in the linker script.",
  },
  "segments-overlap": {
    message: (place) => `${load("inside the range of program header")(place)} ${place.otherIndex}`,
    hint: "Two PT_LOAD ranges intersect: check the addresses of the sections and the PHDRS in the linker script.",
  },
  "no-load-segment": {
    message: load("and none of the program headers is a PT_LOAD that asks for memory"),
    hint:
      "The linker found nothing to load: check that the linker script keeps .text, and that its input is not empty.",
  },
  "tls-repeated": {
    message: (place) =>
      `${load("which is PT_TLS, but the TLS template is that of program header")(place)} ${place.otherIndex}`,
    hint: "Put .tdata and .tbss into one PT_TLS segment.",
  },
  "kernel-base-refused": {
    message: load("so its addresses are fixed and kernelBase cannot move it"),
    hint: "Leave the base out, or link the kernel as position-independent (-static-pie).",
  },
  "kernel-base-misaligned": {
    message: ({ value, limit }) => `Cannot load the file: kernelBase is ${hex(value)}, not a multiple of ${hex(limit)}`,
    hint: "The base has to keep every segment's alignment: round it to the largest p_align.",
  },
  "memory-limit-exceeded": {
    message: (place) => `${load("more than maxMemory")(place)} ${hex(place.limit)}`,
    hint: "If the kernel is meant to be that large, allow more memory (maxMemory); otherwise its headers are damaged.",
  },
  "memory-too-small": {
    message: (place) => `${load("and the memory ends at")(place)} ${hex(place.limit)}`,
    hint: "Give a larger memory, or leave its size out to have it computed.",
  },
  "frame-unusable": {
    message: ({ field, value }) => `Cannot use frame ${hex(value)} of the frame allocator: ${field}`,
    hint: "Check the frame allocator that was passed: its frames must be free, and lie in the memory that was passed.",
  },
  "frames-exhausted": {
    message: (place) => {
      const asker = place.index === undefined ? "" : ` of ${header(place)}`;
      return `Cannot allocate frames for ${place.field}${asker}: there is no room for ${place.value} more bytes`;
    },
    hint: "Give a larger memory, keep more of it free (reserve), or pass a frame allocator with more frames.",
  },
  "page-already-mapped": {
    message: (place) => {
      const owner = place.otherIndex === undefined ? "" : ` by program header ${place.otherIndex}`;
      const range = place.otherRange
        ? `, which covers ${hexRange(place.otherRange[0], place.otherRange[1] - place.otherRange[0])}`
        : "";
      const asker = place.index === undefined ? "" : ` for ${header(place)}`;
      return `Cannot map ${place.field} ${hex(place.value)}${asker}: it is mapped already${owner}${range}`;
    },
    hint: "Align segments to 4 KiB in the linker script, or choose an address that nothing is mapped at.",
  },
  "range-recursive": {
    message: ({ field, value }) =>
      `Cannot map ${field} ${hex(value)}: its level-4 entry points to the level-4 table itself`,
    hint: "Choose an address in another level-4 entry, or none to have one chosen.",
  },
  "range-in-use": {
    message: ({ field, value, owner }) => `Cannot use ${hex(value)} as ${field}: frames of "${owner}" are in its range`,
    hint: "Put it where the load takes no frames: below the file's bytes, or outside this memory.",
  },
  "not-bootable": {
    message: ({ field, value, limit }) =>
      `Cannot boot the kernel: ${field} is at ${hex(value)}, ${Number(value) < limit ? "" : "not "}below ${hex(limit)}`,
    hint: "Let memory start at 1 MiB (0x100000) and end below 2.7 GiB, and leave level4Frame out.",
  },
  "frame-out-of-memory": {
    message: ({ field, value }) => `Cannot access ${field} ${hex(value)}: its frame lies outside this memory`,
    hint: "The page maps a device or memory that is not part of the load; only its owner can read it.",
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
    hint: "A page-table entry was overwritten, or the memory is not the one that the tables were built in.",
  },
  "level4-exhausted": {
    message: ({ field, value }) => `Cannot find ${value} ${field}`,
    hint: "The kernel and what was placed next to it fill the address space: ask for less.",
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
    hint: "Nothing links a kernel at run time: define the symbol, or declare it weak.",
  },
  "plugin-failed": {
    message: (place) => `Cannot handle ${header(place)}: ${place.field} ${JSON.stringify(place.value)} failed`,
    hint: "The cause says what went wrong in the plugin; leave it out to load without it.",
  },
  "source-failed": {
    message: ({ value }, cause) => {
      const bytes = typeof value === "string" ? value : value.toLocaleString("en-US");
      const why = cause instanceof Error && cause.message !== "" ? `: ${cause.message}` : "";
      return `Cannot read the source: it failed after ${bytes} ${bytes === "1" ? "byte" : "bytes"}${why}`;
    },
    hint: "The cause says what went wrong: see the error's cause.",
  },
  "response-not-ok": {
    message: ({ field, value }) => `Cannot read the response: ${field} is ${value}`,
    hint: "Check the address, and that the server has the file.",
  },
};
