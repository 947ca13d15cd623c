/**
 * What a loader enforces, as data: each rule has its condition, the loader's words, why it exists, and what to do.
 *
 * @module
 */

/** The outcome for a file. */
export type Outcome =
  /** The loader accepts it and jumps to its entry. */
  | "boots"
  /** The loader says why it does not. */
  | "refuses"
  /** Neither: the loader or the kernel hangs, resets or crashes. */
  | "fails";

/** A range that is part of the reason, for a picture of two of them. */
export interface NamedRange {
  /** What lies there, such as "program header 1". */
  readonly name: string;
  /** Its first address or file offset. */
  readonly start: bigint;
  /** Its end: the first address or file offset after it. */
  readonly end: bigint;
}

/** Where a file breaks a rule, and the values that are to blame. */
export interface Breach {
  /** Index of the program header that is to blame, if it is one. */
  readonly index?: number;
  /** File offset of the field or record that is to blame, if it is in the file. */
  readonly offset?: number;
  /** What was found and what follows from it: one sentence or two, true of this file. */
  readonly message: string;
  /** What the loader prints, if it prints more than the rule's `words`. */
  readonly words?: string;
  /** What to do about it in the case at hand, in place of the rule's `mend`. */
  readonly hint?: string;
  /** The two ranges that are in conflict, if there are two. */
  readonly ranges?: readonly [NamedRange, NamedRange];
}

/** One rule of a loader. `View` is what the loader's rules look at. */
export interface Rule<View> {
  /** Its name: the same for all loaders that have a rule of this kind. */
  readonly id: string;
  /** What the loader does with a file that breaks it. */
  readonly outcome: Exclude<Outcome, "boots">;
  /** The condition: returns where a file breaks the rule, `undefined` if it keeps it. */
  readonly broken: (view: View) => Breach | undefined;
  /** What the loader prints; absent if it prints nothing, or if the breach has the words. */
  readonly words?: string;
  /** What the rule is: when a file breaks it, for a reader without a file. */
  readonly about: string;
  /** Why the loader has it, or what goes wrong otherwise. */
  readonly why: string;
  /** What to do about it: a line for the linker script, the link flags, or the source. */
  readonly mend: string;
  /** Where it is written: file and function of the loader's source, or the section of a specification. */
  readonly source: string;
  /** The versions of the loader that have it. Default: all that the loader's table is about. */
  readonly versions?: string;
}
