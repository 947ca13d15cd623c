/**
 * Names the device that a PC has at a physical address, for `kload walk`.
 *
 * @module
 */

import { pcDeviceAt } from "../../explain/address/pc_devices.ts";
import { type Explainable, kernelOf } from "../../explain/explained.ts";
import type { WalkedAddress } from "../report/walk_report.ts";

/**
 * Names the device, unless the address is in the memory that a kernel was loaded into.
 *
 * @param explained The kernel, or page tables alone.
 * @param physical The physical address.
 * @param bytes The bytes there; none if they are not known.
 * @returns A line of the report, or none.
 */
export function deviceFacts(
  explained: Explainable,
  physical: number,
  bytes: Uint8Array,
): NonNullable<WalkedAddress["facts"]> {
  const device = kernelOf(explained) && bytes.length > 0 ? undefined : pcDeviceAt(BigInt(physical));
  return device ? [["device", `${device.name}, on a PC`]] : [];
}
