/**
 * A guest that stopped, and the kernel that it was started with: what a fault is explained from.
 *
 * @module
 */

import type { ExplainedKernel } from "../explained.ts";
import type { PhysicalPages } from "../tables/physical_pages.ts";
import type { Exception } from "./exception.ts";
import type { Registers } from "./registers.ts";

/** A range of virtual addresses that something was put at. */
export interface PartRange {
  /** Virtual address of its first byte. */
  readonly virt: bigint;
  /** Number of bytes. */
  readonly size: number;
}

/** A kernel, and what was added to it before it was entered: the results of the functions in boot. */
export interface StartedKernel {
  /** The kernel, as it was loaded. */
  readonly kernel: ExplainedKernel;
  /** Its stack, as `addKernelStack` returned it. */
  readonly stack?: {
    /** Virtual address of its lowest byte. */
    readonly bottom: bigint;
    /** Virtual address after its highest byte. */
    readonly top: bigint;
    /** Virtual address of the guard page right below it, if there is one. */
    readonly guardPage?: bigint;
  };
  /** The map of physical memory at an offset, as `addDirectMap` returned it. */
  readonly directMap?: {
    /** Virtual address of physical address 0. */
    readonly offset: bigint;
    /** Number of bytes mapped there. */
    readonly size: number;
  };
  /** The framebuffer, as `addFramebuffer` returned it. */
  readonly framebuffer?: PartRange;
  /** The ramdisk, as `addRamdisk` returned it. */
  readonly ramdisk?: PartRange;
  /** The boot information, as `writeBootInfo` returned it. */
  readonly info?: {
    /** Virtual address of its first byte. */
    readonly address: bigint;
    /** Number of bytes mapped for it. */
    readonly size: number;
  };
  /** The context-switch page, as `addContextSwitch` returned it. */
  readonly entry?: {
    /** Physical and virtual address of the page. */
    readonly page: number;
  };
  /** The map of physical memory at its own addresses, as `addIdentityMap` returned it. */
  readonly identityMap?: {
    /** Number of bytes from address 0. */
    readonly size: number;
  };
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
  /**
   * The exception before, if its handler raised the one that ended in the triple fault: of the same vector, and the last
   * before that came up again and again.
   */
  readonly before?: Exception;
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
