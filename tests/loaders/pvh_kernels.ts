/** Builds kernels for PVH and Linux images, well-formed unless asked otherwise. */

import type { FileHeader } from "../../core/elf/file_header.ts";
import { encodeNote } from "../../core/elf/writer.ts";
import { PT_NOTE } from "../../core/elf/constants.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { REPORTING_CODE } from "./qemu_oracle.ts";

/** The physical address of the code, which is entered at its start. */
export const CODE = 0x10_0000;

/** Encodes little-endian words. */
export function words32(...values: number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(values).buffer);
}

/** Joins pieces of a file. */
export function joined(...pieces: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  pieces.reduce((at, piece) => (all.set(piece, at), at + piece.length), 0);
  return all;
}

/** A note that names PVH's entry; its descriptor has 4 bytes, or as many as asked for. */
export function entryNote(entry: number | bigint = CODE, size = 4): Uint8Array {
  const words = words32(Number(BigInt(entry) & 0xffff_ffffn), Number(BigInt(entry) >> 32n), 0);
  return encodeNote({ name: "Xen", type: 18, descriptor: words.subarray(0, size) });
}

/** A note that is often next to it. */
export const BUILD_ID: Uint8Array = encodeNote({ name: "GNU", type: 3, descriptor: new Uint8Array(20).fill(0xa5) });

/** What is different in a kernel. */
export interface PvhSpec {
  readonly header?: Partial<FileHeader>;
  /** Fields of the first header, the code. */
  readonly code?: Partial<SegmentSpec>;
  /** The notes, and fields of their header; none if null. */
  readonly notes?: Uint8Array | null;
  readonly noteHeader?: Partial<SegmentSpec>;
  /** Headers after the code's and the notes'. */
  readonly more?: readonly SegmentSpec[];
  readonly length?: number;
}

/** Builds a PVH kernel: program header 0 is the code, 1 the notes. */
export function pvhKernel({ header, code, notes, noteHeader, more = [], length }: PvhSpec = {}): Uint8Array {
  const data = new Uint8Array(0x40).fill(0x90);
  data.set(REPORTING_CODE, data.length - REPORTING_CODE.length);
  const address = BigInt(CODE);
  const note: SegmentSpec = { p_type: PT_NOTE, offset: 0x800, p_vaddr: 0n, p_align: 4n, data: notes ?? entryNote() };
  return buildElf({
    header: { e_entry: address, ...header },
    segments: [
      { offset: 0x1000, p_vaddr: address, data, ...code },
      ...(notes === null ? [] : [{ ...note, ...noteHeader }]),
      ...more,
    ],
    length: length ?? 0x3000,
  });
}

/** A segment of data at a physical address. */
export function dataAt(p_paddr: bigint, fields: Partial<SegmentSpec> = {}): SegmentSpec {
  return { offset: 0x2000, filesz: 0x100, p_vaddr: p_paddr, p_paddr, ...fields };
}

/** What is different in an image. */
export interface ImageSpec {
  readonly setup_sects?: number;
  readonly version?: number;
  readonly loadflags?: number;
  readonly code32_start?: number;
  readonly xloadflags?: number;
  readonly header?: string;
  readonly length?: number;
}

/** Builds a Linux image with a setup header: 4 sectors of setup code, then protected-mode code. */
export function linuxImage(spec: ImageSpec = {}): Uint8Array {
  const bytes = new Uint8Array(0x2000).fill(0x90, 0xa00);
  const view = new DataView(bytes.buffer);
  view.setUint8(0x1f1, spec.setup_sects ?? 4);
  view.setUint16(0x1fe, 0xaa55, true);
  bytes.set([0xeb, 0x6a], 0x200);
  bytes.set(new TextEncoder().encode(spec.header ?? "HdrS"), 0x202);
  view.setUint16(0x206, spec.version ?? 0x20f, true);
  view.setUint8(0x211, spec.loadflags ?? 1);
  view.setUint32(0x214, spec.code32_start ?? CODE, true);
  view.setUint16(0x236, spec.xloadflags ?? 1, true);
  return bytes.slice(0, spec.length ?? bytes.length);
}
