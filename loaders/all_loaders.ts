/**
 * Every loader, in the order of reports.
 *
 * @module
 */

import { bootloader010 } from "./bootloader_0_10.ts";
import { bootloader011 } from "./bootloader_0_11.ts";
import { cloudHypervisor } from "./cloud_hypervisor.ts";
import { firecracker } from "./firecracker.ts";
import { grubMultiboot } from "./grub_multiboot.ts";
import { grubMultiboot2 } from "./grub_multiboot2.ts";
import { kload } from "./kload.ts";
import { limine12 } from "./limine_12.ts";
import { limine8 } from "./limine_8.ts";
import type { Loader } from "./loader.ts";
import { openVmm } from "./openvmm.ts";
import { qemuKernel } from "./qemu_kernel.ts";

/** Every loader, in the order of reports. */
export const LOADERS: readonly Loader[] = [
  kload,
  bootloader010,
  bootloader011,
  grubMultiboot,
  grubMultiboot2,
  qemuKernel,
  limine8,
  limine12,
  firecracker,
  cloudHypervisor,
  openVmm,
];
