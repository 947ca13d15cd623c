/**
 * Relocation again, as slowly and plainly as the specifications say it: bytes in a map of pages, addresses as `bigint`,
 * one entry after the other. Tests compare the plugin with it.
 */

const PAGE = 4096n;
const END = 1n << 64n;
const HOLE = 1n << 47n;

/** A segment, by its linked addresses. */
export interface ModelSegment {
  readonly start: bigint;
  /** Its bytes, those of the bss included. */
  readonly bytes: Uint8Array;
  /** Number of them that are in the file. */
  readonly fileSize: number;
}

/** A table to apply. */
export interface ModelTable {
  readonly kind: "rela" | "relr";
  readonly address: bigint;
  readonly size: bigint;
}

/** What the two rule sets differ in. */
export interface ModelRules {
  /** v0.11 of the original: only R_X86_64_RELATIVE, values must not wrap, one byte in a segment is enough. */
  readonly original: boolean;
}

/** Why a file is refused. */
export class ModelRefusal extends Error {
  constructor(readonly code: string, readonly value?: bigint | number | string) {
    super(code);
  }
}

/** A kernel in memory. */
export class RelocationModel {
  /** Pages by linked address. */
  readonly pages = new Map<bigint, Uint8Array>();
  /** The pages that were written to, in the order of the first write to each. */
  readonly touched = new Set<bigint>();
  readonly counts: Record<string, number> = {};

  /** `symbols` is the linked address of the symbol table. */
  constructor(
    readonly segments: readonly ModelSegment[],
    readonly offset: bigint,
    readonly rules: ModelRules,
    readonly symbols: bigint,
  ) {
    for (const { start, bytes } of segments) {
      bytes.forEach((byte, at) => {
        const address = start + BigInt(at);
        const page = address - address % PAGE;
        if (!this.pages.has(page)) this.pages.set(page, new Uint8Array(Number(PAGE)));
        this.pages.get(page)![Number(address % PAGE)] = byte;
      });
    }
  }

  apply({ kind, address, size }: ModelTable): void {
    if (kind === "rela") {
      for (let at = 0n; at + 24n <= size; at += 24n) this.#applyRela(address + at);
      return;
    }
    let next = 0n;
    for (let at = 0n; at + 8n <= size; at += 8n) {
      const entry = this.#read64(address + at);
      if (entry % 2n === 0n) {
        this.#addOffset(entry);
        next = entry + 8n;
        continue;
      }
      for (let bit = 1n; bit < 64n; bit++) if ((entry >> bit) & 1n) this.#addOffset(next + 8n * (bit - 1n));
      next += 63n * 8n;
    }
  }

  #applyRela(at: bigint): void {
    const bytes = this.#read(at, 24);
    const view = new DataView(bytes.buffer);
    const [place, addend] = [view.getBigUint64(0, true), view.getBigUint64(16, true)];
    const [type, symbol] = [view.getUint32(8, true), view.getUint32(12, true)];
    if (type === 0 && !this.rules.original) return;
    this.#write64(place, this.#valueOf(type, symbol, addend));
    const name = { 1: "R_X86_64_64", 6: "R_X86_64_GLOB_DAT", 7: "R_X86_64_JUMP_SLOT", 8: "R_X86_64_RELATIVE" }[type]!;
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }

  #valueOf(type: number, symbol: number, addend: bigint): bigint {
    if (type === 8 && symbol === 0) return this.#inRange(this.offset + addend);
    if (this.rules.original || ![1, 6, 7].includes(type)) {
      if (!this.rules.original && symbol > 0) this.#read(this.symbols + 24n * BigInt(symbol), 24);
      throw new ModelRefusal("relocation-unsupported", type);
    }
    const plus = type === 1 ? addend : 0n;
    if (symbol === 0) return this.#inRange(plus);
    const view = new DataView(this.#read(this.symbols + 24n * BigInt(symbol), 24).buffer);
    const [info, section, value] = [view.getUint8(4), view.getUint16(6, true), view.getBigUint64(8, true)];
    if (info % 16 === 6 || info % 16 === 10) throw new ModelRefusal("relocation-unsupported", type);
    if (section === 0) {
      if (info >> 4 !== 2) throw new ModelRefusal("symbol-undefined");
      return this.#inRange(plus);
    }
    return this.#inRange(plus + value + (section === 0xfff1 ? 0n : this.offset));
  }

  #inRange(value: bigint): bigint {
    if (!this.rules.original) return BigInt.asUintN(64, value);
    if (value < 0n || value >= END) throw new ModelRefusal("address-overflow", value);
    return value;
  }

  #addOffset(place: bigint): void {
    this.#write64(place, BigInt.asUintN(64, this.#read64(place) + this.offset));
    this.counts.RELR = (this.counts.RELR ?? 0) + 1;
  }

  #read64(linked: bigint): bigint {
    return new DataView(this.#read(linked, 8).buffer).getBigUint64(0, true);
  }

  #read(linked: bigint, size: number): Uint8Array {
    this.#checkAddress(linked, size);
    return Uint8Array.from({ length: size }, (_, at) => {
      const address = linked + BigInt(at);
      const page = this.pages.get(address - address % PAGE);
      if (!page) throw new ModelRefusal("page-not-mapped", BigInt.asUintN(64, address + this.offset));
      return page[Number(address % PAGE)];
    });
  }

  #write64(linked: bigint, value: bigint): void {
    const needed = this.rules.original ? 1n : 8n;
    const inside = this.segments.some(({ start, bytes }) => {
      return linked >= start && linked + needed <= start + BigInt(bytes.length);
    });
    if (!inside) throw new ModelRefusal("relocation-out-of-segment", linked);
    this.#read(linked, 8);
    for (let at = 0n; at < 8n; at++) {
      const address = linked + at;
      const page = address - address % PAGE;
      this.touched.add(page);
      this.pages.get(page)![Number(address % PAGE)] = Number((value >> (8n * at)) & 0xffn);
    }
  }

  #checkAddress(linked: bigint, size: number): void {
    const start = linked + this.offset;
    const end = start + BigInt(size);
    if (start < 0n || start >= END) throw new ModelRefusal("address-overflow", start);
    if (start >= HOLE && start < END - HOLE) throw new ModelRefusal("address-not-canonical", start);
    if (end > END) throw new ModelRefusal("address-overflow", end);
    if (start < HOLE && end > HOLE) throw new ModelRefusal("address-not-canonical", end);
  }
}
