/**
 * Every boot protocol, in the order of reports.
 *
 * @module
 */

import { bootboot } from "./bootboot.ts";
import { bootloader } from "./bootloader.ts";
import { hermit } from "./hermit.ts";
import { limine } from "./limine.ts";
import { linux } from "./linux.ts";
import { multiboot } from "./multiboot.ts";
import { multiboot2 } from "./multiboot2.ts";
import type { Recognizer } from "./protocol.ts";
import { pvh } from "./pvh.ts";
import { stivale } from "./stivale.ts";
import { stivale2 } from "./stivale2.ts";
import { uefi } from "./uefi.ts";

/** Every recognizer, in the order of reports. */
export const RECOGNIZERS: readonly Recognizer[] = [
  bootloader,
  multiboot,
  multiboot2,
  pvh,
  linux,
  limine,
  stivale,
  stivale2,
  bootboot,
  hermit,
  uefi,
];
