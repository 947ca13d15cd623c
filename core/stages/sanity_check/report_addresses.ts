/**
 * Reports addresses that are accepted, but that the kernel's author may not have intended.
 *
 * @module
 */

import type { Report } from "../../diagnostics.ts";
import { PF_X, PT_TLS } from "../../elf/constants.ts";
import type { LoadRange, Segment } from "../../elf/program_header.ts";
import { hexAddr } from "../../hex.ts";
import { alignUp, low48, pageStart } from "../../memory/addresses.ts";
import { loadDiagnostic } from "../load_diagnostics.ts";

/** The header of a segment that is loaded. */
export type Loaded = Segment & { readonly load: LoadRange };

/**
 * Reports an entry point outside executable pages, TLS templates outside segments, and ignored physical addresses.
 *
 * @param segments All headers.
 * @param loads Those that are loaded.
 * @param offset What is added to every `p_vaddr`.
 * @param entry The entry point, including the offset.
 * @param report Takes the diagnostics.
 */
export function reportAddresses(
  segments: readonly Segment[],
  loads: readonly Loaded[],
  offset: bigint,
  entry: bigint,
  report: Report,
): void {
  reportEntry(loads, entry, report);
  reportTemplate(segments, loads, offset, report);
  const elsewhere = loads.find(({ p_paddr, p_vaddr }) => p_paddr !== 0n && p_paddr !== p_vaddr);
  if (!elsewhere) return;
  const { index, p_paddr, p_vaddr } = elsewhere;
  const message = `p_paddr ${hexAddr(p_paddr)} differs from p_vaddr ${hexAddr(p_vaddr)}; p_paddr is ignored.`;
  const addresses = [BigInt.asUintN(64, p_vaddr + offset)];
  report(loadDiagnostic("physical-address-ignored", { index, addresses, message }));
}

/** Checks the first template only: tls-extract refuses a second one. */
function reportTemplate(
  segments: readonly Segment[],
  loads: readonly Loaded[],
  offset: bigint,
  report: Report,
): void {
  const template = segments.find(({ p_type }) => p_type === PT_TLS);
  if (!template || template.p_filesz === 0n) return;
  const { index, p_vaddr, p_filesz } = template;
  const covered = loads.some((load) => p_vaddr >= load.p_vaddr && p_vaddr + p_filesz <= load.p_vaddr + load.p_memsz);
  if (covered) return;
  const virt = BigInt.asUintN(64, p_vaddr + offset);
  const message = `The TLS template at ${hexAddr(virt)} lies outside every PT_LOAD segment.`;
  report(loadDiagnostic("tls-outside-load", { index, addresses: [virt], message }));
}

const PHYSICAL_ENTRY =
  "Such an entry point is for loaders that go by p_paddr: Multiboot and PVH enter with paging off, the boot protocol of " +
  "Linux with physical memory mapped at its own addresses. After this load, the first instruction faults.";

function reportEntry(loads: readonly Loaded[], entry: bigint, report: Report): void {
  const low = low48(entry);
  const inside = ({ load, p_flags }: Loaded): boolean =>
    (p_flags & PF_X) !== 0 && low >= pageStart(load.start) && low < alignUp(load.start + load.memSize);
  if (loads.some(inside)) return;
  const physical = loads.find(({ p_paddr, p_vaddr, p_memsz }) =>
    p_paddr !== p_vaddr && entry >= p_paddr && entry < p_paddr + p_memsz
  );
  const clue = physical ? ` It lies in the p_paddr range of program header ${physical.index}.` : "";
  const message = `The entry point ${hexAddr(entry)} is not in an executable page.${clue}`;
  report(
    loadDiagnostic("entry-not-executable", { addresses: [entry], message, ...(physical && { hint: PHYSICAL_ENTRY }) }),
  );
}
