/**
 * Every loader, in the order of reports.
 *
 * @module
 */

import type { Loader } from "./loader.ts";
import { qemuKernel } from "./qemu_kernel.ts";

/** Every loader, in the order of reports. */
export const LOADERS: readonly Loader[] = [qemuKernel];
