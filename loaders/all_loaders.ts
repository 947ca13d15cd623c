/**
 * Every loader, in the order of reports.
 *
 * @module
 */

import type { Loader } from "./loader.ts";

/** Every loader, in the order of reports. */
export const LOADERS: readonly Loader[] = [];
