/**
 * Colors by meaning, and the page that they are for.
 *
 * @module
 */

import { type Page, UNBOUNDED } from "./page.ts";

/** How text is laid out and colored for one stream. */
export interface Paint extends Page {
  /** What went wrong. */
  readonly error: (text: string) => string;
  /** What may be wrong. */
  readonly warning: (text: string) => string;
  /** A title. */
  readonly title: (text: string) => string;
  /** The label in front of a remark. */
  readonly label: (text: string) => string;
  /** Less important text. */
  readonly faint: (text: string) => string;
}

type Colors = Omit<Paint, keyof Page>;

// ECMA-48 "SGR"; the standard library's colors obey NO_COLOR even if --color overrides it.
const style = (on: string, off: number) => (text: string): string => `\x1b[${on}m${text}\x1b[${off}m`;
const plain = (text: string): string => text;
const PLAIN: Colors = { error: plain, warning: plain, title: plain, label: plain, faint: plain };
const COLORED: Colors = {
  error: style("1;31", 0),
  warning: style("33", 39),
  title: style("1", 22),
  label: style("36", 39),
  faint: style("2", 22),
};

/**
 * Chooses the colors for a stream.
 *
 * @param colored Whether it gets colors.
 * @param page The stream's page.
 * @returns The colors, and the page.
 */
export function paintFor(colored: boolean, page: Page = UNBOUNDED): Paint {
  return { ...(colored ? COLORED : PLAIN), ...page };
}
