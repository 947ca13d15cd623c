/**
 * Every boot protocol, in the order of reports.
 *
 * @module
 */

import { MULTIBOOT } from "./multiboot/recognize.ts";
import { MULTIBOOT2 } from "./multiboot2/recognize.ts";
import type { Recognizer } from "./protocol.ts";

/** Every recognizer, in the order of reports. */
export const RECOGNIZERS: readonly Recognizer[] = [MULTIBOOT, MULTIBOOT2];
