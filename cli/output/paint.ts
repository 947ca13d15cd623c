/**
 * Colours by their meaning.
 *
 * @module
 */

import { bold, cyan, dim, red, yellow } from "@std/fmt/colors";

/** Colours what it is given, by what it means. */
export interface Paint {
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

const plain = (text: string): string => text;
const PLAIN: Paint = { error: plain, warning: plain, title: plain, label: plain, faint: plain };
const COLOURED: Paint = { error: (text) => bold(red(text)), warning: yellow, title: bold, label: cyan, faint: dim };

/**
 * Chooses the colours for a stream.
 *
 * @param coloured Whether it gets any; the environment's `NO_COLOR` has the last word.
 * @returns The colours.
 */
export function paintFor(coloured: boolean): Paint {
  return coloured ? COLOURED : PLAIN;
}
