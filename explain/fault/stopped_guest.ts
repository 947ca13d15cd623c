/**
 * A guest that stopped, and the kernel that it was started with: what a fault is explained from.
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
import type { ExplainedKernel } from "../explained.ts";
import type { PhysicalPages } from "../tables/physical_pages.ts";
import type { Exception } from "./exception.ts";
import type { Registers } from "./registers.ts";

/** A kernel, and what was added to it before it was entered; the results of the functions in boot. */
export interface StartedKernel {
  /** The kernel, as it was loaded. */
  readonly kernel: ExplainedKernel;
  /** Its stack. */
  readonly stack?: KernelStack;
  /** The map of physical memory at an offset. */
  readonly directMap?: DirectMap;
  /** The framebuffer. */
  readonly framebuffer?: Framebuffer;
  /** The ramdisk. */
  readonly ramdisk?: Ramdisk;
  /** The boot information. */
  readonly info?: BootInfo;
  /** The context-switch page. */
  readonly entry?: ContextSwitch;
  /** The map of physical memory at its own addresses. */
  readonly identityMap?: IdentityMap;
}

/** How a guest ended. */
export type GuestEnd =
  | "triple-fault"
  | "reset"
  | "power-off"
  | "panic"
  | "halt"
  | "timeout"
  | "stopped";

/** A guest that stopped. */
export interface StoppedGuest {
  /**
   * How it ended: by an exception that no handler could be entered for; by a reset or power-off of its own; by a panic
   * that it reported; by halting with interrupts disabled; not within its time; or in another way.
   */
  readonly end: GuestEnd;
  /** The exception that ended in the triple fault, if one did; otherwise the last one that the processor raised. */
  readonly exception?: Exception;
  /** The registers when it stopped, if they are known. After a triple fault, those of the exception are used. */
  readonly registers?: Registers;
  /** Physical memory when it stopped, as far as it is known. */
  readonly pages?: PhysicalPages;
  /**
   * Reads memory at a virtual address when it stopped; returns `undefined` if it cannot be read. Without it, `pages`
   * are read through the guest's page tables; without those too, only memory as it was loaded is known.
   */
  readonly read?: (address: bigint, length: number) => Uint8Array | undefined;
}
