/** Builds kernels for the Limine protocol, after its specification, for tests. */

import type { FileHeader } from "../../core/elf/file_header.ts";
import { PF_R, PF_W, PF_X, PT_DYNAMIC } from "../../core/elf/constants.ts";
import { readModel } from "../../core/file/file_model.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import { checkKernel, type CheckReport } from "../../loaders/check_kernel.ts";
import type { Judgement, LoaderName } from "../../loaders/loader.ts";
import { LOADERS } from "../../loaders/all_loaders.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";

/** Where a kernel is linked, and its code begins. */
export const BASE = 0xffff_ffff_8000_0000n;
export const ENTRY = BASE + 0x400n;

/** The tags, as the specification has them. */
export const START = [0xf6b8f4b39de7d1aen, 0xfab91a6940fcb9cfn, 0x785c6ed015d3e316n, 0x181e920a7852b9d9n];
export const END = [0xadc0e0531bb10d03n, 0x9572709f31764c62n];
export const HHDM: readonly [bigint, bigint] = [0x48dcf1cb8ad2b852n, 0x63984e959a98244bn];
export const FRAMEBUFFER: readonly [bigint, bigint] = [0x9d5827dcd881dd75n, 0xa3148604f6fab11bn];
export const MEMORY_MAP: readonly [bigint, bigint] = [0x67cf3d9d378a806fn, 0xe304acdfc50c3c62n];
export const RSDP: readonly [bigint, bigint] = [0xc5e77b6b397e7b43n, 0x27637845accdcf3cn];
export const PAGING_MODE: readonly [bigint, bigint] = [0x95c1a0edab0944cbn, 0xa4e5cb3842f7488an];
export const STACK_SIZE: readonly [bigint, bigint] = [0x224ef0460a8e8926n, 0xe1cb0fc25f46ea3dn];
export const ENTRY_POINT: readonly [bigint, bigint] = [0x13d86c035a1cd3e1n, 0x2b0caa89d8f3026an];

export function revision(number: bigint): readonly bigint[] {
  return [0xf9562b2d5c95a6c8n, 0x6a7b384944536bdcn, number];
}

export function request(id: readonly [bigint, bigint], rev = 0n, ...fields: readonly bigint[]): readonly bigint[] {
  return [0xc7b1dd30df4c8b88n, 0x0a82e883a194f07bn, ...id, rev, 0n, ...fields];
}

/** The bytes of words, one after the other. */
export function bytesOf(...tags: readonly (readonly bigint[])[]): Uint8Array {
  const bytes = new Uint8Array(tags.flat().length * 8);
  tags.flat().forEach((word, at) => new DataView(bytes.buffer).setBigUint64(8 * at, word, true));
  return bytes;
}

/** The segment of the code: tags from the first address on, instructions that are not 0 from 0x400 on. */
export function code(tags: Uint8Array, change: SegmentSpec = {}): SegmentSpec {
  const data = new Uint8Array(0x420);
  data.set(tags.subarray(0, 0x400));
  data.fill(0xf4, 0x400);
  return { p_vaddr: BASE, p_flags: PF_R | PF_X, offset: 0x1000, data, ...change };
}

/** A segment of data in a page of its own. */
export function data(change: SegmentSpec = {}): SegmentSpec {
  return {
    p_vaddr: BASE + 0x10000n,
    p_flags: PF_R | PF_W,
    offset: 0x2000,
    filesz: change.data?.length ?? 0x20,
    ...change,
  };
}

/** What differs from a kernel with one segment. */
export interface KernelSpec {
  readonly header?: Partial<FileHeader>;
  readonly tags?: readonly (readonly bigint[])[];
  readonly code?: SegmentSpec;
  readonly more?: readonly SegmentSpec[];
  readonly length?: number;
}

export function kernel({ header, tags = [revision(2n)], more = [], length, ...rest }: KernelSpec = {}): Uint8Array {
  const segments = [code(bytesOf(...tags), rest.code), ...more];
  return buildElf({ header: { e_entry: ENTRY, ...header }, segments, ...(length === undefined ? {} : { length }) });
}

/** Two headers for a dynamic table of the given entries, with tables of 0x100 bytes after it. */
export function dynamic(
  entries: readonly (readonly [tag: bigint, value: bigint])[],
  tables: Readonly<Record<number, Uint8Array>> = {},
): readonly SegmentSpec[] {
  const bytes = new Uint8Array(0x600);
  bytes.set(bytesOf(...entries, [0n, 0n]));
  for (const [at, table] of Object.entries(tables)) bytes.set(table, Number(at));
  const place = { p_vaddr: DYNAMIC, p_flags: PF_R | PF_W, offset: 0x4000 };
  return [
    { ...place, data: bytes },
    { ...place, p_type: PT_DYNAMIC, filesz: 16 * (entries.length + 1), p_align: 8n },
  ];
}

/** Where {@linkcode dynamic} puts the table. */
export const DYNAMIC = BASE + 0x80000n;

/** An `Elf64_Rela`. */
export function rela(address: bigint, type: number, symbol = 0, addend = 0n): Uint8Array {
  return bytesOf([address, BigInt(symbol) << 32n | BigInt(type), addend]);
}

/** An `Elf64_Sym` with a name offset, a binding and a section. */
export function symbol(name: number, binding: number, section: number): Uint8Array {
  return bytesOf([BigInt(name) | BigInt(binding) << 36n | BigInt(section) << 48n, ENTRY, 0n]);
}

/** Asks a loader. */
export async function ask(loader: LoaderName, file: Uint8Array, memory = 2 ** 28): Promise<Judgement> {
  const kept = keepFile(file);
  const { parts, judge } = LOADERS.find(({ name }) => name === loader)!;
  return await judge(await readModel(kept, parts), { memory }, kept);
}

/** Checks a kernel for Limine. */
export async function check(file: Uint8Array): Promise<CheckReport> {
  return await checkKernel(file);
}
