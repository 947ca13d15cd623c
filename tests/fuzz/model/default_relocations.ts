/** Relocation under the default rules: DT_RELR, then DT_RELA, then DT_JMPREL, read from memory as they are applied. */

import { WEIGHTS } from "../weights.ts";
import { type Ehdr, END, HALF, isCanonical, Little, PAGE, pageOf, type Phdr } from "./reading.ts";
import { type ModelPage, Refusal, refuse } from "./verdict.ts";

/** Thrown where a relocation reads bytes that the model does not know. */
class Unknown extends Error {}

type Pages = ReadonlyMap<bigint, ModelPage>;

/** A relocation table, at the address that it was linked for. */
interface Table {
  readonly address: bigint;
  readonly size: bigint;
}

/** Applies the relocations of a file to its image. */
export function relocateImage(
  ehdr: Ehdr,
  phdrs: readonly Phdr[],
  offset: bigint,
  pages: Pages,
  file: Little,
): "done" | "unsettled" {
  const dynamics = phdrs.filter(({ type }) => type === 2);
  if (!isOne(dynamics)) return "unsettled";
  const loads = phdrs.filter(({ type, memsz }) => type === 1 && memsz > 0n);
  for (const dynamic of dynamics.slice(0, 1)) {
    const values = tableValues(dynamic, file);
    const { rela, relr, jumps } = tablesOf(values);
    if (ehdr.type !== 3) continue;
    for (const table of [rela, relr, jumps]) {
      if (table && !checkTable(table, loads)) return "unsettled";
    }
    try {
      const image = new Image(pages, loads, offset);
      if (relr) applyRelr(relr, image);
      if (rela) applyRela(rela, values.get(6n), image);
      if (jumps) applyRela(jumps, values.get(6n), image);
      if (image.codes.length > 0) throw new Refusal(image.codes);
    } catch (error) {
      if (error instanceof Unknown) return "unsettled";
      throw error;
    }
  }
  return "done";
}

/** Whether headers are one and the same; refuses those that have different tables. */
function isOne([first, ...others]: readonly Phdr[]): boolean {
  for (const { offset, vaddr, filesz, memsz } of others) {
    if (!WEIGHTS.boundsTables) return false;
    const isSame = offset === first.offset && vaddr === first.vaddr && filesz === first.filesz && memsz === first.memsz;
    if (!isSame) refuse("dynamic-malformed");
  }
  return true;
}

/** The first value of each tag; a second DT_RELA, DT_RELASZ or DT_RELAENT is refused. */
function tableValues({ offset, filesz }: Phdr, file: Little): ReadonlyMap<bigint, bigint> {
  const values = new Map<bigint, bigint>();
  for (let at = 0n; at + 16n <= filesz; at += 16n) {
    const tag = file.u64(Number(offset + at));
    const value = file.u64(Number(offset + at + 8n));
    if (tag === 0n) break;
    if (tag >= 7n && tag <= 9n && values.has(tag)) refuse("dynamic-malformed");
    if (!values.has(tag)) values.set(tag, value);
  }
  return values;
}

function tablesOf(values: ReadonlyMap<bigint, bigint>): {
  readonly rela?: Table;
  readonly relr?: Table;
  readonly jumps?: Table;
} {
  const rela = values.get(7n);
  if (rela === undefined && (values.has(8n) || values.has(9n))) refuse("dynamic-malformed");
  if (rela !== undefined && (!values.has(8n) || values.get(9n) !== 24n)) refuse("dynamic-malformed");
  if ((values.get(18n) ?? 0n) !== 0n) refuse("dynamic-malformed"); // DT_RELSZ: entries without addends
  const jumps = values.get(23n);
  if (jumps !== undefined && values.get(20n) !== 7n) refuse("dynamic-malformed");
  const relr = values.get(36n);
  return {
    ...(rela === undefined ? {} : { rela: { address: rela, size: values.get(8n)! } }),
    ...(relr === undefined ? {} : { relr: { address: relr, size: values.get(35n) ?? 0n } }),
    ...(jumps === undefined ? {} : { jumps: { address: jumps, size: values.get(2n) ?? 0n } }),
  };
}

/** Whether a table lies in the file bytes of a segment; refuses one that reaches into zeroed bytes. */
function checkTable({ address, size }: Table, loads: readonly Phdr[]): boolean {
  if (size === 0n) return true;
  const end = address + size;
  for (const { vaddr, filesz, memsz } of loads) {
    if (address < vaddr + memsz && end > vaddr + filesz && filesz < memsz) {
      refuse("dynamic-malformed", "page-not-mapped");
    }
  }
  if (loads.some(({ vaddr, filesz }) => address >= vaddr && end <= vaddr + filesz)) return true;
  if (WEIGHTS.boundsTables) refuse("dynamic-malformed");
  return false;
}

/** The image, by addresses as they were linked. */
class Image {
  /** Why the file is refused. */
  readonly codes: string[] = [];
  constructor(readonly pages: Pages, readonly loads: readonly Phdr[], readonly offset: bigint) {}

  /** Runs one step; what refuses the file is kept, so that any of several reasons is accepted. */
  attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.codes.push(...error.codes);
    }
  }

  read(linked: bigint, size: number): Little {
    const start = linked + this.offset;
    const end = start + BigInt(size);
    if (start < 0n || end > END) refuse("address-overflow");
    if (!isCanonical(start) || (start < HALF && end > HALF)) refuse("address-not-canonical");
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at++) {
      const page = this.pages.get(pageOf(start + BigInt(at)));
      if (!page) refuse("page-not-mapped");
      const within = Number((start + BigInt(at)) % PAGE);
      if (!page.known.some(([from, to]) => within >= from && within < to)) throw new Unknown();
      bytes[at] = page.bytes[within];
    }
    return new Little(bytes);
  }

  write64(linked: bigint, value: bigint): void {
    const inside = this.loads.some(({ vaddr, memsz }) => linked >= vaddr && linked + 8n <= vaddr + memsz);
    if (!inside) refuse("relocation-out-of-segment");
    const start = linked + this.offset;
    for (let at = 0n; at < 8n; at++) {
      const page = this.pages.get(pageOf(start + at));
      if (!page) refuse("page-not-mapped");
      page.bytes[Number((start + at) % PAGE)] = Number(value >> 8n * at & 0xffn);
    }
  }
}

function applyRelr({ address, size }: Table, image: Image): void {
  const relocate = (place: bigint): void => {
    image.attempt(() => {
      const inside = image.loads.some(({ vaddr, memsz }) => place >= vaddr && place + 8n <= vaddr + memsz);
      if (!inside) refuse("relocation-out-of-segment", "page-not-mapped", "address-not-canonical", "address-overflow");
      image.write64(place, BigInt.asUintN(64, image.read(place, 8).u64(0) + image.offset));
    });
  };
  let next = 0n;
  for (let at = 0n; at + 8n <= size; at += 8n) {
    const entry = image.read(address + at, 8).u64(0);
    if (entry % 2n === 0n) {
      relocate(entry);
      next = entry + 8n;
      continue;
    }
    for (let bit = 1n; bit < 64n; bit++) {
      if (entry >> bit & 1n) relocate(next + (bit - 1n) * 8n);
    }
    next += 63n * 8n;
  }
}

function applyRela({ address, size }: Table, symbols: bigint | undefined, image: Image): void {
  for (let at = 0n; at + 24n <= size; at += 24n) {
    const entry = image.read(address + at, 24);
    const type = entry.u32(8);
    if (type === 0) continue; // R_X86_64_NONE
    image.attempt(() => {
      const value = relocated(type, entry.u32(12), entry.u64(16), symbols, image);
      image.write64(entry.u64(0), BigInt.asUintN(64, value));
    });
  }
}

function relocated(
  type: number,
  index: number,
  addend: bigint,
  symbols: bigint | undefined,
  image: Image,
): bigint {
  if (type === 8 && index === 0) return image.offset + addend;
  const isSymbolic = type === 1 || type === 6 || type === 7; // 64, GLOB_DAT, JUMP_SLOT
  const plus = type === 1 ? addend : 0n;
  if (index === 0) return isSymbolic ? plus : refuse("relocation-unsupported");
  if (symbols === undefined) return isSymbolic ? refuse("symbol-undefined") : refuse("relocation-unsupported");
  const symbol = image.read(symbols + 24n * BigInt(index), 24);
  const [info, section, value] = [symbol.u8(4), symbol.u16(6), symbol.u64(8)];
  const isThreadLocal = (info & 15) === 6;
  const isIndirect = (info & 15) === 10;
  if (!isSymbolic || isThreadLocal || isIndirect) refuse("relocation-unsupported");
  if (section === 0) return info >> 4 === 2 ? plus : refuse("symbol-undefined"); // only a weak one may be undefined
  return value + plus + (section === 0xfff1 ? 0n : image.offset);
}
