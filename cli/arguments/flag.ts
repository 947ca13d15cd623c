/**
 * The types of flags and commands.
 *
 * @module
 */

/** One flag of a command. */
export interface Flag {
  /** Its name, without the dashes. */
  readonly name: string;
  /** Its short name, one letter. */
  readonly short?: string;
  /** The placeholder for its value, in capitals; a flag without one is a switch. */
  readonly value?: string;
  /** Whether the value is optional; if given, it follows an equals sign. */
  readonly optional?: true;
  /** The values that it accepts, if there are only a few. */
  readonly choices?: readonly string[];
  /** Whether it may be given more than once. */
  readonly repeats?: true;
  /** Whether the next argument is its value even if it looks like a flag. */
  readonly verbatim?: true;
  /** What took its place; it is not in the help, and the command refuses it. */
  readonly replacedBy?: string;
  /** The flag and value that it stands for. */
  readonly means?: readonly [flag: string, value: string];
  /** What it does, in one line. */
  readonly text: string;
  /** The default. */
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
  /** False if it takes no FILE, - or URL. */
  readonly takesSource?: false;
  /** The placeholder of what it may be given in place of a source, in capitals. */
  readonly argument?: string;
  /** What it takes in place of one FILE, - or URL: the placeholders in their order, and how many must be given. */
  readonly operands?: {
    readonly names: readonly string[];
    readonly fewest: number;
    /** How the help shows them, unless the last ones are simply optional. */
    readonly usage?: string;
  };
  /** What follows "--" is for another program, which has this name. */
  readonly passesTo?: string;
  /** Its exit statuses, if it has some of its own. */
  readonly status?: string;
  /** Examples: what to type, and what that does. */
  readonly examples: readonly (readonly [line: string, text: string])[];
}
