/**
 * Every boot protocol, in the order of reports.
 *
 * @module
 */

import type { Recognizer } from "./protocol.ts";

/** Every recognizer, in the order of reports. */
export const RECOGNIZERS: readonly Recognizer[] = [];
