/**
 * How wide the lines of a stream may be.
 *
 * @module
 */

/** The room that a stream has for text. */
export interface Page {
  /** The most columns of a line of prose. */
  readonly width: number;
  /** Whether the rows of tables are folded to `width`; elsewhere a row stays on one line, for `grep` and `awk`. */
  readonly folds: boolean;
}

/** The width of prose if there is no terminal to ask. */
const DEFAULT_WIDTH = 100;

/** The narrowest width that text is laid out for: a fact's label and one address. */
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
 * @returns The terminal's page if the stream is a terminal, else {@linkcode UNBOUNDED}.
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
