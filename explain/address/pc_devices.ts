/**
 * Where a PC has devices and firmware in physical memory.
 *
 * @module
 */

import type { DeviceReason } from "./absence.ts";

/** A device, or firmware. */
export interface PcDevice {
  /** The first physical address of it. */
  readonly start: bigint;
  /** The first one after it. */
  readonly end: bigint;
  /** Which one it is. */
  readonly what: DeviceReason["what"];
  /** Its name, such as "the VGA text buffer". */
  readonly name: string;
}

// Intel SDM vol. 3, "Local APIC Registers"; 82093AA, "I/O APIC Registers"; the others are those of the first PCs with VGA
const DEVICES: readonly PcDevice[] = [
  { start: 0xb_8000n, end: 0xc_0000n, what: "vga-text", name: "the VGA text buffer" },
  { start: 0xa_0000n, end: 0xb_8000n, what: "video-memory", name: "video memory" },
  { start: 0xc_0000n, end: 0x10_0000n, what: "firmware", name: "firmware" },
  { start: 0xfec0_0000n, end: 0xfec0_1000n, what: "io-apic", name: "the registers of the I/O APIC" },
  { start: 0xfee0_0000n, end: 0xfee0_1000n, what: "local-apic", name: "the registers of the local APIC" },
];

/**
 * Finds what a PC has at a physical address besides memory.
 *
 * @param physical The address.
 * @returns The device, or `undefined` if there is none in all PCs.
 */
export function pcDeviceAt(physical: bigint): PcDevice | undefined {
  return DEVICES.find(({ start, end }) => physical >= start && physical < end);
}
