/**
 * Explains why a guest died, or where it stopped.
 *
 * @module
 */

import type { KernelSymbols } from "../symbols/kernel_symbols.ts";
import type { FaultExplanation } from "./fault_explanation.ts";
import type { StartedKernel, StoppedGuest } from "./stopped_guest.ts";

/** What helps to explain. */
export interface FaultOptions {
  /** The names in the kernel's file. */
  readonly symbols?: KernelSymbols;
}

/**
 * Explains why a guest died, or where it stopped. Every cause that it names was looked up in the registers, in memory
 * or in the file.
 *
 * @param guest How it stopped.
 * @param started The kernel, and what was added to it.
 * @param options What helps to explain.
 * @returns The explanation.
 */
export declare function explainFault(
  guest: StoppedGuest,
  started: StartedKernel,
  options?: FaultOptions,
): FaultExplanation;
