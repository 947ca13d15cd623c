/**
 * Every loader, in the order of reports.
 *
 * @module
 */

import { GRUB_MULTIBOOT } from "./grub_multiboot.ts";
import { GRUB_MULTIBOOT2 } from "./grub_multiboot2.ts";
import type { Loader } from "./loader.ts";

/** Every loader, in the order of reports. */
export const LOADERS: readonly Loader[] = [GRUB_MULTIBOOT, GRUB_MULTIBOOT2];
