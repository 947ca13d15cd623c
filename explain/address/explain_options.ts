/**
 * What helps to explain an address.
 *
 * @module
 */

import type { ContextSwitch } from "../../boot/context_switch.ts";
import type { BootInfo } from "../../boot/boot_info.ts";
import type { DirectMap } from "../../boot/direct_map.ts";
import type { KernelStack } from "../../boot/kernel_stack.ts";
import type { FileBytes } from "../../core/file/file_model.ts";
import type { KernelSymbols } from "../symbols/kernel_symbols.ts";

/** What was added to a kernel after the load, as far as explanations name it. */
export interface AddedParts {
  /** The stack, as `addKernelStack` returned it. */
  readonly stack?: Pick<KernelStack, "bottom" | "top" | "guardPage">;
  /** The direct map, as `addDirectMap` returned it. */
  readonly directMap?: DirectMap;
  /** The boot information, as `writeBootInfo` returned it. */
  readonly info?: Pick<BootInfo, "address" | "size">;
  /** The page of the context switch, as `addContextSwitch` returned it. */
  readonly entry?: Pick<ContextSwitch, "page">;
}

/** What helps to explain an address. All of it is optional. */
export interface ExplainOptions {
  /** The kernel's sections and symbols, as `readSymbols` returned them. */
  readonly symbols?: KernelSymbols;
  /** The kernel's file without its containers, to find relocation entries in; they are indexed once a file. */
  readonly file?: Uint8Array | FileBytes;
  /** What was added to the kernel after the load. */
  readonly parts?: AddedParts;
}
