/** Dynamic tables with what they point to: relocations, symbols and names. */

import type { RuleSetName } from "../../../mod.ts";
import type { Random } from "../random.ts";
import type { Room } from "./room.ts";
import { type FileSpec, words } from "./spec.ts";

// gABI, "Dynamic Section"
const DT = {
  NULL: 0n,
  NEEDED: 1n,
  PLTRELSZ: 2n,
  STRTAB: 5n,
  SYMTAB: 6n,
  RELA: 7n,
  RELASZ: 8n,
  RELAENT: 9n,
  STRSZ: 10n,
  SYMENT: 11n,
  PLTREL: 20n,
  TEXTREL: 22n,
  JMPREL: 23n,
  RELRSZ: 35n,
  RELR: 36n,
  RELRENT: 37n,
} as const;

// System V ABI, AMD64 supplement, "Relocation Types"
const R = { NONE: 0n, R64: 1n, GLOB_DAT: 6n, JUMP_SLOT: 7n, RELATIVE: 8n };

const NAMES = new TextEncoder().encode("\0memcpy\0weak_one\0undefined_one\0libc.so.6\0");
const SYMBOL_COUNT = 6;

type Row = readonly [tag: bigint, value: bigint];

/** Adds a PT_DYNAMIC header and its tables to a file, if there is room for them. */
export function addDynamic(spec: FileSpec, room: Room, random: Random, rules: RuleSetName): void {
  const plain = rules === "bootloader-0.11" && random.chance(0.92);
  const symbols = plain || random.chance(0.5) ? [] : addSymbols(spec, room, random);
  const rows: Row[] = [...symbols];
  if (random.chance(0.9)) rows.push(...addRela(spec, room, random, symbols.length > 0, plain));
  if (!plain && random.chance(0.5)) rows.push(...addRelr(spec, room, random));
  if (!plain && symbols.length > 0 && random.chance(0.5)) rows.push(...addJumps(spec, room, random));
  if (random.chance(0.1)) rows.push([DT.TEXTREL, 0n]);
  if (random.chance(0.05)) rows.push([DT.NEEDED, 31n]);
  if (random.chance(0.2)) shuffle(rows, random);
  if (random.chance(0.04)) rows.push(random.pick(rows.length > 0 ? rows : [[DT.RELASZ, 24n] as const]));
  if (random.chance(0.04)) rows.splice(random.below(rows.length + 1), 1);
  if (random.chance(0.06)) rows.push([random.pick([17n, 24n, 31n, 35n, 0x6000_000dn, 0x6fff_fffbn, 1n << 40n]), 8n]);
  const ended = random.chance(0.85) ? [...rows, [DT.NULL, 0n] as const] : rows;
  const bytes = words(ended.flat());
  const place = room.take(bytes.length, 8);
  if (!place) return;
  spec.blobs.push({ offset: place.offset, bytes });
  const size = BigInt(bytes.length) + random.weighted([[30, 0n], [1, 8n], [1, -8n], [1, 16n]]);
  const filesz = size < 0n ? 0n : size;
  const { vaddr } = place;
  const header = {
    type: 2,
    flags: 6,
    offset: BigInt(place.offset),
    vaddr,
    paddr: vaddr,
    filesz,
    memsz: filesz,
    align: 8n,
  };
  spec.headers.push(header);
}

function shuffle(rows: Row[], random: Random): void {
  for (let at = rows.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [rows[at], rows[other]] = [rows[other], rows[at]];
  }
}

function addRela(spec: FileSpec, room: Room, random: Random, symbolic: boolean, plain: boolean): Row[] {
  const entries = relocations(room, random, symbolic, plain);
  const place = room.take(entries.length * 24, 8);
  if (!place) return [];
  spec.blobs.push({ offset: place.offset, bytes: words(entries.flat()) });
  const exact = BigInt(entries.length * 24);
  const size = random.weighted([[40, exact], [1, exact + 7n], [1, exact + 24n * BigInt(random.below(300))], [1, 0n]]);
  const rows: Row[] = [[DT.RELA, place.vaddr], [DT.RELASZ, size]];
  rows.push([DT.RELAENT, random.chance(0.98) ? 24n : 16n]);
  return rows;
}

/** Entries of a relocation table: three words each. */
function relocations(room: Room, random: Random, symbolic: boolean, plain: boolean): bigint[][] {
  const count = random.weighted([[1, 0], [6, random.below(12)], [1, random.below(60)]]);
  const entries: bigint[][] = [];
  for (let index = 0; index < count; index++) {
    const place = room.target(8, random.chance(0.7) ? 8n : 1n);
    if (place === undefined) continue;
    const wild = random.chance(plain ? 0.002 : 0.008);
    const offset = wild ? place + random.pick([1n << 20n, 1n << 46n, 1n << 63n, -1n]) : place;
    const addend = random.weighted([[8, BigInt(random.below(1 << 24))], [plain ? 0.02 : 1, random.word()], [1, 0n]]);
    entries.push([offset, infoOf(random, symbolic, plain), addend]);
  }
  return entries;
}

function infoOf(random: Random, symbolic: boolean, plain: boolean): bigint {
  if (plain || random.chance(0.6)) return random.chance(0.998) ? R.RELATIVE : 1n << 32n | R.RELATIVE;
  if (random.chance(0.01)) return BigInt(random.below(40));
  if (!symbolic) return random.pick([R.RELATIVE, R.NONE, R.R64, R.GLOB_DAT]);
  const type = random.pick([R.R64, R.GLOB_DAT, R.JUMP_SLOT, R.NONE]);
  const symbol = random.weighted([[40, random.below(4)], [1, random.below(SYMBOL_COUNT)]]);
  return BigInt(symbol) << 32n | type;
}

/** Symbols 1 to 3 can be used: defined, absolute and weak. 4 is undefined, 5 is an ifunc. */
function addSymbols(spec: FileSpec, room: Room, random: Random): Row[] {
  const place = room.take(SYMBOL_COUNT * 24, 8);
  const names = room.take(NAMES.length, 1);
  if (!place || !names) return [];
  const value = BigInt(random.below(1 << 20));
  const symbol = (name: number, info: number, section: number, address: bigint): bigint[] => [
    BigInt(name) | BigInt(info) << 32n | BigInt(section) << 48n,
    address,
    8n,
  ];
  const table = [
    ...[0n, 0n, 0n],
    ...symbol(1, 0x12, 1, spec.headers[0].vaddr + value),
    ...symbol(1, 0x11, 0xfff1, random.word()),
    ...symbol(8, 0x21, 0, random.pick([0n, 5n])),
    ...symbol(17, 0x11, 0, 0n),
    ...symbol(1, 0x1a, 1, value),
  ];
  spec.blobs.push({ offset: place.offset, bytes: words(table) }, { offset: names.offset, bytes: NAMES.slice() });
  const size = BigInt(NAMES.length);
  return [[DT.SYMTAB, place.vaddr], [DT.SYMENT, 24n], [DT.STRTAB, names.vaddr], [DT.STRSZ, size]];
}

function addRelr(spec: FileSpec, room: Room, random: Random): Row[] {
  const entries: bigint[] = [];
  for (let left = random.below(5); left > 0; left--) {
    const start = room.target(8 * (1 + random.below(20)), 2n);
    if (start === undefined) continue;
    entries.push(start);
    if (random.chance(0.3)) entries.push((random.word() & random.word() & 0x3fn) << 1n | 1n);
  }
  if (random.chance(0.02)) entries.push(random.word());
  const place = room.take(entries.length * 8, 8);
  if (!place) return [];
  spec.blobs.push({ offset: place.offset, bytes: words(entries) });
  return [[DT.RELR, place.vaddr], [DT.RELRSZ, BigInt(entries.length * 8)], [DT.RELRENT, 8n]];
}

function addJumps(spec: FileSpec, room: Room, random: Random): Row[] {
  const entries = relocations(room, random, true, false).slice(0, 6);
  const place = room.take(entries.length * 24, 8);
  if (!place) return [];
  spec.blobs.push({ offset: place.offset, bytes: words(entries.flat()) });
  const kind = random.chance(0.97) ? 7n : 17n;
  return [[DT.JMPREL, place.vaddr], [DT.PLTRELSZ, BigInt(entries.length * 24)], [DT.PLTREL, kind]];
}
