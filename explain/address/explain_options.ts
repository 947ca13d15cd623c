/**
 * What helps to explain an address.
 *
 * @module
 */

import type { KeptFile } from "../../core/file/kept_file.ts";
import type { KernelRelocations } from "../relocations/kernel_relocations.ts";
import type { KernelSymbols } from "../symbols/kernel_symbols.ts";

/** What was added to a kernel after the load, as far as explanations mention it. */
export interface AddedParts {
  /** The stack, as `addKernelStack` returned it. */
  readonly stack?: {
    /** Virtual address of its lowest byte. */
    readonly bottom: bigint;
  };
  /** The direct map, as `addDirectMap` returned it. */
  readonly directMap?: {
    /** Virtual address of physical address 0. */
    readonly offset: bigint;
    /** Number of bytes mapped there. */
    readonly size: number;
  };
}

/** What helps to explain an address. All of it is optional. */
export interface ExplainOptions {
  /** The kernel's sections and symbols, as `readSymbols` returned them. */
  readonly symbols?: KernelSymbols;
  /**
   * The kernel's file without its containers, to find relocation entries in. For many addresses, `relocations` is
   * quicker.
   */
  readonly file?: Uint8Array | Pick<KeptFile, "bytes">;
  /** Its relocation entries, as `readRelocations` returned them; `file` is then not looked at. */
  readonly relocations?: Pick<KernelRelocations, "at">;
  /** What was added to the kernel after the load. */
  readonly parts?: AddedParts;
  /** Whether the kernel was unpacked from another file: file offsets are then those of the unpacked kernel. */
  readonly unpacked?: boolean;
}
