/**
 * Every boot protocol, in the order of reports.
 *
 * @module
 */

import { bootloader } from "./bootloader.ts";
import { limine } from "./limine.ts";
import { linux } from "./linux.ts";
import { MULTIBOOT } from "./multiboot/recognize.ts";
import { MULTIBOOT2 } from "./multiboot2/recognize.ts";
import type { Recognizer } from "./protocol.ts";
import { pvh } from "./pvh.ts";
import { stivale } from "./stivale.ts";
import { stivale2 } from "./stivale2.ts";

/** Every recognizer, in the order of reports. */
export const RECOGNIZERS: readonly Recognizer[] = [
  bootloader,
  MULTIBOOT,
  MULTIBOOT2,
  pvh,
  linux,
  limine,
  stivale,
  stivale2,
];
