/**
 * Every loader, in the order of reports.
 *
 * @module
 */

import { cloudHypervisor } from "./cloud_hypervisor.ts";
import { firecracker } from "./firecracker.ts";
import type { Loader } from "./loader.ts";
import { openVmm } from "./openvmm.ts";
import { qemuKernel } from "./qemu_kernel.ts";

/** Every loader, in the order of reports. */
export const LOADERS: readonly Loader[] = [qemuKernel, firecracker, cloudHypervisor, openVmm];
