/**
 * Every boot protocol, in the order of reports.
 *
 * @module
 */

import { linux } from "./linux.ts";
import type { Recognizer } from "./protocol.ts";
import { pvh } from "./pvh.ts";

/** Every recognizer, in the order of reports. */
export const RECOGNIZERS: readonly Recognizer[] = [pvh, linux];
