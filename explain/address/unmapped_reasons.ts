/**
 * What a kernel's headers and parts say about an address at which nothing is mapped.
 *
 * @module
 */

import { PT_LOAD, PT_NULL, segmentTypeName } from "../../core/elf/constants.ts";
import { hexAddr, hexRange } from "../../core/hex.ts";
import { canonical, isCanonical, PAGE_SIZE } from "../../core/memory/addresses.ts";
import type { NearRuns } from "./address_explanation.ts";
import type { ExplainOptions } from "./explain_options.ts";
import { type KernelLayout, linkedFor, loadAt, type LoadedHeader, startOf } from "./kernel_layout.ts";
import { bytes } from "./phrases.ts";
import { pcDeviceAt } from "./pc_devices.ts";
import type { Reason } from "./reason.ts";

/**
 * Explains what a kernel would have needed for a page at an address, and what the address may be mistaken for.
 *
 * @param layout The kernel.
 * @param address The address, at which nothing is mapped.
 * @param nearest What is mapped on both sides.
 * @param options Symbols, and what was added after the load.
 * @returns The reasons.
 */
export function unmappedReasons(
  layout: KernelLayout,
  address: bigint,
  nearest: NearRuns,
  options: ExplainOptions,
): readonly Reason[] {
  const guard = guardReason(address, nearest, options);
  if (guard) return [guard];
  const load = isCanonical(address) ? loadAt(layout, address) : undefined;
  if (load) {
    const { index } = load;
    const message = `Program header ${index} covers the address, but nothing is mapped there.`;
    return [{ kind: "unmapped", index, message }];
  }
  return [
    ...uncovered(layout, address),
    ...notLoaded(layout, address, options),
    ...moved(layout, address),
    ...physicalRange(layout, address),
    ...device(address),
  ];
}

function guardReason(address: bigint, nearest: NearRuns, { parts }: ExplainOptions): Reason | undefined {
  const bottom = parts?.stack ? parts.stack.bottom : bottomAbove(nearest);
  if (bottom === undefined || address >= bottom || bottom - address > BigInt(PAGE_SIZE)) return undefined;
  const message =
    `The page right below the kernel stack, whose lowest byte is at ${hexAddr(bottom)}, is left unmapped, ` +
    "so that an overflow of the stack faults.";
  return { kind: "guard", bottom, message };
}

/** The lowest address of the stack whose pages come next, unless they continue others. */
function bottomAbove({ before, after }: NearRuns): bigint | undefined {
  return after?.owner === "kernel-stack" && before?.owner !== "kernel-stack" ? after.start : undefined;
}

/** The nearest segment, and by how much it misses the address. */
function uncovered({ loads }: KernelLayout, address: bigint): readonly Reason[] {
  const distances = loads.filter(({ memSize }) => memSize > 0).map((load) => ({ load, ...distanceTo(load, address) }));
  if (distances.length === 0) return [];
  const { load, side, distance } = distances.reduce((best, each) => each.distance < best.distance ? each : best);
  const { index, memSize } = load;
  const where = side === "before" ? "before the first byte" : "after the last byte";
  const message = `No PT_LOAD program header covers the address: it is ${bytes(distance)} ${where} of program header ` +
    `${index}, which is at ${hexRange(startOf(load), memSize)}.`;
  return [{ kind: "uncovered", index, side, distance, message }];
}

function distanceTo(load: LoadedHeader, address: bigint): { side: "before" | "after"; distance: bigint } {
  const start = startOf(load);
  if (address < start) return { side: "before", distance: start - address };
  return { side: "after", distance: address - canonical(load.start + load.memSize - 1) };
}

/** Headers of other types, headers without memory, and sections that have the address. */
function notLoaded(layout: KernelLayout, address: bigint, { symbols }: ExplainOptions): readonly Reason[] {
  const { kernel: { programHeaders } } = layout;
  const linked = linkedFor(layout, address);
  const reasons: Reason[] = [];
  for (const { index, p_type, p_vaddr, p_memsz } of programHeaders) {
    if (p_type === PT_NULL) continue;
    if (p_type === PT_LOAD) {
      if (p_memsz !== 0n || linked !== p_vaddr) continue;
      const message = `Program header ${index} is at this address, but takes no memory: its p_memsz is 0.`;
      reasons.push({ kind: "not-loaded", index, message });
    } else if (linked >= p_vaddr && linked - p_vaddr < p_memsz) {
      const message = `Program header ${index} (${segmentTypeName(p_type)}) contains the address, but only PT_LOAD ` +
        "headers are loaded.";
      reasons.push({ kind: "not-loaded", index, message });
    }
    if (reasons.length === MOST_HEADERS) break;
  }
  const section = symbols?.sectionAt(linked);
  if (section) {
    const message = `Section ${section.name} contains the address, but no PT_LOAD program header does, so it is not ` +
      "loaded.";
    reasons.push({ kind: "not-loaded", section: section.name, message });
  }
  return reasons;
}

/** The most headers to name that have an address. */
const MOST_HEADERS = 4;

/** An address as linked, of a kernel that was moved. */
function moved({ kernel: { virtualAddressOffset }, loads }: KernelLayout, address: bigint): readonly Reason[] {
  if (virtualAddressOffset === 0n) return [];
  const load = loads.find(({ header: { p_vaddr, p_memsz } }) => address >= p_vaddr && address - p_vaddr < p_memsz);
  if (!load) return [];
  const { index, header, start } = load;
  const mappedAt = canonical(start + Number(address - header.p_vaddr));
  const message = `The address is in program header ${index} as linked, but the kernel was moved by ` +
    `${hexAddr(virtualAddressOffset)}: the byte is at ${hexAddr(mappedAt)}.`;
  return [{ kind: "moved", index, mappedAt, message }];
}

/** An address in the range that a header names for physical memory. */
function physicalRange({ loads }: KernelLayout, address: bigint): readonly Reason[] {
  const load = loads.find(({ header: { p_paddr, p_vaddr, p_memsz } }) => {
    return p_paddr !== p_vaddr && address >= p_paddr && address - p_paddr < p_memsz;
  });
  if (!load) return [];
  const { index, header: { p_paddr, p_memsz }, start } = load;
  const mappedAt = canonical(start + Number(address - p_paddr));
  const message = `The address is in the physical range ${hexRange(p_paddr, p_memsz)} of program header ${index} ` +
    `(p_paddr), but pages are mapped by p_vaddr: this byte of it is at ${hexAddr(mappedAt)}.`;
  return [{ kind: "physical-range", index, mappedAt, message }];
}

function device(address: bigint): readonly Reason[] {
  const found = pcDeviceAt(address);
  if (!found) return [];
  const { what, name } = found;
  return [{
    kind: "device",
    what,
    message: `A PC has ${name} at this physical address, which is not mapped at its own address.`,
    hint: "--identity maps physical memory at its own addresses.",
  }];
}
