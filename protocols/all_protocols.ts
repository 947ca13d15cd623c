/**
 * Every boot protocol, in the order of reports.
 *
 * @module
 */

import { bootboot } from "./bootboot.ts";
import { bootloader } from "./bootloader.ts";
import { hermit } from "./hermit.ts";
import type { Recognizer } from "./protocol.ts";
import { uefi } from "./uefi.ts";

/** Every recognizer, in the order of reports. */
export const RECOGNIZERS: readonly Recognizer[] = [bootloader, bootboot, hermit, uefi];
