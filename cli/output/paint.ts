/**
 * Colours by their meaning, for a page of some width.
 *
 * @module
 */

import { bold, cyan, dim, red, yellow } from "@std/fmt/colors";
import { type Page, UNBOUNDED } from "./page.ts";

/** How text is laid out and coloured for one stream. */
export interface Paint extends Page {
  /** What went wrong. */
  readonly error: (text: string) => string;
  /** What may be wrong. */
  readonly warning: (text: string) => string;
  /** A title. */
  readonly title: (text: string) => string;
  /** The word in front of a remark. */
  readonly label: (text: string) => string;
  /** What matters less. */
  readonly faint: (text: string) => string;
}

type Colours = Omit<Paint, keyof Page>;

const plain = (text: string): string => text;
const PLAIN: Colours = { error: plain, warning: plain, title: plain, label: plain, faint: plain };
const COLOURED: Colours = { error: (text) => bold(red(text)), warning: yellow, title: bold, label: cyan, faint: dim };

/**
 * Chooses the colours for a stream.
 *
 * @param coloured Whether it gets any; the environment's `NO_COLOR` has the last word.
 * @param page The stream's page.
 * @returns The colours, and the page.
 */
export function paintFor(coloured: boolean, page: Page = UNBOUNDED): Paint {
  return { ...(coloured ? COLOURED : PLAIN), ...page };
}
