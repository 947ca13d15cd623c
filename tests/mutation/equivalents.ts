/** Mutants that cannot make a difference. */

import type { Mutant } from "./mutants.ts";

/** A mutant that no test can notice. */
export interface Equivalent {
  /** Path of the file. */
  readonly file: string;
  /** The lines that hold the place, without the spaces around them. */
  readonly code: string;
  /** The same with the mutant in them. */
  readonly mutant: string;
  /** Why there is no difference. */
  readonly why: string;
}

/** Describes a mutant as one of `equivalents.json`, without a reason. */
export function describeMutant({ file, start, before, after }: Mutant, text: string): Omit<Equivalent, "why"> {
  const first = text.lastIndexOf("\n", start) + 1;
  const end = start + before.length;
  const last = text.indexOf("\n", end);
  const [head, tail] = [text.slice(first, start), text.slice(end, last < 0 ? undefined : last)];
  return { file, code: trimmed(head + before + tail), mutant: trimmed(head + after + tail) };
}

const trimmed = (code: string): string => code.split("\n").map((line) => line.trim()).join(" ");

/** Identifies what is changed, and how. */
export function keyOf({ file, code, mutant }: Omit<Equivalent, "why">): string {
  return JSON.stringify([file, code, mutant]);
}
