/** Unwind tables: .eh_frame and .eh_frame_hdr in the encodings that linkers use (LSB Core, "DWARF Extensions"). */

import type { Random } from "../random.ts";
import type { Room } from "./room.ts";
import type { FileSpec } from "./spec.ts";

/** An unwind table that is complete: what a lookup must find. */
export interface UnwindExpected {
  /** Address of .eh_frame_hdr, as linked. */
  readonly address: bigint;
  /** Start and size of the code of each entry, ascending. */
  readonly entries: readonly { readonly start: bigint; readonly size: number }[];
}

const CIE_SIZE = 20;
const FDE_SIZE = 20;

/** Adds an unwind table and its PT_GNU_EH_FRAME header, if there is room. */
export function addUnwind(spec: FileSpec, room: Room, random: Random): UnwindExpected | undefined {
  const count = random.below(6);
  const frameSize = CIE_SIZE + FDE_SIZE * count + 4;
  const headerSize = 12 + 8 * count;
  const place = room.take(frameSize + headerSize, 4);
  if (!place) return undefined;
  const bytes = new Uint8Array(frameSize + headerSize);
  const view = new DataView(bytes.buffer);
  const word = (at: number, value: bigint): void => view.setInt32(at, Number(BigInt.asIntN(32, value)), true);
  const at = (offset: number): bigint => place.vaddr + BigInt(offset);
  // CIE: length, id, version, "zR", alignment factors, return address register, encoding of addresses: pcrel sdata4
  view.setUint32(0, CIE_SIZE - 4, true);
  bytes.set([1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x1b], 8);
  // The encodings reach 2 GiB: the code is in the segment of the table, or near it.
  const code = spec.headers.find(({ vaddr }) => place.vaddr - vaddr < 1n << 30n && vaddr - place.vaddr < 1n << 30n);
  if (!code) return undefined;
  const entries = Array.from({ length: count }, (_, index) => ({ start: code.vaddr + BigInt(index * 32), size: 16 }));
  entries.forEach(({ start, size }, index) => {
    const fde = CIE_SIZE + FDE_SIZE * index;
    view.setUint32(fde, FDE_SIZE - 4, true);
    view.setUint32(fde + 4, fde + 4, true);
    word(fde + 8, start - at(fde + 8));
    view.setUint32(fde + 12, size, true);
  });
  const header = frameSize;
  bytes.set([1, 0x1b, 0x03, 0x3b], header); // version; pcrel sdata4, udata4, datarel sdata4
  word(header + 4, at(0) - at(header + 4));
  view.setUint32(header + 8, count, true);
  entries.forEach(({ start }, index) => {
    word(header + 12 + index * 8, start - at(header));
    word(header + 16 + index * 8, at(CIE_SIZE + FDE_SIZE * index) - at(header));
  });
  spec.blobs.push({ offset: place.offset, bytes });
  const size = BigInt(headerSize);
  spec.headers.push({
    type: 0x6474e550,
    flags: 4,
    offset: BigInt(place.offset + header),
    vaddr: at(header),
    paddr: at(header),
    filesz: size,
    memsz: size,
    align: 4n,
  });
  return { address: at(header), entries };
}
