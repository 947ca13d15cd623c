/**
 * Causes of accesses to addresses where nothing is mapped: null pointers, and physical addresses.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { pcDeviceAt } from "../address/pc_devices.ts";
import { walkTables } from "../tables/walk_tables.ts";
import type { FaultAccess, FaultCause, FaultPage } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { limineCauses } from "./limine_causes.ts";
import { memoryAt } from "./operands.ts";
import { registerValue } from "./registers.ts";

/** How far from address 0 an access through a null pointer may be: the largest structures and small arrays. */
const NULL_REACH = 0x1_0000n;

/**
 * Finds the causes of a read or write where nothing is mapped.
 *
 * @param access The access.
 * @param page What is wrong with its page.
 * @param view The guest.
 * @returns The causes.
 */
export function pointerCauses(access: FaultAccess, page: FaultPage, view: FaultView): readonly FaultCause[] {
  if (access.kind === "fetch" || page.problem !== "not-mapped") return [];
  const base = nullBase(access, view);
  if (base === undefined) return [...segmentCauses(access, view), ...physicalCauses(access, page, view)];
  const message = `${base} is 0: the access is through a null pointer`;
  return [{ code: "null-pointer", message }, ...limineCauses(view, base)];
}

/** Whether an access is by FS or GS, whose base was never set. */
function segmentCauses({ address }: FaultAccess, { instruction, registers }: FaultView): readonly FaultCause[] {
  const use = address < NULL_REACH && instruction ? memoryAt(instruction, registers, address)?.use : undefined;
  const name = use?.segment?.toUpperCase();
  if ((name !== "FS" && name !== "GS") || registers.get(`${name} base`) !== 0n) return [];
  return [{ code: "null-pointer", message: `the base of ${name} is 0: the access is through a null pointer` }];
}

/** The register that is 0, if an access is made through one. */
function nullBase({ address }: FaultAccess, { instruction, registers }: FaultView): string | undefined {
  if (address >= NULL_REACH || !instruction) return undefined;
  const use = memoryAt(instruction, registers, address)?.use;
  return use?.base !== undefined && registerValue(registers, use.base)?.value === 0n ? use.base : undefined;
}

// Intel's 82801IB (ICH9) of the Q35, "HPET": where the machine of run has it
const HPET = { start: 0xfed0_0000n, end: 0xfed0_0400n, what: "hpet", name: "the registers of the HPET" } as const;

/** The addresses below are the vectors of real mode and the firmware's data, or small numbers. */
const FIRST_PHYSICAL = 0x1000n;

function physicalCauses({ address, user }: FaultAccess, { tables }: FaultPage, view: FaultView): readonly FaultCause[] {
  const { started: { kernel: { memory }, directMap, identityMap, framebuffer } } = view;
  const device = pcDeviceAt(address) ?? (address >= HPET.start && address < HPET.end ? HPET : undefined);
  const isMemory = address >= FIRST_PHYSICAL && address < BigInt(memory.base + memory.size);
  if ((!device && !isMemory) || walkTables(view.memory.initial, address).end.kind !== "absent") return [];
  const isText = device?.what === "vga-text";
  const what = device
    ? `physical ${hexAddr(address)} is in ${device.name}`
    : `the machine has memory at physical ${hexAddr(address)}`;
  if (isText && framebuffer) {
    return [{ code: "vga-memory", message: `${what}, which a machine with --framebuffer does not have` }];
  }
  const isMapped = directMap && address < BigInt(directMap.size);
  const message = isMapped
    ? `${what}, which the direct map has at ${hexAddr(directMap.offset + address)}, not at its physical address`
    : `${what}, and physical memory is not mapped at its own addresses`;
  // A guest with tables of its own has to map it itself, and so has one for its user mode.
  const hint = identityMap || tables === "own" || user ? {} : {
    hint: `To reach ${isText ? "the text buffer" : `physical ${hexAddr(address)}`}, use --identity` +
      `${isMapped ? "" : ", or --physical-memory and the offset in the boot information"}.`,
  };
  return [{ code: isText ? "vga-memory" : "physical-address", message, ...hint }];
}
