/**
 * The plugin relro: takes write permission from what is read-only after relocation (`PT_GNU_RELRO`).
 *
 * @module
 */

import { PF_W, PT_GNU_RELRO } from "../core/elf/constants.ts";
import type { Segment } from "../core/elf/program_header.ts";
import { LoadError } from "../core/errors.ts";
import {
  canonical,
  hexAddr,
  isCanonical,
  low48,
  LOW48_HIGHER_HALF,
  PAGE_SIZE,
  pageStart,
} from "../core/memory/addresses.ts";
import { WRITABLE } from "../core/paging/entry.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";

/** What the plugin relro did. */
export interface Relro {
  /** Number of pages that are read-only now. */
  readonly sealedPages: number;
  /** Virtual addresses of pages that hold writable data as well, and stayed writable. */
  readonly keptPages: readonly bigint[];
}

/**
 * Makes the plugin relro.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { relocate } from "@kload/kload/plugins/relocate";
 * import { relro } from "@kload/kload/plugins/relro";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello-pie.elf");
 * const kernel = await loadKernel(file, { plugins: [relocate(), relro()] });
 * assertEquals(kernel.results.relro, { sealedPages: 1, keptPages: [] });
 * ```
 *
 * @returns The plugin.
 */
export function relro(): Plugin<"relro", Relro> {
  return { name: "relro", handlers: [{ type: PT_GNU_RELRO, phase: "seal", handle }] };
}

function handle(phdr: Segment, context: PluginContext, found: Relro | undefined): Relro {
  const { first, end } = context.rules.relocation === "bootloader-0.11"
    ? originalRange(phdr, context)
    : wholeRange(phdr, context);
  let sealed = found?.sealedPages ?? 0;
  const kept = [...found?.keptPages ?? []];
  for (let page = first; page < end; page += PAGE_SIZE) {
    const virt = canonical(page);
    const leaf = context.addressSpace.pageTable.translate(virt);
    if (!leaf.mapped) throw new LoadError("page-not-mapped", { index: phdr.index, field: "address", value: virt });
    if (context.rules.relocation === "default" && isWrittenElsewhere(page, phdr, context)) {
      kept.push(virt);
      reportKept(phdr, virt, context);
      continue;
    }
    context.addressSpace.pageTable.updateFlags(virt, leaf.flags & ~WRITABLE);
    sealed++;
  }
  return { sealedPages: sealed, keptPages: kept };
}

interface PageRange {
  /** Low 48 bits of the first page. */
  readonly first: number;
  /** Low 48 bits of the address behind the last page. */
  readonly end: number;
}

function wholeRange({ p_vaddr, p_memsz }: Segment, { signedOffset }: PluginContext): PageRange {
  const start = low48(p_vaddr + signedOffset);
  return p_memsz === 0n ? { first: 0, end: 0 } : { first: pageStart(start), end: start + Number(p_memsz) };
}

/** v0.11 of the original: an empty range inside a page seals that page; the last page of the lower half is out of reach. */
function originalRange({ index, p_vaddr, p_memsz }: Segment, { signedOffset }: PluginContext): PageRange {
  const start = p_vaddr + signedOffset;
  for (const [field, value] of [["p_vaddr", start], ["p_vaddr + p_memsz", start + p_memsz]] as const) {
    for (const address of field === "p_vaddr" ? [value] : [value, value - 1n]) {
      if (!isCanonical(address)) throw new LoadError("address-not-canonical", { index, field, value: address });
    }
  }
  const first = pageStart(low48(start));
  const last = pageStart(low48(start + p_memsz - 1n));
  const lastOfLowerHalf = LOW48_HIGHER_HALF - PAGE_SIZE;
  if (first <= lastOfLowerHalf && last >= lastOfLowerHalf && first <= last) {
    const place = { index, field: "the page behind p_vaddr + p_memsz", value: BigInt(LOW48_HIGHER_HALF) };
    throw new LoadError("address-not-canonical", place);
  }
  return { first, end: last + PAGE_SIZE };
}

/** Whether a writable segment has bytes in the page that lie outside the range that is to be sealed. */
function isWrittenElsewhere(page: number, { p_vaddr, p_memsz }: Segment, context: PluginContext): boolean {
  const start = low48(p_vaddr + context.signedOffset);
  const end = start + Number(p_memsz);
  return context.segments.some(({ load, p_flags }) => {
    if (!load || (p_flags & PF_W) === 0) return false;
    const from = Math.max(load.start, page);
    const to = Math.min(load.start + load.memSize, page + PAGE_SIZE);
    return from < to && (from < start || to > end);
  });
}

function reportKept({ index }: Segment, virt: bigint, { report }: PluginContext): void {
  report({
    code: "relro-page-shared",
    severity: "warning",
    index,
    addresses: [virt],
    message: `Program header ${index}: the page at ${hexAddr(virt)} also holds writable data; it stays writable.`,
    hint: "Align the end of the RELRO segment to a page (ld -z separate-code, DATA_SEGMENT_RELRO_END).",
  });
}
