/**
 * Explains what is at an address, and why.
 *
 * @module
 */

import type { Explainable } from "../explained.ts";
import type { AddressExplanation } from "./address_explanation.ts";
import type { ExplainOptions } from "./explain_options.ts";

/**
 * Explains what is at an address of a kernel or of any page tables, and why.
 *
 * @param explained The kernel, or page tables alone.
 * @param address The address.
 * @param options Symbols, the kernel's file, and what was added after the load.
 * @returns What is there.
 * @throws {TypeError} If the address is not a `bigint`.
 * @throws {RangeError} If the address does not fit in 64 bits.
 */
export declare function explainAddress(
  explained: Explainable,
  address: bigint,
  options?: ExplainOptions,
): AddressExplanation;
