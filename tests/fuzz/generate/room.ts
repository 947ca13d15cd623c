/** Room in the file bytes of segments, where tables can lie. */

import type { Random } from "../random.ts";
import { HEADERS_END } from "./segments.ts";
import type { HeaderSpec } from "./spec.ts";

/** Where something lies. */
export interface Place {
  /** Offset in the file. */
  readonly offset: number;
  /** Address that it is linked for. */
  readonly vaddr: bigint;
}

/** The room of a file. */
export interface Room {
  /** Takes bytes of a segment; `undefined` if no segment has enough of them left. */
  readonly take: (size: number, align: number) => Place | undefined;
  /** An address at which `size` bytes of a segment's memory were not taken. */
  readonly target: (size: number, align: bigint) => bigint | undefined;
}

/** Opens the room of PT_LOAD segments. */
export function roomOf(loads: readonly HeaderSpec[], random: Random): Room {
  const areas = loads.map(({ offset, vaddr, filesz, memsz }) => {
    const skipped = offset < BigInt(HEADERS_END) ? BigInt(HEADERS_END) - offset : 0x10n;
    return { vaddr, offset: Number(offset), at: Number(skipped), end: Number(filesz), memsz };
  });
  const taken: { readonly start: bigint; readonly end: bigint }[] = [];
  /** The ends of what was taken of the file: segments may have bytes of it in common. */
  let fileEnd = 0;
  const take = (size: number, align: number): Place | undefined => {
    const fitting = areas.filter(({ at, end }) => at + align + size <= end);
    if (fitting.length === 0) return undefined;
    const area = random.pick(fitting);
    const overlaps = areas.some((other) =>
      other !== area && other.offset < area.offset + area.end && area.offset < other.offset + other.end
    );
    if (overlaps) area.at = Math.max(area.at, fileEnd - area.offset);
    if (area.at + align + size > area.end) return undefined;
    while ((area.vaddr + BigInt(area.at)) % BigInt(align) !== 0n) area.at++;
    const place = { offset: area.offset + area.at, vaddr: area.vaddr + BigInt(area.at) };
    area.at += size;
    fileEnd = Math.max(fileEnd, place.offset + size);
    taken.push({ start: place.vaddr, end: place.vaddr + BigInt(size) });
    return place;
  };
  const target = (size: number, align: bigint): bigint | undefined => {
    for (let attempt = 0; attempt < 8; attempt++) {
      const { vaddr, memsz } = random.pick(areas);
      if (memsz < BigInt(size)) continue;
      const somewhere = vaddr + BigInt(random.below(Number(memsz) - size + 1));
      const start = somewhere - somewhere % align;
      const free = taken.every((other) => start + BigInt(size) <= other.start || start >= other.end);
      if (free && start >= vaddr) return start;
    }
    return undefined;
  };
  return { take, target };
}
