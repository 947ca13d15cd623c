/**
 * What a flag and a command are.
 *
 * @module
 */

/** One flag of a command. */
export interface Flag {
  /** Its name, without the dashes. */
  readonly name: string;
  /** Its short name, one letter. */
  readonly short?: string;
  /** What its value is, in capitals; a flag without one is a switch. */
  readonly value?: string;
  /** Whether the value may be left out; one that is given then follows an equals sign. */
  readonly optional?: true;
  /** The values that it takes, if they are few. */
  readonly choices?: readonly string[];
  /** Whether it may be given more than once. */
  readonly repeats?: true;
  /** Whether the next argument is its value even if it looks like a flag. */
  readonly verbatim?: true;
  /** The flag and value that it is short for. */
  readonly means?: readonly [flag: string, value: string];
  /** What it does, in one line. */
  readonly text: string;
  /** What is used if it is left out. */
  readonly fallback?: string;
}

/** One command. */
export interface Command {
  /** What the user types. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** What to know before using it. */
  readonly about: string;
  /** Its flags, in the order of the help. */
  readonly flags: readonly Flag[];
  /** Whether it takes a FILE, - or URL: yes, if left out. */
  readonly takesSource?: false;
  /** Its exit statuses, if it has some of its own. */
  readonly status?: string;
  /** Ways to use it: what to type, and what that does. */
  readonly examples: readonly (readonly [line: string, text: string])[];
}
