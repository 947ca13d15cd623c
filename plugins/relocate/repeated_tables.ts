/**
 * Bounds the work of v0.11 of the original, which applies the tables of every `PT_DYNAMIC` header, even if they are the
 * same. What is left out here changes neither memory nor an error.
 *
 * @module
 */

import { coverage } from "../../core/address_space/coverage.ts";
import { type AddressRange, rangeIndex } from "../../core/address_space/range_index.ts";
import { LoadError } from "../../core/errors.ts";
import type { PluginContext } from "../../core/plugin/plugin_context.ts";
import type { RelocationTables, TableRange } from "./relocation_tables.ts";
import { type RelocationTarget, viewOf } from "./relocation_target.ts";

const RELA_SIZE = 24n;
const WORD = 8;
const TWO_32 = 2 ** 32;
const HOLE_START = 1n << 47n;

/** How many entries to read at once. */
const CHUNK = 2048n;

/** A table of `Elf64_Rela` entries to apply for a header. */
export interface Application {
  /** The memory, for errors of this header. */
  readonly target: RelocationTarget;
  /** What the header's dynamic table contains. */
  readonly tables: RelocationTables;
  /** The table. */
  readonly range: TableRange;
}

/**
 * The most relocations to apply for a file: one for every eight bytes of it, which is three times as many as it has
 * room for.
 *
 * @param fileSize Number of bytes of the file.
 * @returns The number.
 */
export function mostRelocations(fileSize: number): bigint {
  return BigInt(Math.floor(fileSize / WORD));
}

/**
 * Chooses which entries to apply. These are all, if there are no more than `most`. Otherwise, each entry is applied at
 * its first and at its last occurrence only, if no entry changes a table.
 *
 * That makes no difference: every occurrence of an entry writes the same value to the same place. So the last write to
 * any byte is the last occurrence of its entry, which stays, as does the first write to any page, which decides when
 * the page gets its own frame. An entry that fails does so at its first occurrence.
 *
 * @param all The tables, in the order in which they are applied.
 * @param most The number.
 * @param pause The load's pause.
 * @returns What to apply, in order; more than `most` entries, if nothing can be left out.
 */
export async function withoutRepeated(
  all: readonly Application[],
  most: bigint,
  pause: PluginContext["pause"],
): Promise<readonly Application[]> {
  if (entriesOf(all) <= most) return all;
  const firsts = newParts(all);
  const lasts = newParts(all.toReversed()).toReversed();
  const fewer = all.flatMap(({ range: { tag }, ...application }, at) => {
    const parts = coverage();
    for (const { start, end } of [...firsts[at], ...lasts[at]]) parts.add(start, end);
    return parts.ranges().map(({ start, end }) => {
      return { ...application, range: { tag, address: start, size: end - start } };
    });
  });
  if (entriesOf(fewer) > most || await changesTables(all, firsts, pause)) return all;
  return fewer;
}

/**
 * Counts the entries of tables.
 *
 * @param tables The tables.
 * @returns The number, of whole entries.
 */
export function entriesOf(tables: readonly Pick<Application, "range">[]): bigint {
  return tables.reduce((sum, { range: { size } }) => sum + size / RELA_SIZE, 0n);
}

/**
 * Takes entries from the start of a table.
 *
 * @param range The table.
 * @param most Their number.
 * @returns The table, no longer than that.
 */
export function limited(range: TableRange, most: bigint): TableRange {
  return range.size / RELA_SIZE <= most ? range : { ...range, size: most * RELA_SIZE };
}

/**
 * The error for more relocations than are applied for a file of this size.
 *
 * @param target The memory, for the header that asks for more.
 * @param most The most relocations.
 * @returns The error.
 */
export function tooMany({ index }: RelocationTarget, most: bigint): LoadError {
  const field = "the number of relocations, more than one for every 8 bytes of the file,";
  return new LoadError("dynamic-malformed", { index, field, value: most + 1n });
}

/** For each table, the parts with entries that no table before it has: those that start where one of its own does. */
function newParts(tables: readonly Application[]): readonly (readonly AddressRange[])[] {
  const byPhase = new Map<bigint, ReturnType<typeof coverage>>();
  return tables.map(({ range: { address, size } }) => {
    const phase = address % RELA_SIZE;
    const seen = byPhase.get(phase) ?? coverage();
    byPhase.set(phase, seen);
    return seen.add(address, address + size - size % RELA_SIZE);
  });
}

/**
 * Whether a relocation may write into a table. If none of the entries, as they are now, does so, then none ever does.
 */
async function changesTables(
  all: readonly Application[],
  parts: readonly (readonly AddressRange[])[],
  pause: PluginContext["pause"],
): Promise<boolean> {
  const tables = coverage();
  for (const { range: { address, size } } of all) tables.add(address, address + size);
  // A table across the non-canonical hole continues elsewhere, which is not worked out here.
  const hole = HOLE_START - all[0].target.offset;
  if (tables.ranges().some(({ start, end }) => start < hole && end > hole)) return true;
  tables.add(hole, hole + 1n);
  const index = rangeIndex(tables.ranges());
  for (const [at, { target, range: { tag } }] of all.entries()) {
    for (const { start, end } of parts[at]) {
      for (let from = start; from < end; from += CHUNK * RELA_SIZE) {
        const size = end - from < CHUNK * RELA_SIZE ? end - from : CHUNK * RELA_SIZE;
        const entries = entriesAt(from, Number(size), tag, target);
        if (!entries || writesInto(index, entries)) return true;
        const pausing = pause();
        if (pausing) await pausing;
      }
    }
  }
  return false;
}

function entriesAt(linked: bigint, size: number, tag: string, target: RelocationTarget): DataView | undefined {
  try {
    return viewOf(target.read(linked, size, `the relocation of ${tag}`));
  } catch (error) {
    if (error instanceof LoadError) return undefined; // applying them finds the same error
    throw error;
  }
}

function writesInto(tables: ReturnType<typeof rangeIndex>, entries: DataView): boolean {
  for (let at = 0; at < entries.byteLength; at += Number(RELA_SIZE)) {
    const low = entries.getUint32(at, true);
    const high = entries.getUint32(at + 4, true);
    const last = low + WORD - 1;
    const reaching = last < TWO_32 ? tables.reaching(high, last) : tables.reaching(high + 1, last - TWO_32);
    if (reaching && reaching.end > BigInt(high) * BigInt(TWO_32) + BigInt(low)) return true;
  }
  return false;
}
