/**
 * Every loader, in the order of reports.
 *
 * @module
 */

import { bootloader010 } from "./bootloader_0_10.ts";
import { bootloader011 } from "./bootloader_0_11.ts";
import { kload } from "./kload.ts";
import type { Loader } from "./loader.ts";

/** Every loader, in the order of reports. */
export const LOADERS: readonly Loader[] = [kload, bootloader010, bootloader011];
