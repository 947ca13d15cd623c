/** A small position-independent kernel with relocations. */

import { ET_DYN, PF_R, PF_W, PT_DYNAMIC } from "../../../core/elf/constants.ts";
import { buildElf, type SegmentSpec } from "../../elf_builder.ts";

/** Where the kernels of these tests have their tables, as they are linked. */
export const DATA = 0x2000n;
export const DYNAMIC = 0x2000;
export const RELA = 0x2200;
export const SYMBOLS = 0x2400;
export const STRINGS = 0x2500;
export const RELR = 0x2600;
export const WORDS = 0x2800;

export type Tags = readonly (readonly [tag: bigint, value: bigint])[];
export type RelaEntry = readonly [place: number | bigint, type: number, symbol: number, addend: bigint];

export interface KernelSpec {
  readonly tags?: Tags;
  readonly rela?: readonly RelaEntry[];
  readonly relr?: readonly bigint[];
  readonly words?: readonly bigint[];
  /** Symbols behind symbol 0: name offset, info, section index, value. */
  readonly symbols?: readonly (readonly [name: number, info: number, shndx: number, value: bigint])[];
  readonly e_type?: number;
  readonly base?: bigint;
  readonly p_align?: bigint;
  /** How many `PT_DYNAMIC` headers to have; they are the same. */
  readonly dynamics?: number;
  /** How many bytes to append to the file, for its program headers. */
  readonly extra?: number;
  /** More headers, after those. */
  readonly more?: readonly SegmentSpec[];
}

/** A position-independent kernel: a page of text at 0x1000, a page of data at 0x2000 with all tables in it. */
export function kernelFile(spec: KernelSpec): Uint8Array<ArrayBuffer> {
  const { rela = [], relr, words = [], symbols = [], base = 0n } = spec;
  const data = new Uint8Array(0x1000);
  const view = new DataView(data.buffer);
  const put = (address: number, values: readonly bigint[]): void => {
    values.forEach((value, at) => view.setBigUint64(address - 0x2000 + at * 8, BigInt.asUintN(64, value), true));
  };
  const tags: Tags = spec.tags ?? [
    [7n, base + BigInt(RELA)],
    [8n, BigInt(rela.length * 24)],
    [9n, 24n],
    [6n, base + BigInt(SYMBOLS)],
    [5n, base + BigInt(STRINGS)],
    [10n, 0x100n],
    ...(relr ? [[36n, base + BigInt(RELR)], [35n, BigInt(relr.length * 8)], [37n, 8n]] as const : []),
    [0n, 0n],
  ];
  put(DYNAMIC, tags.flat());
  rela.forEach(([place, type, symbol, addend], at) => {
    put(RELA + at * 24, [base + BigInt(place), (BigInt(symbol) << 32n) | BigInt(type), addend]);
  });
  put(RELR, relr ?? []);
  put(WORDS, words);
  symbols.forEach(([name, info, shndx, value], at) => {
    put(SYMBOLS + 24 * (at + 1), [BigInt(name) | (BigInt(info) << 32n) | (BigInt(shndx) << 48n), value, 0n]);
  });
  data.set(new TextEncoder().encode("\0alpha\0beta\0libc.so\0"), STRINGS - 0x2000);
  const { p_align = 0x1000n } = spec;
  const text: SegmentSpec = { offset: 0x1000, p_vaddr: base + 0x1000n, filesz: 0x1000, p_align };
  const dynamic = { p_type: PT_DYNAMIC, offset: 0x2000, p_vaddr: base + DATA, filesz: tags.length * 16, p_align: 8n };
  const segments: readonly SegmentSpec[] = [
    text,
    { offset: 0x2000, p_vaddr: base + DATA, data, p_memsz: 0x2000n, p_flags: PF_R | PF_W, p_align },
    ...Array.from({ length: spec.dynamics ?? 1 }, () => dynamic),
    ...spec.more ?? [],
  ];
  const e_phoff = spec.extra ? { e_phoff: 0x4000n } : {};
  const header = { e_type: spec.e_type ?? ET_DYN, e_entry: base + 0x1000n, ...e_phoff };
  return buildElf({ header, segments, length: 0x4000 + (spec.extra ?? 0) });
}

/** The 64-bit number at the start of bytes. */
export function word(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}
