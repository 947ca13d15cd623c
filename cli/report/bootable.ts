/**
 * A kernel that is ready to boot.
 *
 * @module
 */

import type { BootInfo } from "../../boot/boot_info.ts";
import type { ContextSwitch } from "../../boot/context_switch.ts";
import type { DirectMap } from "../../boot/direct_map.ts";
import type { Framebuffer } from "../../boot/framebuffer.ts";
import type { IdentityMap } from "../../boot/identity_map.ts";
import type { KernelStack } from "../../boot/kernel_stack.ts";
import type { Ramdisk } from "../../boot/ramdisk.ts";
import type { Kernel } from "./kernel.ts";

/** A kernel and what was added to it. */
export interface Bootable {
  /** The kernel. */
  readonly kernel: Kernel;
  /** Its stack. */
  readonly stack: KernelStack;
  /** The map of physical memory at an offset, if one was asked for. */
  readonly directMap?: DirectMap;
  /** The framebuffer, if one was asked for. */
  readonly framebuffer?: Framebuffer;
  /** The ramdisk, if one was asked for. */
  readonly ramdisk?: Ramdisk;
  /** The boot information, which describes all of these. */
  readonly info: BootInfo;
  /** The context-switch page, through which 32-bit code enters the kernel. */
  readonly entry: ContextSwitch;
  /** The map of physical memory at its own addresses, if one was asked for. */
  readonly identityMap?: IdentityMap;
}
