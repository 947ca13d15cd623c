/**
 * What a filter names that is not there.
 *
 * @module
 */

import { PT_LOAD } from "../../core/elf/constants.ts";
import { type FilterName, namesIn, parseFilter } from "../../explain/map/run_filter.ts";
import type { KernelSymbols } from "../../explain/symbols/kernel_symbols.ts";
import { closest } from "../arguments/closest.ts";
import { printable } from "../output/text.ts";
import type { Kernel } from "./kernel.ts";

/** What a filter can name. */
export interface Nameable {
  /** The kernel whose segments there are, if there is one. */
  readonly kernel?: Pick<Kernel, "programHeaders" | "frameRuns">;
  /** Whether the owners of its frames are those of the frames that are mapped. */
  readonly hasOwners: boolean;
  /** Its sections. */
  readonly symbols?: Pick<KernelSymbols, "sections">;
}

/**
 * Finds what a filter names that is not there.
 *
 * @param text The filter as typed, checked.
 * @param nameable What it can name.
 * @returns Phrases, such as "there is no section .texx (did you mean .text?)".
 */
export function filterNotes(text: string, { kernel, hasOwners, symbols }: Nameable): readonly string[] {
  const parsed = parseFilter(text);
  if ("fault" in parsed) return [];
  const known: Readonly<Record<FilterName["kind"], readonly string[]>> = {
    owner: hasOwners ? [...new Set(kernel?.frameRuns().map(({ owner }) => owner))] : [],
    section: symbols?.sections.map(({ name }) => name) ?? [],
    segment: kernel?.programHeaders.filter(({ p_type }) => p_type === PT_LOAD).map(({ index }) => `${index}`) ?? [],
  };
  return namesIn(parsed.filter).flatMap(({ kind, name }) => {
    const names = known[kind];
    if (names.includes(name)) return [];
    if (names.length === 0) return [`no ${kind} is known`];
    const guess = kind === "segment" ? undefined : closest(name, names);
    const hint = guess === undefined ? "" : ` (did you mean ${printable(guess)}?)`;
    if (kind === "owner") return [`no frame is for ${printable(name)}${hint}`];
    return [`there is no ${kind} ${printable(name)}${kind === "segment" ? " that is loaded" : ""}${hint}`];
  });
}
