/** Random kernels, and a model of what the default rules make of them: written down page by page, from the rules' text. */

import fc from "fast-check";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { PF_W } from "../../core/elf/constants.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";

const PAGE = 0x1000;
const GIB = 2 ** 30;
/** File offset of the first byte that segments are taken from. */
const FIRST_BYTE = 0x1000;

/** What a segment is made of; where it lies follows from those before it. */
const piece = fc.record({
  gap: fc.oneof(
    { weight: 3, arbitrary: fc.nat(0x800) },
    { weight: 3, arbitrary: fc.nat(3).map((pages) => pages * PAGE) },
    fc.nat(3 * PAGE),
    fc.constantFrom(2 ** 21 - PAGE, 2 ** 21, GIB, 2 ** 39 - PAGE, 2 ** 39),
  ),
  fileSize: fc.oneof({ weight: 4, arbitrary: fc.nat(3 * PAGE) }, fc.constantFrom(0, PAGE, 2 * PAGE)),
  bss: fc.oneof({ weight: 4, arbitrary: fc.nat(2 * PAGE) }, fc.constantFrom(0, PAGE), fc.nat(600 * PAGE)),
  filePage: fc.nat(4),
  shift: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: PAGE - 1 })),
  flags: fc.integer({ min: 4, max: 7 }),
});

const origin = fc.constantFrom(0x40_0000n, 0xffff_8000_0000_0000n, 0xffff_f000_0000_0000n);

/** The `PT_LOAD` headers of kernels whose segments lie close together, in memory and in the file, in any order. */
export const layouts: fc.Arbitrary<readonly SegmentSpec[]> = fc.tuple(
  origin,
  fc.array(piece, { minLength: 1, maxLength: 6 }),
  fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
).map(([start, pieces, keys]) => {
  let at = start;
  const segments = pieces.map(({ gap, fileSize, bss, filePage, shift, flags }): SegmentSpec => {
    const p_vaddr = at + BigInt(gap);
    const p_memsz = BigInt(Math.max(fileSize + bss, 1));
    at = p_vaddr + p_memsz;
    const offset = FIRST_BYTE + filePage * PAGE + (Number(p_vaddr % BigInt(PAGE)) + shift) % PAGE;
    return { p_vaddr, p_memsz, offset, filesz: fileSize, p_flags: flags, p_align: 1n };
  });
  return segments.map((segment, index) => ({ segment, key: keys[index] }))
    .sort((a, b) => a.key - b.key).map(({ segment }) => segment);
});

/** The file of a layout: every byte of it says where it comes from. */
export function layoutFile(segments: readonly SegmentSpec[]): Uint8Array<ArrayBuffer> {
  return buildElf({ header: { e_entry: segments[0].p_vaddr ?? 0n }, segments, length: 0xa000 });
}

/** A page of the address space, and where its bytes come from. */
export interface ModelPage {
  /** Page number: the address divided by 4096. */
  readonly page: bigint;
  /** Indices of the headers that have a byte in it. */
  readonly segments: readonly number[];
  /** Number of the file's page that it is mapped from; `undefined` if it has a frame of its own. */
  readonly filePage: number | undefined;
}

/**
 * The pages of a kernel under the default rules. A page is mapped where the file lies if all its bytes are file bytes of
 * one segment and stand as far into a page of the file; where several segments do that with one page of the file, those
 * that can be written to get frames of their own.
 */
export function modelPages(headers: readonly ProgramHeader[]): readonly ModelPage[] {
  const pages = new Map<bigint, { readonly segments: number[]; filePage: number | undefined }>();
  for (const header of headers) {
    const { index, p_type, p_vaddr, p_memsz } = header;
    if (p_type !== 1 || p_memsz === 0n) continue;
    for (let page = p_vaddr / SIZE; page * SIZE < p_vaddr + p_memsz; page++) {
      const known = pages.get(page);
      if (known) {
        known.segments.push(index);
        known.filePage = undefined;
      } else pages.set(page, { segments: [index], filePage: filePageOf(header, page) });
    }
  }
  const users = Map.groupBy([...pages.values()], ({ filePage }) => filePage);
  for (const [filePage, sharers] of users) {
    if (filePage === undefined || sharers.length === 1) continue;
    for (const sharer of sharers) if (headers[sharer.segments[0]].p_flags & PF_W) sharer.filePage = undefined;
  }
  return [...pages].map(([page, found]) => ({ page, ...found }));
}

const SIZE = BigInt(PAGE);

function filePageOf({ p_vaddr, p_offset, p_filesz, p_memsz }: ProgramHeader, page: bigint): number | undefined {
  const fileEnd = p_vaddr + p_filesz;
  const hasBss = p_memsz > p_filesz && (page + 1n) * SIZE > fileEnd;
  if (hasBss || page * SIZE >= fileEnd || (p_vaddr - p_offset) % SIZE !== 0n) return undefined;
  return Number((p_offset - p_vaddr) / SIZE + page);
}
