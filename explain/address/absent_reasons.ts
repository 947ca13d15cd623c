/**
 * Why nothing is mapped at an address, as far as the page tables say.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import type { TableSet } from "../tables/table_set.ts";
import type { Walk } from "../tables/walk_tables.ts";
import { listed } from "../wording.ts";
import type { Reason } from "./reason.ts";

/**
 * Explains where a walk ends without a page.
 *
 * @param tables The page tables.
 * @param walk The walk.
 * @param address The address.
 * @returns The reason.
 */
export function absentReasons(
  { root, levels: count }: TableSet,
  { levels, end }: Walk,
  address: bigint,
): readonly Reason[] {
  if (end.kind === "page") return [];
  if (end.kind === "not-canonical") return [notCanonical(address, count)];
  const { level } = end;
  if (end.kind === "unknown") {
    const table = levels.at(-1)?.address ?? root;
    const message = `The level-${level} table at physical ${hexAddr(table)} is in unknown memory.`;
    return [{ kind: "unknown", level, table, message }];
  }
  const { table, index } = levels[levels.length - 1];
  const entry = `entry ${index} of the level-${level} table at physical ${hexAddr(table)}`;
  return end.kind === "absent"
    ? [{ kind: "absent", level, table, entry: index, bit: "PRESENT", message: `PRESENT is 0 in ${entry}.` }]
    : [{ kind: "reserved", level, table, entry: index, message: `Reserved bits are set in ${entry}.` }];
}

function notCanonical(address: bigint, levels: 4 | 5): Reason {
  const bit = levels === 5 ? 56 : 47;
  const value = Number((address >> BigInt(bit)) & 1n) as 0 | 1;
  const upper = address >> BigInt(bit + 1);
  const bits = Array.from({ length: 63 - bit }, (_, at) => bit + 1 + at);
  const wrong = bits.filter((each) => Number((upper >> BigInt(each - bit - 1)) & 1n) !== value);
  const message = `The processor does not accept the address: bit ${bit} is ${value}, but ${
    namedBits(wrong, 1 - value)
  }.`;
  return { kind: "not-canonical", bit, value, message };
}

/** Names bits with their common value. */
function namedBits(bits: readonly number[], value: number): string {
  const runs: [number, number][] = [];
  for (const bit of bits) {
    const last = runs.at(-1);
    if (last && last[1] === bit - 1) last[1] = bit;
    else runs.push([bit, bit]);
  }
  const names = runs.map(([first, last]) => first === last ? `${first}` : `${first} to ${last}`);
  return bits.length === 1 ? `bit ${listed(names)} is ${value}` : `bits ${listed(names)} are ${value}`;
}
