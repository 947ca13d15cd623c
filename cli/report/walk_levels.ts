/**
 * The entries of a walk, and what each level allows.
 *
 * @module
 */

import type { EntryField } from "../../explain/tables/decode_entry.ts";
import type { Permission, WalkedLevel, WalkEnd } from "../../explain/tables/walk_tables.ts";
import type { Paint } from "../output/paint.ts";
import { type Row, table } from "../output/table.ts";
import { exactSize, hex, hexRange, listed, wrap } from "../output/text.ts";
import { labelled } from "./report_parts.ts";

const TITLES = ["level", "table", "index", "entry", "flags"];

/**
 * Lays out the entries, one a line, each with its table, its bits and the names of those that are set.
 *
 * @param levels What the processor reads.
 * @param end Where the walk ends.
 * @param paint The colors and the width.
 * @returns The lines.
 */
export function levelLines(levels: readonly WalkedLevel[], end: WalkEnd, paint: Paint): readonly string[] {
  const toRow = ({ level, table, index, entry, flags }: WalkedLevel): Row => {
    return { cells: [`${level}`, hex(table), `${index}`, wordHex(entry), flags.join(" ") || "not PRESENT"] };
  };
  return [...(levels.length === 0 ? [] : table(TITLES, levels, toRow, paint)), ...endLines(levels, end, paint)];
}

/** What ends a walk at no page; the table above shows a page. */
function endLines(levels: readonly WalkedLevel[], end: WalkEnd, paint: Paint): readonly string[] {
  const text = endText(levels, end);
  return text === undefined ? [] : wrap(text, paint.width - 2).map((line) => `  ${paint.error(line)}`);
}

function endText(levels: readonly WalkedLevel[], end: WalkEnd): string | undefined {
  const last = levels.at(-1);
  switch (end.kind) {
    case "page":
      return undefined;
    case "not-canonical":
      return "The walk does not start: the processor raises #GP (or #SS) for an address that is not canonical.";
    case "unknown":
      return last?.address === undefined
        ? "The walk does not start: the memory of the first table is not known."
        : `The walk ends: the memory of the level-${end.level} table at ${hex(last.address)} is not known.`;
    case "reserved":
      return `The walk ends at level ${end.level}: reserved bits are set, so an access raises a page fault.`;
    default:
      return `The walk ends at level ${end.level}: PRESENT (bit 0) is clear, so an access raises a page fault.`;
  }
}

/**
 * Lists every field of the entries, with what it means.
 *
 * @param levels What the processor reads.
 * @param paint The colors and the width.
 * @returns The lines, a group for each level.
 */
export function fieldLines(levels: readonly WalkedLevel[], paint: Paint): readonly string[] {
  return levels.flatMap(({ level, index, fields, kind }) => {
    const what = kind === "absent"
      ? "not present"
      : kind === "page"
      ? "maps a page"
      : `points to a level-${level - 1} table`;
    return [
      `  ${paint.title(`Level ${level}, entry ${index}`)}: ${what}`,
      ...table(["bits", "name", "value", "meaning"], joined(fields), fieldRow, { ...paint, folds: true }),
    ];
  });
}

/** The fields, with clear bits next to each other as one if the processor ignores them all. */
function joined(fields: readonly EntryField[]): readonly EntryField[] {
  const found: EntryField[] = [];
  for (const field of fields) {
    const last = found.at(-1);
    if (last && isUnused(last) && isUnused(field)) found[found.length - 1] = { ...last, high: field.high };
    else found.push(field);
  }
  return found;
}

function isUnused({ name, value }: EntryField): boolean {
  return name.startsWith("BIT_") && value === 0n;
}

function fieldRow(field: EntryField): Row {
  const { low, high, value, meaning } = field;
  const shownName = isUnused(field) ? "-" : field.name;
  const cells = low === high ? [`${low}`, shownName, `${value}`] : [`${high}-${low}`, shownName, hex(value)];
  return { cells: [...cells, meaning] };
}

/** The flags by which a level takes permissions away. */
const DENIED_BY: Readonly<Record<Permission, string>> = {
  write: "WRITABLE is clear",
  execute: "NO_EXECUTE is set",
  user: "USER_ACCESSIBLE is clear",
};

/**
 * Says what all levels allow together, and which of them take each permission away.
 *
 * @param levels What the processor reads.
 * @param paint The colors and the width.
 * @returns The lines, one a permission.
 */
export function permissionLines(levels: readonly WalkedLevel[], paint: Paint): readonly string[] {
  const answer = (permission: Permission): string => {
    const denying = levels.filter(({ denies }) => denies.includes(permission)).map(({ level }) => `${level}`);
    if (denying.length === 0) return "yes";
    return `no: ${DENIED_BY[permission]} at ${denying.length === 1 ? "level" : "levels"} ${listed(denying)}`;
  };
  const facts: (readonly [string, string])[] = [
    ["read", "yes"],
    ["write", answer("write")],
    ["execute", answer("execute")],
    ["user mode", answer("user")],
  ];
  return labelled(facts, paint);
}

/**
 * The page that an address is in.
 *
 * @param phys Physical address of a byte of it.
 * @param pageSize Its size.
 * @returns Such as "a page of 4 KiB at physical 0x201000..0x202000".
 */
export function pageText(phys: number, pageSize: number): string {
  return `in a page of ${exactSize(pageSize)}, ${hexRange(phys - phys % pageSize, pageSize)}`;
}

/** All 64 bits in hex. */
function wordHex(entry: bigint): string {
  return `0x${entry.toString(16).padStart(16, "0")}`;
}
