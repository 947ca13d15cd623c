/**
 * Applies `Elf64_Rela` entries (gABI, "Relocation"; System V ABI, AMD64 supplement, "Relocation Types").
 *
 * @module
 */

import { LoadError } from "../../core/errors.ts";
import type { PluginContext } from "../../core/plugin/plugin_context.ts";
import { applyRelative } from "./apply_relative.ts";
import { findSymbol, type KernelSymbol } from "./find_symbol.ts";
import type { RelocationTables, TableRange } from "./relocation_tables.ts";
import { type RelocationTarget, tablePlace, viewOf } from "./relocation_target.ts";
import {
  R_X86_64_64,
  R_X86_64_GLOB_DAT,
  R_X86_64_JUMP_SLOT,
  R_X86_64_NONE,
  R_X86_64_RELATIVE,
  relocationTypeName,
} from "./relocation_types.ts";

const RELA_SIZE = 24;

type Pause = PluginContext["pause"];

/** The types whose value is a symbol's address. */
const SYMBOLIC: readonly number[] = [R_X86_64_64, R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT];

/** An entry, as it is in memory. */
interface Rela {
  readonly r_offset: bigint;
  readonly type: number;
  readonly symbol: number;
  readonly r_addend: bigint;
}

/** How many entries to apply between pauses. */
const BATCH = 1024;

/**
 * Applies a table of entries. Each is read just before it is applied, because earlier ones may have changed it. Under
 * the default rules, `R_X86_64_NONE` does nothing and is not counted.
 *
 * @param range The table.
 * @param tables Where the symbols and their names are.
 * @param target The memory.
 * @param counts Counts the entries by type name.
 * @param pause The load's pause.
 * @throws {LoadError} "relocation-unsupported", "relocation-out-of-segment", "symbol-undefined", "page-not-mapped", and
 * "address-overflow" or "address-not-canonical" if an address is invalid.
 */
export async function applyRela(
  { tag, address, size }: TableRange,
  tables: RelocationTables,
  target: RelocationTarget,
  counts: Map<string, number>,
  pause: Pause,
): Promise<void> {
  const total = Number(size / BigInt(RELA_SIZE));
  const first = tablePlace(address, target);
  for (let done = 0; done < total;) {
    const end = Math.min(total, done + BATCH);
    while (done < end) {
      const relative = first === undefined ? 0 : applyRelative(first + done * RELA_SIZE, end - done, target);
      count(R_X86_64_RELATIVE, relative, counts);
      done += relative;
      if (done === end) break;
      applyOne(readRela(address + BigInt(done * RELA_SIZE), tag, target), tables, target, counts);
      done++;
    }
    const pausing = pause();
    if (pausing) await pausing;
  }
}

function applyOne(
  entry: Rela,
  tables: RelocationTables,
  target: RelocationTarget,
  counts: Map<string, number>,
): void {
  if (entry.type === R_X86_64_NONE && target.rules.relocationTypes === "static") return;
  target.write64(entry.r_offset, valueOf(entry, tables, target));
  count(entry.type, 1, counts);
}

function count(type: number, more: number, counts: Map<string, number>): void {
  if (more === 0) return;
  const name = relocationTypeName(type);
  counts.set(name, (counts.get(name) ?? 0) + more);
}

function readRela(at: bigint, tag: string, target: RelocationTarget): Rela {
  const entry = viewOf(target.read(at, RELA_SIZE, `the relocation of ${tag}`));
  return {
    r_offset: entry.getBigUint64(0, true),
    type: entry.getUint32(8, true),
    symbol: entry.getUint32(12, true),
    r_addend: entry.getBigUint64(16, true),
  };
}

function valueOf(rela: Rela, tables: RelocationTables, target: RelocationTarget): bigint {
  const { type, symbol, r_addend } = rela;
  if (type === R_X86_64_RELATIVE && symbol === 0) return relocatedValue(target.offset + r_addend, target);
  if (target.rules.relocationTypes === "relative") throw unsupported(rela, "", target);
  const found = findSymbol(symbol, tables, target);
  if (!SYMBOLIC.includes(type) || found.needsResolver) throw unsupported(rela, found.name(), target);
  if (!found.defined && !found.weak) throw undefinedSymbol(rela, found, target);
  return relocatedValue(found.value + (type === R_X86_64_64 ? r_addend : 0n), target);
}

/** Checks a sum of addresses and an addend. Modulo 2^64, it makes no difference whether the addend is signed. */
function relocatedValue(value: bigint, { index, rules }: RelocationTarget): bigint {
  if (rules.wrapsRelocatedValues) return BigInt.asUintN(64, value);
  if (value >= 0n && value < 1n << 64n) return value;
  throw new LoadError("address-overflow", { index, field: "a relocation's value", value });
}

function unsupported({ r_offset, type }: Rela, symbol: string, { index, offset }: RelocationTarget): LoadError {
  return new LoadError("relocation-unsupported", {
    index,
    field: "the relocation type",
    value: type,
    place: BigInt.asUintN(64, r_offset + offset),
    type: relocationTypeName(type),
    symbol,
  });
}

function undefinedSymbol(
  { r_offset, type }: Rela,
  symbol: KernelSymbol,
  { index, offset }: RelocationTarget,
): LoadError {
  const name = symbol.name();
  return new LoadError("symbol-undefined", {
    index,
    field: "the symbol",
    value: name,
    place: BigInt.asUintN(64, r_offset + offset),
    type: relocationTypeName(type),
    symbol: name,
  });
}
