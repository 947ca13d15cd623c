/**
 * The line width of a stream.
 *
 * @module
 */

/** The space that a stream has for text. */
export interface Page {
  /** The longest line of prose, in columns. */
  readonly width: number;
  /** Whether table rows are folded to `width`; if not, each row stays on one line, for `grep` and `awk`. */
  readonly folds: boolean;
}

/** The width of prose without a terminal. */
const DEFAULT_WIDTH = 100;

/** The narrowest supported width: a label and one address. */
const LEAST_WIDTH = 40;

/** The page of a file or a pipe. */
export const UNBOUNDED: Page = { width: DEFAULT_WIDTH, folds: false };

/**
 * The page of a terminal.
 *
 * @param width Its number of columns.
 * @returns The page.
 */
export function terminalPage(width: number): Page {
  return { width: Math.max(width, LEAST_WIDTH), folds: true };
}

/**
 * The page of a stream.
 *
 * @param stream Standard output or standard error.
 * @returns The terminal's page, or {@linkcode UNBOUNDED} if the stream is not a terminal.
 */
export function pageOf(stream: { readonly isTerminal: () => boolean }): Page {
  return stream.isTerminal() ? terminalPage(columns()) : UNBOUNDED;
}

function columns(): number {
  try {
    return Deno.consoleSize().columns || DEFAULT_WIDTH; // some pseudo-terminals have 0 columns
  } catch {
    return DEFAULT_WIDTH;
  }
}
