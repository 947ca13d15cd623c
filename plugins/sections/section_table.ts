/**
 * Reads the section header table and the names of the sections (gABI, "Section Header Table").
 *
 * @module
 */

import type { Diagnostic } from "../../core/diagnostics.ts";
import { elfReader } from "../../core/elf/reader.ts";
import { hexAddr } from "../../core/memory/addresses.ts";
import type { LoadSettings } from "../../core/pipeline/settings.ts";
import type { Reads } from "../../core/pipeline/stage.ts";
import {
  readSectionHeader,
  SECTION_HEADER_SIZES,
  type SectionHeader,
  SHN_UNDEF,
  SHN_XINDEX,
  SHT_NOBITS,
  SHT_STRTAB,
} from "./section_header.ts";

type Needs = Reads<"settings" | "intake" | "report" | "fileHeader">;

/** The most sections that are read: more than fit the file header, fewer than cost memory. */
const MAX_SECTIONS = 2 ** 17;

/** The most bytes of a name: a name behind another's start may overlap it, so each could be as long as the section. */
const MAX_NAME = 4096;

/** The rules that speak of a file's sections, each with what to do about it. */
const HINTS = {
  "section-table-missing": "Do not strip the file of its section headers.",
  "section-table-malformed": "The file was cut off, or its header is damaged: compare with readelf -hSW.",
  "section-names-malformed": "The section of names is damaged: compare with readelf -SW.",
  "section-missing": "Compare with readelf -SW; do not strip the file (strip, ld -s).",
  "section-empty": "A section of type SHT_NOBITS, or of size 0, has no bytes in the file: leave it out.",
  "section-loaded": "It is in memory at that address already: read it there.",
  "section-malformed": "The section header is damaged, or the file was cut off: compare with readelf -SW.",
  "sections-overlap": "The section headers are damaged: compare with readelf -SW.",
} as const;

/**
 * Makes a remark on a file's sections, with the hint of its rule.
 *
 * @param rule The rule that speaks.
 * @param severity How much it matters.
 * @param message What was found.
 * @param addresses The virtual addresses that it concerns.
 * @returns The diagnostic.
 */
export function remark(
  code: keyof typeof HINTS,
  severity: Diagnostic["severity"],
  message: string,
  addresses: readonly bigint[] = [],
): Diagnostic {
  return { code, severity, addresses, message, hint: HINTS[code] };
}

/**
 * How much of the file can be kept at most: as much as may be staged, and as the caller's memory has room for.
 *
 * @param settings The caller's options.
 * @returns A number of bytes.
 */
export function roomFor({ memory, base, size, maxMemory, kernelOffset }: LoadSettings): number {
  const window = memory?.size ?? size ?? maxMemory;
  return Math.max(0, Math.min(maxMemory, base + window - kernelOffset));
}

/** Where bytes of the file are, once they are known to have arrived. */
interface Piece {
  readonly offset: number;
  readonly size: number;
}

/**
 * Waits for bytes of the file.
 *
 * @param offset File offset of the first byte.
 * @param size Number of bytes.
 * @param context The file.
 * @returns Where they are; `undefined` where the file ends before them, or they are beyond what can be kept.
 */
export async function arrived(offset: bigint, size: bigint, { settings, intake }: Needs): Promise<Piece | undefined> {
  const end = offset + size;
  if (end > BigInt(roomFor(settings)) || await intake.require(Number(end)) < end) return undefined;
  return { offset: Number(offset), size: Number(size) };
}

/**
 * Reads the section headers.
 *
 * @param context The file.
 * @returns The headers with their names, without that of index 0; none where the table is missing or malformed, which
 * is reported.
 */
export async function readSections(context: Needs): Promise<readonly SectionHeader[]> {
  const { fileHeader, report } = context;
  const { EI_CLASS, e_shoff, e_shentsize, e_shnum } = fileHeader;
  if (e_shoff === 0n) {
    report(remark("section-table-missing", "info", "The file has no section header table."));
    return [];
  }
  const malformed = (what: string): readonly SectionHeader[] => {
    report(remark("section-table-malformed", "warning", `Cannot read the section header table: ${what}.`));
    return [];
  };
  const recordSize = SECTION_HEADER_SIZES[EI_CLASS as keyof typeof SECTION_HEADER_SIZES];
  if (e_shentsize !== recordSize) return malformed(`e_shentsize is ${e_shentsize} bytes, the record has ${recordSize}`);
  const first = await readHeaders(1n, context);
  if (!first) return malformed(`e_shoff is ${hexAddr(e_shoff)}, out of the file or of the memory that may be used`);
  // gABI, "ELF Header", e_shnum and e_shstrndx: numbers that do not fit stand in the section header of index 0.
  const count = e_shnum === 0 ? first[0].sh_size : BigInt(e_shnum);
  const field = e_shnum === 0 ? "sh_size of section 0" : "e_shnum";
  if (count === 0n) {
    report(remark("section-table-missing", "info", "The section header table is empty."));
    return [];
  }
  if (count > BigInt(MAX_SECTIONS)) return malformed(`${field} is ${count}, the most that are read is ${MAX_SECTIONS}`);
  const headers = await readHeaders(count, context);
  if (!headers) return malformed(`${field} is ${count}, out of the file or of the memory that may be used`);
  return (await withNames(headers, context)).slice(1);
}

async function readHeaders(count: bigint, context: Needs): Promise<readonly SectionHeader[] | undefined> {
  const { EI_CLASS, e_shoff, e_shentsize } = context.fileHeader;
  const piece = await arrived(e_shoff, count * BigInt(e_shentsize), context);
  if (!piece) return undefined;
  const table = elfReader(context.intake.bytes(piece.offset, piece.size), {
    subject: "the section header table",
    fileOffset: piece.offset,
  });
  return Array.from({ length: Number(count) }, (_, index) => {
    return readSectionHeader(table, index * e_shentsize, index, EI_CLASS);
  });
}

async function withNames(headers: readonly SectionHeader[], context: Needs): Promise<readonly SectionHeader[]> {
  const { fileHeader: { e_shstrndx }, intake, report } = context;
  const index = e_shstrndx === SHN_XINDEX ? headers[0].sh_link : e_shstrndx;
  if (index === SHN_UNDEF) return headers;
  const malformed = (what: string): void => {
    report(remark("section-names-malformed", "warning", `Cannot read the names of sections: ${what}.`));
  };
  const section = headers.at(index);
  if (!section || section.sh_type !== SHT_STRTAB) {
    malformed(section ? `section ${index} is no SHT_STRTAB` : `there is no section ${index}`);
    return headers;
  }
  const piece = await arrived(section.sh_offset, section.sh_size, context);
  if (!piece) {
    malformed(`section ${index} lies out of the file, or of the memory that may be used`);
    return headers;
  }
  const names = intake.bytes(piece.offset, piece.size);
  const unnamed: number[] = [];
  const named = headers.map((header) => {
    const name = nameAt(names, header.sh_name);
    if (name === undefined) unnamed.push(header.index);
    return name ? { ...header, name } : header;
  });
  if (unnamed.length > 0) {
    malformed(`that of section ${unnamed[0]} does not end in section ${index} (${unnamed.length} such)`);
  }
  return named;
}

function nameAt(names: Uint8Array, start: number): string | undefined {
  const rest = names.subarray(start, start + MAX_NAME);
  const length = rest.indexOf(0);
  // The decoder of a browser refuses shared memory, so it gets a copy.
  return length < 0 ? undefined : new TextDecoder().decode(rest.slice(0, length));
}

/**
 * Whether a section has bytes in the file.
 *
 * @param section Its header.
 * @returns False for `SHT_NOBITS`, and for size 0.
 */
export function hasBytes({ sh_type, sh_size }: SectionHeader): boolean {
  return sh_type !== SHT_NOBITS && sh_size > 0n;
}
