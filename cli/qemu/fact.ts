/**
 * Facts of a report.
 *
 * @module
 */

/** Something to say, next to its label. */
export type Fact = readonly [label: string, text: string];
