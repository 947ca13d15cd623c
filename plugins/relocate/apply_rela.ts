/**
 * Applies `Elf64_Rela` entries (gABI, "Relocation"; System V ABI, AMD64 supplement, table "Relocation Types").
 *
 * @module
 */

import { LoadError } from "../../core/errors.ts";
import type { DynamicTable, TableRange } from "./dynamic_table.ts";
import { readSymbol, type Symbol } from "./symbols.ts";
import type { RelocationTarget } from "./target.ts";

const RELA_SIZE = 24;
const R_X86_64_64 = 1;
const R_X86_64_GLOB_DAT = 6;
const R_X86_64_JUMP_SLOT = 7;
const R_X86_64_RELATIVE = 8;

const TYPE_NAMES: readonly string[] = [
  "NONE",
  "64",
  "PC32",
  "GOT32",
  "PLT32",
  "COPY",
  "GLOB_DAT",
  "JUMP_SLOT",
  "RELATIVE",
  "GOTPCREL",
  "32",
  "32S",
  "16",
  "PC16",
  "8",
  "PC8",
  "DTPMOD64",
  "DTPOFF64",
  "TPOFF64",
  "TLSGD",
  "TLSLD",
  "DTPOFF32",
  "GOTTPOFF",
  "TPOFF32",
  "PC64",
  "GOTOFF64",
  "GOTPC32",
  "GOT64",
  "GOTPCREL64",
  "GOTPC64",
  "GOTPLT64",
  "PLTOFF64",
  "SIZE32",
  "SIZE64",
  "GOTPC32_TLSDESC",
  "TLSDESC_CALL",
  "TLSDESC",
  "IRELATIVE",
  "RELATIVE64",
];

/**
 * The name of a relocation type.
 *
 * @param type Its number.
 * @returns Its name, such as "R_X86_64_RELATIVE", or the number where it has none.
 */
export function relocationTypeName(type: number): string {
  const name = TYPE_NAMES[type];
  return name === undefined ? `${type}` : `R_X86_64_${name}`;
}

/**
 * Applies a table of entries, each read when its turn comes: one may be changed by those before it.
 *
 * @param range The table.
 * @param table The dynamic table, which says where symbols are.
 * @param target The memory.
 * @param counts Counts the entries by their type's name.
 * @throws {LoadError} "relocation-unsupported", "relocation-out-of-segment", "symbol-undefined", "page-not-mapped", and
 * "address-overflow" or "address-not-canonical" for an address that cannot be one.
 */
export function applyRela(
  { address, size }: TableRange,
  table: DynamicTable,
  target: RelocationTarget,
  counts: Map<string, number>,
): void {
  const end = address + size - size % BigInt(RELA_SIZE);
  for (let at = address; at < end; at += BigInt(RELA_SIZE)) {
    const entry = target.read(at, RELA_SIZE, "the address of a relocation");
    const place = entry.getBigUint64(0, true);
    const type = entry.getUint32(8, true);
    const symbol = entry.getUint32(12, true);
    const addend = target.original ? entry.getBigUint64(16, true) : entry.getBigInt64(16, true);
    const value = valueOf({ place, type, symbol, addend }, table, target);
    target.write64(place, value);
    const name = relocationTypeName(type);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
}

interface Rela {
  readonly place: bigint;
  readonly type: number;
  readonly symbol: number;
  readonly addend: bigint;
}

function valueOf(rela: Rela, table: DynamicTable, target: RelocationTarget): bigint {
  const { type, symbol, addend } = rela;
  if (type === R_X86_64_RELATIVE && symbol === 0) {
    const value = target.offset + addend;
    if (!target.original) return BigInt.asUintN(64, value);
    if (value >= 0n && value < 1n << 64n) return value;
    throw new LoadError("address-overflow", { index: target.index, field: "a relocation's value", value });
  }
  if (target.original) throw unsupported(rela, "", target);
  const found = readSymbol(symbol, table, target);
  const known = type === R_X86_64_64 || type === R_X86_64_GLOB_DAT || type === R_X86_64_JUMP_SLOT;
  if (!known || found.needsResolver) throw unsupported(rela, found.name, target);
  if (!found.defined && !found.weak) throw undefinedSymbol(rela, found, target);
  return BigInt.asUintN(64, found.value + (type === R_X86_64_64 ? addend : 0n));
}

function unsupported({ place, type }: Rela, symbol: string, { index, offset }: RelocationTarget): LoadError {
  const name = relocationTypeName(type);
  const where = BigInt.asUintN(64, place + offset);
  return new LoadError("relocation-unsupported", {
    index,
    field: "the relocation type",
    value: type,
    place: where,
    type: name,
    symbol,
  });
}

function undefinedSymbol({ place, type }: Rela, { name }: Symbol, { index, offset }: RelocationTarget): LoadError {
  const where = BigInt.asUintN(64, place + offset);
  const type_ = relocationTypeName(type);
  return new LoadError("symbol-undefined", {
    index,
    field: "the symbol",
    value: name,
    place: where,
    type: type_,
    symbol: name,
  });
}
