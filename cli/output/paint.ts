/**
 * Colours by their meaning.
 *
 * @module
 */

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

// ECMA-48 "SGR"; the colors of the standard library stay off under NO_COLOR, before which --color goes.
const style = (on: string, off: number) => (text: string): string => `\x1b[${on}m${text}\x1b[${off}m`;
const plain = (text: string): string => text;
const PLAIN: Paint = { error: plain, warning: plain, title: plain, label: plain, faint: plain };
const COLOURED: Paint = {
  error: style("1;31", 0),
  warning: style("33", 39),
  title: style("1", 22),
  label: style("36", 39),
  faint: style("2", 22),
};

/**
 * Chooses the colours for a stream.
 *
 * @param coloured Whether it gets any.
 * @returns The colours.
 */
export function paintFor(coloured: boolean): Paint {
  return coloured ? COLOURED : PLAIN;
}
