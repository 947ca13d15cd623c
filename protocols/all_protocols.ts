/**
 * Every boot protocol, in the order of reports.
 *
 * @module
 */

import { limine } from "./limine.ts";
import type { Recognizer } from "./protocol.ts";
import { stivale } from "./stivale.ts";
import { stivale2 } from "./stivale2.ts";

/** Every recognizer, in the order of reports. */
export const RECOGNIZERS: readonly Recognizer[] = [limine, stivale, stivale2];
