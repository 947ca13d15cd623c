/**
 * Every loader, in the order of reports.
 *
 * @module
 */

import { limine12 } from "./limine_12.ts";
import { limine8 } from "./limine_8.ts";
import type { Loader } from "./loader.ts";

/** Every loader, in the order of reports. */
export const LOADERS: readonly Loader[] = [limine8, limine12];
