/** ELF files read in the plainest way, by the tables of the specification, without anything of the project. */

/** A program header. */
export interface PlainHeader {
  readonly index: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly filesz: bigint;
  readonly memsz: bigint;
}

/** A word that a relocation writes, by what `readelf -r` shows of it. */
export interface PlainRelocation {
  readonly table: string;
  readonly entry: number;
  readonly type: string;
  readonly symbol?: string;
  readonly addend: bigint;
  /** Its value in a kernel that was moved. */
  readonly value: (moved: bigint) => bigint;
}

/** What is in a file. */
export interface PlainElf {
  readonly headers: readonly PlainHeader[];
  /** The relocations, by the linked address of each of the eight bytes that they write, and the address itself. */
  readonly relocations: ReadonlyMap<bigint, { readonly place: bigint; readonly relocation: PlainRelocation }>;
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

const LOAD = 1;
const SHT_RELA = 4;
const SHT_RELR = 19;
const TYPES: Readonly<Record<number, string>> = { 1: "64", 6: "GLOB_DAT", 7: "JUMP_SLOT", 8: "RELATIVE" };

/** Reads a 64-bit little-endian file, its relocations by the sections that hold them. */
export function plainElf(file: Uint8Array): PlainElf {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const headers = plainHeaders(file);
  return { headers, relocations: new Map(relocatedBytes(file, view, headers)) };
}

const KNOWN = new WeakMap<Uint8Array, readonly PlainHeader[]>();

/** Reads the program headers of a 64-bit little-endian file, once. */
export function plainHeaders(file: Uint8Array): readonly PlainHeader[] {
  const known = KNOWN.get(file) ?? readHeaders(file);
  KNOWN.set(file, known);
  return known;
}

function readHeaders(file: Uint8Array): readonly PlainHeader[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const [phoff, phentsize, phnum] = [
    Number(view.getBigUint64(32, true)),
    view.getUint16(54, true),
    view.getUint16(56, true),
  ];
  return Array.from({ length: phnum }, (_, index): PlainHeader => {
    const at = phoff + index * phentsize;
    const [offset, vaddr, paddr, filesz, memsz] = [8, 16, 24, 32, 40].map((field) =>
      view.getBigUint64(at + field, true)
    );
    const [type, flags] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    return { index, type, flags, offset, vaddr, paddr, filesz, memsz };
  });
}

function sectionsOf(file: Uint8Array, view: DataView): readonly Section[] {
  const [shoff, shentsize] = [Number(view.getBigUint64(40, true)), view.getUint16(58, true)];
  const [shnum, shstrndx] = [view.getUint16(60, true), view.getUint16(62, true)];
  const at = (index: number) => shoff + index * shentsize;
  const offsetOf = (index: number) => Number(view.getBigUint64(at(index) + 24, true));
  return Array.from({ length: shnum }, (_, index) => ({
    name: textAt(file, offsetOf(shstrndx) + view.getUint32(at(index), true)),
    type: view.getUint32(at(index) + 4, true),
    offset: offsetOf(index),
    size: Number(view.getBigUint64(at(index) + 32, true)),
    link: view.getUint32(at(index) + 40, true),
  }));
}

function textAt(file: Uint8Array, offset: number): string {
  return new TextDecoder().decode(file.subarray(offset, file.indexOf(0, offset)));
}

function* relocatedBytes(file: Uint8Array, view: DataView, headers: readonly PlainHeader[]) {
  const sections = sectionsOf(file, view);
  const ofType = (wanted: number) => sections.filter(({ type }) => type === wanted);
  for (const section of [...ofType(SHT_RELR), ...ofType(SHT_RELA)]) {
    const words = section.type === SHT_RELR ? relr(section, view, headers) : rela(section, sections, file, view);
    for (const [place, relocation] of words) {
      for (let byte = 0n; byte < 8n; byte++) yield [place + byte, { place, relocation }] as const;
    }
  }
}

function* rela(
  { name, offset, size, link }: Section,
  sections: readonly Section[],
  file: Uint8Array,
  view: DataView,
): Generator<readonly [bigint, PlainRelocation]> {
  for (let entry = 0; entry < size / 24; entry++) {
    const at = offset + entry * 24;
    const type = view.getUint32(at + 8, true);
    if (type === 0) continue;
    const addend = view.getBigInt64(at + 16, true);
    const index = view.getUint32(at + 12, true);
    const known = { table: name, entry, type: `R_X86_64_${TYPES[type]}`, addend };
    if (index === 0) {
      yield [view.getBigUint64(at, true), { ...known, value: (moved) => moved + addend }];
      continue;
    }
    const symbols = sections[link];
    const symbol = symbols.offset + index * 24;
    const [section, value] = [view.getUint16(symbol + 6, true), view.getBigUint64(symbol + 8, true)];
    const address = (moved: bigint) => section === 0 ? 0n : section === 0xfff1 ? value : value + moved;
    yield [view.getBigUint64(at, true), {
      ...known,
      symbol: textAt(file, sections[symbols.link].offset + view.getUint32(symbol, true)),
      value: (moved) => address(moved) + (type === 1 ? addend : 0n),
    }];
  }
}

function* relr(
  { name, offset, size }: Section,
  view: DataView,
  headers: readonly PlainHeader[],
): Generator<readonly [bigint, PlainRelocation]> {
  const word = (entry: number, place: bigint): readonly [bigint, PlainRelocation] => {
    const header = headers.find(({ type, vaddr, memsz }) => type === LOAD && place >= vaddr && place < vaddr + memsz)!;
    const addend = view.getBigUint64(Number(place - header.vaddr + header.offset), true);
    return [place, { table: name, entry, type: "RELR", addend, value: (moved) => moved + addend }];
  };
  let next = 0n;
  for (let entry = 0; entry < size / 8; entry++) {
    const value = view.getBigUint64(offset + entry * 8, true);
    if ((value & 1n) === 0n) {
      yield word(entry, value);
      next = value + 8n;
      continue;
    }
    for (let bit = 1n; bit < 64n; bit++) if ((value >> bit) & 1n) yield word(entry, next + (bit - 1n) * 8n);
    next += 63n * 8n;
  }
}
