/**
 * The columns of a map that is drawn for the terminal.
 *
 * @module
 */

import type { MapModel } from "../../explain/map/address_map.ts";
import type { Page } from "../output/page.ts";
import { exactSize, hex, hexRange } from "../output/text.ts";
import { ownerWords, runNotes } from "./map_words.ts";
import { pageLetters } from "../../core/elf/permission_letters.ts";

/** What stands between columns, and before the first. */
export const GAP = "  ";

/** The widest bar. */
const WIDEST = 24;
/** The narrowest bar that shows anything. */
const NARROWEST = 8;

const TITLES = { range: "virtual range", size: "size", owner: "owner", phys: "physical", bar: "to scale" } as const;

/** The widths of columns; 0 if there is no room for one, whose text is then among the notes below. */
export interface MapLayout {
  readonly letters: number;
  readonly range: number;
  readonly size: number;
  readonly owner: number;
  readonly phys: number;
  readonly bar: number;
  /** Whether the notes on every run fit next to it. */
  readonly notesFit: boolean;
  /** Whether file offsets are those of an unpacked kernel. */
  readonly unpacked: boolean;
}

/**
 * Decides which columns there is room for, and how wide they are.
 *
 * @param model The map.
 * @param unpacked Whether the kernel was unpacked from another file.
 * @param page The width, and whether lines are folded to it.
 * @returns The layout.
 */
export function mapLayout(model: MapModel, unpacked: boolean, { width, folds }: Page): MapLayout {
  const runs = model.entries.flatMap((entry) => entry.runs);
  const longest = (texts: readonly string[]): number => texts.reduce((most, { length }) => Math.max(most, length), 0);
  const column = (title: string, texts: readonly string[]): number => longest([title, ...texts.filter(Boolean)]);
  const range = runs.length === 0 ? 0 : column(TITLES.range, runs.map(({ virt, size }) => hexRange(virt, size)));
  const letters = longest(runs.map((run) => pageLetters(run)));
  let room = width - GAP.length - range;
  const take = (column: number, least = 0): number => {
    if (column === 0 || (folds && room < column + GAP.length + least)) return 0;
    room -= column + GAP.length;
    return column;
  };
  const owners = runs.map((run) => ownerWords(run, model));
  const shown = {
    letters: take(letters),
    size: take(column(TITLES.size, runs.map(({ size }) => exactSize(size)))),
    owner: take(owners.some((owner) => owner !== "") ? column(TITLES.owner, owners) : 0),
    phys: take(column(TITLES.phys, runs.map(({ phys }) => hex(phys))), NARROWEST + GAP.length),
  };
  const notes = longest(runs.map((run) => runNotes(run, unpacked).join(", ")));
  const notesFit = room - NARROWEST - 2 * GAP.length >= notes;
  const most = room - GAP.length - (notesFit ? notes + GAP.length : 0);
  const bar = most >= NARROWEST ? Math.min(most, WIDEST) : 0;
  return { ...shown, range, bar, notesFit, unpacked };
}

/**
 * The titles of the columns.
 *
 * @param layout The layout.
 * @returns One line; none for a map without runs.
 */
export function titleLine({ letters, range, size, owner, phys, bar }: MapLayout): readonly string[] {
  if (range === 0) return [];
  const columns: readonly (readonly [title: string, width: number])[] = [
    ["", letters],
    [TITLES.range, range],
    [TITLES.size, size],
    [TITLES.owner, owner],
    [TITLES.phys, phys],
    [TITLES.bar, bar],
  ];
  const cells = columns.filter(([, width]) => width > 0).map(([title, width]) => title.padEnd(width));
  return [(GAP + cells.join(GAP)).trimEnd()];
}
