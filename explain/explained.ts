/**
 * What can be explained: a loaded kernel, or page tables alone.
 *
 * @module
 */

import type { AddressSpace } from "../core/address_space/address_space.ts";
import type { LoadedKernel } from "../core/loaded_kernel.ts";
import { pagesOf } from "./tables/physical_pages.ts";
import type { TableSet } from "./tables/table_set.ts";

/** The parts of a loaded kernel that explanations need; a snapshot that was opened again has them too. */
export type ExplainedKernel =
  & Pick<
    LoadedKernel,
    | "rules"
    | "memory"
    | "level4Frame"
    | "entryPoint"
    | "virtualAddressOffset"
    | "tlsTemplate"
    | "fileHeader"
    | "programHeaders"
    | "frameRuns"
    | "diagnostics"
  >
  & {
    /** What plugins found, by name. */
    readonly results: Readonly<Record<string, unknown>>;
    /** Where the file's bytes lie in memory. */
    readonly addressSpace: Pick<AddressSpace, "file">;
  };

/** A loaded kernel, or any page tables. */
export type Explainable = ExplainedKernel | TableSet;

/**
 * The page tables to look at.
 *
 * @param explainable A kernel or page tables.
 * @returns The tables.
 */
export function tablesOf(explainable: Explainable): TableSet {
  if ("pages" in explainable) return explainable;
  return { root: explainable.level4Frame, levels: 4, pages: pagesOf(explainable.memory) };
}

/**
 * The kernel to look at.
 *
 * @param explainable A kernel or page tables.
 * @returns The kernel; `undefined` for page tables alone.
 */
export function kernelOf(explainable: Explainable): ExplainedKernel | undefined {
  return "pages" in explainable ? undefined : explainable;
}
