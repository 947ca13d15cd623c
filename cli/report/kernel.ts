/**
 * The kernel that reports are about.
 *
 * @module
 */

import type { AnyPlugin, LoadedKernel } from "../../mod.ts";

/** A kernel that was loaded with any plugins. */
export type Kernel = LoadedKernel<readonly AnyPlugin[]>;
