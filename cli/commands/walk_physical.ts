/**
 * `kload walk --physical`: says what a physical address is for, and where it is mapped.
 *
 * @module
 */

import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import { explainPhysical } from "../../explain/address/explain_physical.ts";
import { tablesOf } from "../../explain/explained.ts";
import { type FindOptions, findVirtualAddresses } from "../../explain/tables/find_virtual_addresses.ts";
import { linkedAddress } from "../../explain/symbols/linked_address.ts";
import type { Output } from "../output/output.ts";
import { physicalReport } from "../report/walk_physical_report.ts";
import type { Subject } from "./answer_address.ts";
import { deviceFacts } from "./device_facts.ts";
import { symbolText } from "./find_address.ts";

/** The most bytes to show. */
const BYTES = 64;

/**
 * Prints what a physical address is for, and where it is mapped.
 *
 * @param physical The physical address.
 * @param subject The page tables, and what is known of what they map.
 * @param options How to search.
 * @param output Where to print.
 */
export async function walkPhysical(
  physical: number,
  { name, explained, facts = [], about, symbols, moved, known }: Subject,
  options: FindOptions,
  output: Output,
): Promise<void> {
  const tables = tablesOf(explained);
  const explanation = explainPhysical(explained, physical, known);
  const found = await findVirtualAddresses(tables, physical, options);
  const length = Math.min(BYTES, PAGE_SIZE - (physical % PAGE_SIZE));
  const bytes = tables.pages.bytes(physical, length) ?? new Uint8Array();
  const walked = {
    name,
    facts: [...facts, ...deviceFacts(explained, physical, bytes)],
    about,
    unpacked: known?.unpacked ?? false,
    explanation,
    found,
    bytes,
    nameOf: (address: bigint) => symbols && symbolText(symbols, linkedAddress(moved, address)),
  };
  if (output.json) {
    const { physicalJson } = await import("../report/walk_json.ts");
    return await output.print(physicalJson(walked));
  }
  if (!output.quiet) await output.print(physicalReport(walked, output.paint));
}
