/**
 * How GRUB takes compressed files.
 *
 * @module
 */

import type { Unpacking } from "../loader.ts";

/** GRUB opens gzip data as what is in it, for every command, once its module is loaded (grub-core/io/gzio.c). */
export const GRUB_UNPACKING: Unpacking = {
  formats: ["gzip"],
  note: "GRUB unpacks gzip data if its module gzio is loaded (insmod gzio).",
};
