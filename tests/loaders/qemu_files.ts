/** Makes files for QEMU's -kernel: well-formed kernels, and the same with one or two deviations, from a seed. */

import { encodeNote, writeProgramHeader } from "../../core/elf/writer.ts";
import * as writer from "../../core/elf/writer.ts";
import {
  ELFCLASS32,
  ELFCLASS64,
  EM_386,
  PF_R,
  PF_X,
  PT_LOAD,
  PT_NOTE,
  RECORD_SIZES,
} from "../../core/elf/constants.ts";
import { REPORTING_CODE } from "./qemu_oracle.ts";

/** A made file. */
export interface QemuFile {
  /** What it is: its kind and its deviations. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface Segment {
  p_type: number;
  p_flags: number;
  p_offset: bigint;
  p_vaddr: bigint;
  p_paddr: bigint;
  p_filesz: bigint;
  p_memsz: bigint;
  p_align: bigint;
}

interface Draft {
  fileClass: 1 | 2;
  EI_DATA: number;
  e_machine: number;
  e_entry: bigint;
  e_phoff: bigint;
  e_flags: number;
  e_phnum?: number;
  segments: Segment[];
  notes: Uint8Array;
  multiboot?: number[];
  multibootAt: number;
  hdrs: boolean;
  length: number;
}

/** A source of numbers that a seed determines: xorshift. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

const CODE_AT = 0x1000;
const CODE_SIZE = 0x40;
const CODE_STEP = 0x20;
const DATA_AT = 0x1400;
const NOTE_AT = 0x1800;
const LENGTH = 0x2400;

function u32(...values: number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(values).buffer);
}

function xenNote(entry: number, size = 4): Uint8Array {
  return encodeNote({ name: "Xen", type: 18, descriptor: u32(entry, 0).subarray(0, size) });
}

const BUILD_ID = encodeNote({ name: "GNU", type: 3, descriptor: new Uint8Array(20).fill(0xa5) });
const PROPERTY = encodeNote({ name: "GNU", type: 5, descriptor: u32(0xc000_0002, 4, 3, 0) });

function segment(fields: Partial<Segment>): Segment {
  const p_filesz = fields.p_filesz ?? BigInt(CODE_SIZE);
  const p_paddr = fields.p_paddr ?? 0x10_0000n;
  return {
    ...{ p_type: PT_LOAD, p_flags: PF_R | PF_X, p_offset: BigInt(CODE_AT), p_vaddr: p_paddr, p_align: 0x1000n },
    ...{ p_memsz: p_filesz, ...fields, p_filesz, p_paddr },
  };
}

function draft(kind: string): Draft {
  const isMultiboot = kind === "multiboot" || kind === "addresses";
  const notes = xenNote(0x10_0000);
  const segments = [
    segment({}),
    segment({ p_offset: BigInt(DATA_AT), p_paddr: 0x20_0000n, p_filesz: 0x100n, p_memsz: 0x1000n }),
  ];
  if (!isMultiboot) {
    const p_filesz = BigInt(notes.length);
    segments.push(segment({ p_type: PT_NOTE, p_offset: BigInt(NOTE_AT), p_filesz, p_paddr: 0n, p_align: 4n }));
  }
  return {
    fileClass: kind === "pvh32" || kind === "multiboot" ? ELFCLASS32 : ELFCLASS64,
    ...{ EI_DATA: 1, e_machine: kind === "pvh" || kind === "addresses" ? 62 : EM_386, e_entry: 0x10_0000n },
    ...{ e_phoff: 0x40n, e_flags: 0, segments, notes, hdrs: false, length: LENGTH },
    ...(kind === "multiboot" ? { multiboot: [0] } : {}),
    ...(kind === "addresses"
      ? { multiboot: [0x1_0000, 0x10_0000 - CODE_AT + 0x800, 0x10_0000 - CODE_AT, 0, 0, 0x10_0000] }
      : {}),
    multibootAt: 0x800,
  };
}

/** The kinds of well-formed kernels. */
export const KINDS: readonly string[] = ["pvh", "pvh32", "multiboot", "addresses"];

type Deviation = readonly [name: string, apply: (draft: Draft, random: (below: number) => number) => void];

const pick = <T>(random: (below: number) => number, values: readonly T[]): T => values[random(values.length)];

/** A number that is like those that go wrong. */
const oddSize = (random: (below: number) => number): bigint =>
  pick(random, [0n, 0x20n, 0x3fn, 0x41n, 0x1000n, 0x10_0000n, 0x1000_0000n, 0x8000_0000n]);

const oddAddress = (random: (below: number) => number): bigint =>
  pick(random, [
    ...[0n, 0x600n, 0x8000n, 0x2_0000n, 0x9_0000n, 0xf_0000n, 0x10_0000n, 0x10_0020n, 0x10_0040n, 0x20_0000n],
    ...[0x20_0800n, 0xffe_0000n, 0xffd_0000n, 0x1000_0000n, 0xfffb_fff0n, 0xfffc_0000n, 0xffff_ff00n],
  ]);

const one = (draft: Draft, random: (below: number) => number): Segment => pick(random, draft.segments);

const setNotes = (draft: Draft, notes: readonly Uint8Array[]): void => {
  const all = new Uint8Array(notes.reduce((sum, note) => sum + note.length, 0));
  notes.reduce((at, note) => (all.set(note, at), at + note.length), 0);
  draft.notes = all;
  for (const header of draft.segments) {
    if (header.p_type === PT_NOTE) header.p_filesz = header.p_memsz = BigInt(all.length);
  }
};

const DEVIATIONS: readonly Deviation[] = [
  ["big-endian", (file) => file.EI_DATA = 2],
  ["no encoding", (file) => file.EI_DATA = 0],
  ["other class", (file) => file.fileClass = file.fileClass === 2 ? 1 : 2],
  ["machine", (file, random) => file.e_machine = pick(random, [3, 62, 40, 183, 0])],
  ["e_flags", (file, random) => file.e_flags = pick(random, [4, 2, 0x1_0000, 0x500_0400])],
  ["e_phnum", (file, random) => file.e_phnum = pick(random, [0, 1, 2, 200])],
  ["e_phoff", (file, random) => file.e_phoff = pick(random, [0n, 0x60n, 0x2390n, 0x2400n, 0xffff_ff00n])],
  ["e_entry", (file, random) => file.e_entry = oddAddress(random)],
  ["filesz", (file, random) => one(file, random).p_filesz = oddSize(random)],
  ["memsz", (file, random) => one(file, random).p_memsz = oddSize(random)],
  ["offset", (file, random) => one(file, random).p_offset = pick(random, [0x1020n, 0x23c0n, 0x2400n, 0x9000n])],
  ["paddr", (file, random) => {
    const address = oddAddress(random);
    // What becomes of a Multiboot kernel with parts on both sides of the option ROMs depends on what is in QEMU's memory.
    if (!file.multiboot || address >= 0x10_0000n) one(file, random).p_paddr = address;
  }],
  ["vaddr", (file, random) => one(file, random).p_vaddr = pick(random, [0n, 0x10_0000n, 0x8010_0000n, 0x20_0000n])],
  ["flags", (file, random) => one(file, random).p_flags = random(8)],
  ["type", (file, random) => one(file, random).p_type = pick(random, [0, 1, 2, 4, 7])],
  [
    "align",
    (file, random) => one(file, random).p_align = pick(random, [0n, 1n, 2n, 3n, 4n, 8n, 16n, 0x1000n, 0x20_0000n]),
  ],
  ["twice", (file, random) => file.segments.push({ ...one(file, random) })],
  ["reversed", (file) => file.segments.reverse()],
  ["no notes", (file) => file.notes = new Uint8Array()],
  ["entry of 8 bytes", (file) => setNotes(file, [xenNote(0x10_0000, 8)])],
  ["no entry", (file) => setNotes(file, [xenNote(0)])],
  ["other entry", (file, random) => setNotes(file, [xenNote(Number(oddAddress(random)))])],
  ["build id first", (file) => setNotes(file, [BUILD_ID, xenNote(0x10_0000)])],
  ["property first", (file) => setNotes(file, [PROPERTY, xenNote(0x10_0000)])],
  ["build id last", (file) => setNotes(file, [xenNote(0x10_0000), BUILD_ID])],
  ["two entries", (file) => setNotes(file, [xenNote(0x10_0010), xenNote(0x10_0000)])],
  ["other owner", (file) => setNotes(file, [encodeNote({ name: "Kernel", type: 18, descriptor: u32(0x10_0000) })])],
  ["short notes", (file, random) => {
    for (const header of file.segments) if (header.p_type === PT_NOTE) header.p_filesz = BigInt(random(24));
  }],
  ["multiboot", (file, random) => file.multiboot ??= [pick(random, [0, 1, 4, 8])]],
  ["multiboot at", (file, random) => file.multibootAt = pick(random, [0x802, 0x1fb0, 0x1fcc, 0x1fd0, 0x2000])],
  ["address fields", (file, random) => {
    if (!file.multiboot || file.multiboot.length < 6) return;
    const field = 1 + random(5);
    // The last field is the entry, which has to lead to code if to anything.
    const values = [0, 0x10_0000, 0x10_1400, ...(field === 5 ? [] : [0xf_f000, 0x10_2000])];
    file.multiboot[field] = pick(random, values);
  }],
  ["HdrS", (file) => file.hdrs = true],
  ["cut", (file, random) => file.length = pick(random, [0, 10, 40, 63, 0x200, 0xa00, 0x1020, 0x1420, 0x1810])],
];

/** Makes a file with a number of deviations. */
export function makeQemuFile(seed: number): QemuFile {
  const random = randomNumbers(seed);
  const kind = KINDS[seed % KINDS.length];
  const file = draft(kind);
  const names: string[] = [];
  for (let left = random(3); left >= 0; left--) {
    const [name, apply] = pick(random, DEVIATIONS);
    names.push(name);
    apply(file, random);
  }
  return { name: `${seed}: ${kind}, ${names.join(", ")}`, bytes: write(file) };
}

/** Makes a file without a deviation. */
export function wellFormedFile(kind: string): QemuFile {
  return { name: kind, bytes: write(draft(kind)) };
}

function write(file: Draft): Uint8Array {
  const bytes = new Uint8Array(LENGTH);
  const { programHeader } = RECORD_SIZES[file.fileClass];
  // Wherever an entry leads, there is code that reports, as long as it leads to file bytes at all.
  for (let at = CODE_AT; at < LENGTH; at += CODE_STEP) {
    bytes.fill(0x90, at, at + CODE_STEP);
    bytes.set(REPORTING_CODE, at);
  }
  if (file.segments.some(({ p_type }) => p_type === PT_NOTE)) bytes.set(file.notes, NOTE_AT);
  const { EI_DATA, e_machine, e_entry, e_phoff, e_flags, segments } = file;
  const e_phnum = file.e_phnum ?? segments.length;
  writer.writeFileHeader(bytes, file.fileClass, { EI_DATA, e_type: 2, e_machine, e_entry, e_phoff, e_flags, e_phnum });
  segments.forEach((header, index) => {
    const at = Number(e_phoff) + index * programHeader;
    if (at + programHeader <= LENGTH) writeProgramHeader(bytes, at, file.fileClass, header);
  });
  if (file.multiboot) {
    const [flags, ...fields] = file.multiboot;
    bytes.set(u32(0x1bad_b002, flags, -(0x1bad_b002 + flags) >>> 0, ...fields), file.multibootAt);
  }
  if (file.hdrs) bytes.set(new TextEncoder().encode("HdrS"), 0x202);
  return bytes.slice(0, file.length);
}
