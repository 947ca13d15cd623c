/**
 * Reads the section header table and the names of the sections (gABI, "Section Header Table").
 *
 * @module
 */

import { RECORD_SIZES, SHN_UNDEF, SHN_XINDEX, SHT_NOBITS, SHT_STRTAB } from "../../core/elf/constants.ts";
import { elfReader } from "../../core/elf/reader.ts";
import { readSectionHeader, type SectionHeader } from "../../core/elf/section_header.ts";
import { readString } from "../../core/elf/strings.ts";
import { hexAddr } from "../../core/hex.ts";
import type { LoadSettings } from "../../core/pipeline/settings.ts";
import type { Reads } from "../../core/pipeline/stage.ts";
import { diagnostic } from "./diagnostics.ts";

type Needs = Reads<"settings" | "intake" | "pause" | "report" | "fileHeader">;

/** How messages describe something whose end could not be reached. */
const OUTSIDE = "past the end of the file or of the usable memory";

/** The most sections to read: more than `e_shnum` can express, few enough to take little memory. */
const MAX_SECTIONS = 2 ** 17;

/** The most bytes of a name: names may overlap, so each could be as long as the string table. */
const MAX_NAME = 4096;

/**
 * Returns the most bytes of the file that can be kept: limited by what may be staged and by the room in the caller's
 * memory.
 *
 * @param settings The caller's options.
 * @returns A number of bytes.
 */
export function roomFor({ memory, base, size, maxMemory, kernelOffset }: LoadSettings): number {
  const window = memory?.size ?? size ?? maxMemory;
  return Math.max(0, Math.min(maxMemory, base + window - kernelOffset));
}

/** A range of file bytes that have arrived. */
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
 * @returns Their range; `undefined` if the file ends too early or they cannot all be kept.
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
 * @returns The headers with their names, except header 0; empty if the table is missing or malformed, which is
 * reported.
 */
export async function readSections(context: Needs): Promise<readonly SectionHeader[]> {
  const { fileHeader, report } = context;
  const { EI_CLASS, e_shoff, e_shentsize, e_shnum } = fileHeader;
  if (e_shoff === 0n) {
    report(diagnostic("section-table-missing", { message: "The file has no section header table." }));
    return [];
  }
  const malformed = (what: string): readonly SectionHeader[] => {
    report(diagnostic("section-table-malformed", { message: `Cannot read the section header table: ${what}.` }));
    return [];
  };
  const recordSize = RECORD_SIZES[EI_CLASS as keyof typeof RECORD_SIZES].sectionHeader;
  if (e_shentsize !== recordSize) return malformed(`e_shentsize is ${e_shentsize} bytes, but must be ${recordSize}`);
  const first = await readHeaders(1n, context);
  if (!first) return malformed(`e_shoff is ${hexAddr(e_shoff)}, but the first header ends ${OUTSIDE}`);
  // gABI, "ELF Header", e_shnum and e_shstrndx: numbers that do not fit are in section header 0.
  const count = e_shnum === 0 ? first[0].sh_size : BigInt(e_shnum);
  const field = e_shnum === 0 ? "sh_size of section 0" : "e_shnum";
  if (count === 0n) {
    report(diagnostic("section-table-missing", { message: "The section header table is empty." }));
    return [];
  }
  if (count > BigInt(MAX_SECTIONS)) return malformed(`${field} is ${count}, but at most ${MAX_SECTIONS} are read`);
  const headers = await readHeaders(count, context);
  if (!headers) return malformed(`${field} is ${count}, but the table ends ${OUTSIDE}`);
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
  const { fileHeader: { e_shstrndx }, intake, pause, report } = context;
  const index = e_shstrndx === SHN_XINDEX ? headers[0].sh_link : e_shstrndx;
  if (index === SHN_UNDEF) return headers;
  const malformed = (what: string): void => {
    report(diagnostic("section-names-malformed", { message: `Cannot read the section names: ${what}.` }));
  };
  const section = headers.at(index);
  if (!section || section.sh_type !== SHT_STRTAB) {
    malformed(section ? `section ${index} is not a string table (SHT_STRTAB)` : `there is no section ${index}`);
    return headers;
  }
  const piece = await arrived(section.sh_offset, section.sh_size, context);
  if (!piece) {
    malformed(`section ${index} ends ${OUTSIDE}`);
    return headers;
  }
  const names = intake.bytes(piece.offset, piece.size);
  const unnamed: number[] = [];
  const named: SectionHeader[] = [];
  for (const header of headers) {
    const name = nameAt(names, header.sh_name);
    if (name === undefined) unnamed.push(header.index);
    named.push(name ? { ...header, name } : header);
    const pausing = pause(); // each name may have thousands of bytes
    if (pausing) await pausing;
  }
  if (unnamed.length > 0) {
    const others = unnamed.length === 1 ? "" : `, nor do ${unnamed.length - 1} others`;
    malformed(`the name of section ${unnamed[0]} does not end in section ${index}${others}`);
  }
  return named;
}

function nameAt(names: Uint8Array, start: number): string | undefined {
  const { text, terminated } = readString(names, start, MAX_NAME);
  return terminated ? text : undefined;
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
