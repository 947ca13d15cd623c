/** Program headers of other types: notes, properties, TLS, RELRO, stack, interpreter, OpenBSD's, unknown ones. */

import type { Random } from "../random.ts";
import type { Room } from "./room.ts";
import type { FileSpec, HeaderSpec } from "./spec.ts";

/** A note that was put into a file. */
export interface NoteExpected {
  readonly owner: string;
  readonly type: number;
  readonly descriptor: Uint8Array;
}

export const TYPES = {
  INTERP: 3,
  NOTE: 4,
  PHDR: 6,
  TLS: 7,
  EH_FRAME: 0x6474e550,
  STACK: 0x6474e551,
  RELRO: 0x6474e552,
  PROPERTY: 0x6474e553,
  MUTABLE: 0x65a3dbe5,
  RANDOMIZE: 0x65a3dbe6,
  WXNEEDED: 0x65a3dbe7,
  BOOTDATA: 0x65a41be6,
} as const;

function header(type: number, fields: Partial<HeaderSpec>): HeaderSpec {
  const { vaddr = 0n, filesz = 0n } = fields;
  return { type, flags: 4, offset: 0n, vaddr, paddr: vaddr, filesz, memsz: filesz, align: 1n, ...fields };
}

/** Adds a PT_NOTE header and its notes, if there is room. */
export function addNotes(spec: FileSpec, room: Room, random: Random): readonly NoteExpected[] {
  const notes = Array.from({ length: 1 + random.below(3) }, (): NoteExpected => {
    return random.weighted([
      [2, { owner: "GNU", type: 3, descriptor: random.bytes(20) }],
      [1, { owner: "Xen", type: 18, descriptor: random.bytes(4) }],
      [1, { owner: "Example", type: random.below(9), descriptor: random.bytes(random.below(24)) }],
      [0.5, { owner: "", type: 1, descriptor: random.bytes(4) }],
    ]);
  });
  const bytes = new Uint8Array(notes.flatMap((note) => [...encodeNote(note, 4)]));
  const place = room.take(bytes.length, 4);
  if (!place) return [];
  spec.blobs.push({ offset: place.offset, bytes });
  const { vaddr } = place;
  spec.headers.push(
    header(TYPES.NOTE, { offset: BigInt(place.offset), vaddr, filesz: BigInt(bytes.length), align: 4n }),
  );
  return notes;
}

/** gABI, "Note Section": the sizes of name and descriptor, the type, then both, padded. */
function encodeNote({ owner, type, descriptor }: NoteExpected, align: number): Uint8Array {
  const name = owner === "" ? new Uint8Array() : new TextEncoder().encode(`${owner}\0`);
  const padded = (size: number): number => Math.ceil(size / align) * align;
  const start = padded(12 + name.length);
  const bytes = new Uint8Array(start + padded(descriptor.length));
  new Uint32Array(bytes.buffer, 0, 3).set([name.length, descriptor.length, type]);
  bytes.set(name, 12);
  bytes.set(descriptor, start);
  return bytes;
}

/** Adds a PT_GNU_PROPERTY header and its note. */
export function addProperty(spec: FileSpec, room: Room, random: Random): void {
  const descriptor = new Uint8Array(new Uint32Array([0xc0000002, 4, random.below(4), 0]).buffer);
  const bytes = encodeNote({ owner: "GNU", type: 5, descriptor }, 8);
  const place = room.take(bytes.length, 8);
  if (!place) return;
  spec.blobs.push({ offset: place.offset, bytes });
  const { vaddr } = place;
  const filesz = BigInt(bytes.length);
  spec.headers.push(header(TYPES.PROPERTY, { offset: BigInt(place.offset), vaddr, filesz, align: 8n }));
}

/** Adds a PT_INTERP header. */
export function addInterp(spec: FileSpec, room: Room): void {
  const bytes = new TextEncoder().encode("/lib64/ld-linux-x86-64.so.2\0");
  const place = room.take(bytes.length, 1);
  if (!place) return;
  spec.blobs.push({ offset: place.offset, bytes });
  const { vaddr } = place;
  spec.headers.push(header(TYPES.INTERP, { offset: BigInt(place.offset), vaddr, filesz: BigInt(bytes.length) }));
}

/** Adds a PT_TLS header; usually its template lies in a segment. */
export function addTls(spec: FileSpec, room: Room, random: Random): void {
  const filesz = BigInt(random.pick([0, 8, 40]));
  const place = room.take(Number(filesz), 8);
  if (!place) return;
  const memsz = filesz + BigInt(random.below(3) * 24);
  spec.headers.push(header(TYPES.TLS, { offset: BigInt(place.offset), vaddr: place.vaddr, filesz, memsz, align: 8n }));
}

/** Adds a PT_GNU_RELRO header over a part of a segment. */
export function addRelro(spec: FileSpec, loads: readonly HeaderSpec[], random: Random): void {
  const load = random.pick(loads);
  if (load.memsz === 0n) return;
  const start = random.chance(0.6) ? load.vaddr : load.vaddr + BigInt(random.below(Number(load.memsz)));
  const rest = load.vaddr + load.memsz - start;
  const some = random.chance(0.5) ? rest : BigInt(random.below(Number(rest) + 1));
  const toPage = (4096n - (start + some) % 4096n) % 4096n;
  const memsz = random.chance(0.3) ? some + toPage : some;
  const offset = load.offset + (start - load.vaddr);
  const filesz = load.filesz > start - load.vaddr ? load.filesz - (start - load.vaddr) : 0n;
  spec.headers.push(header(TYPES.RELRO, { offset, vaddr: start, filesz: filesz < memsz ? filesz : memsz, memsz }));
}

/** Adds one of OpenBSD's headers over a range that nothing else uses. */
export function addOpenBsd(spec: FileSpec, room: Room, random: Random): void {
  const type = random.pick([TYPES.MUTABLE, TYPES.RANDOMIZE, TYPES.RANDOMIZE, TYPES.WXNEEDED, TYPES.BOOTDATA]);
  const size = 1 + random.below(random.pick([16, 200, 6000]));
  const place = room.take(size, 1);
  const vaddr = place?.vaddr ?? room.target(size, 1n);
  if (vaddr === undefined) return;
  spec.headers.push(header(type, { vaddr, offset: BigInt(place?.offset ?? 0), memsz: BigInt(size) }));
}

/** Adds headers without content: stack, program headers, null, unknown types. */
export function addPlain(spec: FileSpec, random: Random, known: boolean): void {
  const [first] = spec.headers;
  const { phoff } = spec.fields;
  const size = 56n * BigInt(spec.headers.length + 1);
  const rows = [
    header(TYPES.STACK, { flags: random.pick([6, 6, 6, 7]), memsz: random.pick([0n, 0n, 0x4000n]), align: 16n }),
    header(TYPES.PHDR, { offset: phoff, vaddr: first.vaddr + phoff - first.offset, filesz: size, align: 8n }),
    header(0, {}),
    header(0, { memsz: BigInt(random.below(0x4000)), vaddr: first.vaddr }),
    header(random.pick(known ? [0x6000_0001, 0x7000_0001] : [8, 0x5fff_ffff, 0x8000_0000, 0x6000_0001]), {}),
  ];
  const chosen = random.pick(rows);
  if (random.chance(0.5)) spec.headers.push(chosen);
  else spec.headers.unshift(chosen);
}
