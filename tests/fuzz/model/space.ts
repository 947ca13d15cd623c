/** The address space of the two originals: leaves and tables as maps, frames as the allocator hands them out. */

import { PAGE, pageOf } from "./reading.ts";
import { type ModelInput, type ModelPage, refuse } from "./verdict.ts";

export const PRESENT = 1n;
export const WRITABLE = 2n;
export const NO_EXECUTE = 1n << 63n;
const ADDRESS = (1n << 52n) - PAGE;

/** The flags of a segment's leaves. */
export function leafFlags(p_flags: number): bigint {
  return PRESENT | (p_flags & 2 ? WRITABLE : 0n) | (p_flags & 1 ? 0n : NO_EXECUTE);
}

/** The frame that an entry points to. */
export function frameOf(entry: bigint): bigint {
  return entry & ADDRESS;
}

/** Leaves, tables and frames. */
export class Space {
  /** Leaf entries by page. */
  readonly leaves = new Map<bigint, bigint>();
  /** Tables of levels 3, 2 and 1, by their level and the addresses that they cover. */
  readonly tables = new Set<string>();
  /** Content of frames that were handed out. */
  readonly contents = new Map<bigint, Uint8Array>();
  /** Content of other frames, which never changes. */
  readonly others = new Map<bigint, Uint8Array>();
  frames = 0;

  constructor(readonly input: ModelInput) {
    if (input.level4Frame === undefined) this.take();
  }

  /** Takes a zeroed frame. */
  take(): bigint {
    const frame = this.input.takeFrame();
    if (frame === undefined) return refuse();
    this.frames++;
    this.contents.set(frame, new Uint8Array(4096));
    return frame;
  }

  /** Maps a page, with the tables that it needs, from level 3 to level 1. */
  map(page: bigint, frame: bigint, flags: bigint): void {
    for (const shift of [39n, 30n, 21n]) {
      const table = `${shift} ${(page & (1n << 48n) - 1n) >> shift}`;
      if (!this.tables.has(table)) {
        this.take();
        this.tables.add(table);
      }
    }
    if ((this.leaves.get(page) ?? 0n) !== 0n) refuse();
    this.leaves.set(page, frame | flags);
  }

  /** The bytes of a frame: those of one that was handed out, of the file, or of memory as it was. */
  bytes(frame: bigint): Uint8Array {
    const found = this.contents.get(frame) ?? this.others.get(frame);
    if (found) return found;
    const { file, kernelOffset, before } = this.input;
    const start = Number(frame - kernelOffset);
    const isFile = start >= 0 && start < Math.ceil(file.length / 4096) * 4096;
    const bytes = isFile ? new Uint8Array(4096) : before(frame);
    if (isFile) bytes.set(file.subarray(start, start + 4096));
    this.others.set(frame, bytes);
    return bytes;
  }

  /** The pages, as a verdict has them. */
  pages(): ReadonlyMap<bigint, ModelPage> {
    const pages = new Map<bigint, ModelPage>();
    for (const [page, leaf] of this.leaves) {
      if (leaf === 0n) continue;
      pages.set(page, {
        writable: (leaf & WRITABLE) !== 0n,
        executable: (leaf & NO_EXECUTE) === 0n,
        bytes: this.bytes(frameOf(leaf)),
        known: [[0, 4096]],
        phys: frameOf(leaf),
        leaf,
      });
    }
    return pages;
  }
}

/** The frames that hold the file bytes from `offset` on; none, or one, if there are no bytes. */
export function* fileFrames(kernelOffset: bigint, offset: bigint, filesz: bigint): Generator<[bigint, bigint]> {
  const first = kernelOffset + offset;
  if (first + filesz === 0n) refuse();
  const last = pageOf(first + filesz - 1n);
  for (let frame = pageOf(first), page = 0n; frame <= last; frame += PAGE, page += PAGE) yield [frame, page];
}
