/**
 * Every boot protocol, in the order of reports.
 *
 * @module
 */

import { bootloader } from "./bootloader.ts";
import type { Recognizer } from "./protocol.ts";

/** Every recognizer, in the order of reports. */
export const RECOGNIZERS: readonly Recognizer[] = [bootloader];
