/**
 * `kload walk --physical`: says what a physical address is for, and where it is mapped.
 *
 * @module
 */

import { explainPhysical } from "../../explain/address/explain_physical.ts";
import { type Explainable, kernelOf, tablesOf } from "../../explain/explained.ts";
import { type FindOptions, findVirtualAddresses } from "../../explain/tables/find_virtual_addresses.ts";
import type { KernelSymbols } from "../../explain/symbols/kernel_symbols.ts";
import { linkedAddress } from "../../explain/symbols/linked_address.ts";
import type { Output } from "../output/output.ts";
import { physicalJson, physicalReport } from "../report/walk_physical_report.ts";
import { symbolText } from "./find_address.ts";

/** The most bytes to show, and the bytes in a page. */
const BYTES = 64;
const PAGE_SIZE = 4096;

/** Page tables, and what is known of what they map. */
export interface NamedTables {
  /** The name of the file, or of the memory that the page tables lie in. */
  readonly name: string;
  /** The kernel, or page tables alone. */
  readonly explained: Explainable;
  /** The symbols of the kernel's file, if there is one. */
  readonly symbols?: KernelSymbols;
}

/**
 * Prints what a physical address is for, and where it is mapped.
 *
 * @param physical The physical address.
 * @param tables The page tables.
 * @param options How to search.
 * @param output Where to print.
 */
export async function walkPhysical(
  physical: number,
  { name, explained, symbols }: NamedTables,
  options: FindOptions,
  output: Output,
): Promise<void> {
  const tables = tablesOf(explained);
  const explanation = explainPhysical(explained, physical);
  const found = await findVirtualAddresses(tables, physical, options);
  const moved = kernelOf(explained) ?? { virtualAddressOffset: 0n };
  const length = Math.min(BYTES, PAGE_SIZE - (physical % PAGE_SIZE));
  const walked = {
    name,
    explanation,
    found,
    bytes: tables.pages.bytes(physical, length) ?? new Uint8Array(),
    nameOf: (address: bigint) => symbols && symbolText(symbols, linkedAddress(moved, address)),
  };
  if (output.json) await output.print(physicalJson(walked));
  else if (!output.quiet) await output.print(physicalReport(walked, output.paint));
}
