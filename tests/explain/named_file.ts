/** Builds ELF files of both classes and byte orders that have nothing but sections and symbols. */

/** A section; its bytes do not matter. */
export interface SectionSpec {
  readonly name: string;
  readonly type?: number;
  readonly flags?: number;
  readonly address?: bigint;
  readonly size?: bigint;
}

/** A symbol, by the number of its section: the sections given count from 1 on. */
export interface SymbolSpec {
  readonly name: string;
  readonly value?: bigint;
  readonly size?: bigint;
  readonly type?: number;
  readonly binding?: number;
  readonly section?: number;
}

/** A file. */
export interface FileSpec {
  readonly wide?: boolean;
  readonly bigEndian?: boolean;
  readonly type?: number;
  readonly machine?: number;
  readonly sections?: readonly SectionSpec[];
  readonly symbols?: readonly SymbolSpec[];
  /** `sh_type` of the symbol table: 2 is SHT_SYMTAB, 11 is SHT_DYNSYM. */
  readonly table?: number;
  /** `sh_entsize` of the symbol table, if it is not the size of a symbol. */
  readonly entrySize?: number;
  /** Writes numbers of sections where those go that do not fit: into section header 0 and SHT_SYMTAB_SHNDX. */
  readonly extended?: boolean;
}

export const FUNC = 2;
export const OBJECT = 1;
export const NOTYPE = 0;
export const LOCAL = 0;
export const GLOBAL = 1;
export const WEAK = 2;
export const ABS = 0xfff1;
export const COMMON = 0xfff2;
const XINDEX = 0xffff;

/** A section of code at an address. */
export function code(address: bigint, size: bigint, name = ".text"): SectionSpec {
  return { name, type: 1, flags: 6, address, size };
}

/** Builds the file. Its last sections are the symbols, their names, perhaps section numbers, and the section names. */
export function namedFile(spec: FileSpec): Uint8Array<ArrayBuffer> {
  const { wide = true, bigEndian = false, type = 2, machine = 62, sections = [], symbols = [], table = 2 } = spec;
  const { extended = false } = spec;
  const [ehdr, shdr, sym] = wide ? [64, 64, 24] : [52, 40, 16];
  const strings = stringTable(symbols.map(({ name }) => name));
  const tables = [
    { name: ".symtab", type: table, entry: spec.entrySize ?? sym, size: sym * (symbols.length + 1) },
    { name: ".strtab", type: 3, entry: 0, size: strings.bytes.length },
    ...(extended ? [{ name: ".shndx", type: 18, entry: 4, size: 4 * (symbols.length + 1) }] : []),
  ];
  const all = [...sections.map(({ name }) => name), ...tables.map(({ name }) => name), ".shstrtab"];
  const names = stringTable(all);
  const offsets = [...tables.map(({ size }) => size), names.bytes.length].reduce<number[]>((starts, size) => {
    return [...starts, Math.ceil(((starts.at(-1) ?? 0) + size) / 8) * 8];
  }, [ehdr]);
  const shoff = offsets[offsets.length - 1];
  const count = all.length + 1;
  const file = new Uint8Array(shoff + count * shdr);
  const view = new DataView(file.buffer);
  const little = !bigEndian;
  const half = (at: number, value: number) => view.setUint16(at, value, little);
  const word = (at: number, value: number) => view.setUint32(at, value, little);
  const address = (at: number, value: bigint) => wide ? view.setBigUint64(at, value, little) : word(at, Number(value));

  file.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, bigEndian ? 2 : 1, 1]);
  half(16, type);
  half(18, machine);
  word(20, 1);
  address(wide ? 40 : 32, BigInt(shoff));
  const sizes = wide ? 52 : 40;
  half(sizes, ehdr);
  half(sizes + 6, shdr);
  half(sizes + 8, extended ? 0 : count);
  half(sizes + 10, extended ? XINDEX : count - 1);

  const header = (index: number, fields: Partial<Record<string, number | bigint>>) => {
    const at = shoff + index * shdr;
    const { name = 0, type = 0, flags = 0, addr = 0, offset = 0, size = 0, link = 0, entry = 0 } = fields;
    word(at, Number(name));
    word(at + 4, Number(type));
    [flags, addr, offset, size].forEach((value, i) => address(at + 8 + i * (wide ? 8 : 4), BigInt(value)));
    word(at + (wide ? 40 : 24), Number(link));
    address(at + (wide ? 56 : 36), BigInt(entry));
  };
  if (extended) header(0, { size: count, link: count - 1 });
  sections.forEach(({ type = 1, flags = 2, address: addr = 0n, size = 0n }, i) => {
    header(i + 1, { name: names.starts[i], type, flags, addr, size });
  });
  const first = sections.length + 1;
  tables.forEach(({ type, entry, size }, i) => {
    const link = i === 0 ? first + 1 : i === 2 ? first : 0;
    header(first + i, { name: names.starts[first - 1 + i], type, offset: offsets[i], size, link, entry });
  });
  header(count - 1, {
    name: names.starts[count - 2],
    type: 3,
    offset: offsets[tables.length],
    size: names.bytes.length,
  });
  file.set(strings.bytes, offsets[1]);
  file.set(names.bytes, offsets[tables.length]);
  symbols.forEach(({ value = 0n, size = 0n, type = FUNC, binding = GLOBAL, section = 1 }, i) => {
    const at = offsets[0] + (i + 1) * sym;
    const fits = !extended || (section >= 0xff00 && section <= 0xffff);
    word(at, strings.starts[i]);
    file[at + (wide ? 4 : 12)] = binding << 4 | type;
    half(at + (wide ? 6 : 14), fits ? section : XINDEX);
    address(at + (wide ? 8 : 4), value);
    address(at + (wide ? 16 : 8), size);
    if (extended) word(offsets[2] + 4 * (i + 1), fits ? 0 : section);
  });
  return file;
}

function stringTable(names: readonly string[]) {
  const encoder = new TextEncoder();
  const starts: number[] = [];
  const bytes = [0];
  for (const name of names) {
    starts.push(bytes.length);
    bytes.push(...encoder.encode(name), 0);
  }
  return { starts, bytes: Uint8Array.from(bytes) };
}
