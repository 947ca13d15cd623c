/**
 * Facts of a report.
 *
 * @module
 */

/** A line of a report: its label and text. */
export type Fact = readonly [label: string, text: string];
