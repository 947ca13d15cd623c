/**
 * The plugin relro: makes read-only what must not be written after relocation (`PT_GNU_RELRO`).
 *
 * @module
 */

import { checkedAddress, checkedRange } from "../core/elf/checked_address.ts";
import { PF_W, PT_GNU_RELRO } from "../core/elf/constants.ts";
import type { Segment } from "../core/elf/program_header.ts";
import { LoadError } from "../core/errors.ts";
import { hexAddr } from "../core/hex.ts";
import { canonical, low48, LOW48_HIGHER_HALF, PAGE_SIZE, pageStart } from "../core/memory/addresses.ts";
import { WRITABLE } from "../core/paging/entry.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";
import { diagnostic } from "./relro/diagnostics.ts";

/** What the plugin relro did. */
export interface Relro {
  /** Number of pages that lost write permission. */
  readonly sealedPages: number;
  /** Virtual addresses of pages that also hold writable data, and stayed writable. */
  readonly keptPages: readonly bigint[];
}

/**
 * Seals the pages of `PT_GNU_RELRO` ranges: they are mapped read-only once relocations are applied.
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
  const { rules, addressSpace: { pageTable } } = context;
  const { first, end } = rules.relroRange === "ends" ? rangeOfEnds(phdr, context) : rangeOfBytes(phdr, context);
  let sealed = found?.sealedPages ?? 0;
  const kept = [...found?.keptPages ?? []];
  for (let page = first; page < end; page += PAGE_SIZE) {
    const virt = canonical(page);
    const leaf = pageTable.translate(virt);
    if (!leaf.mapped) throw new LoadError("page-not-mapped", { index: phdr.index, field: "address", value: virt });
    if (rules.relroPages === "unshared" && holdsWritableData(page, phdr, context)) {
      kept.push(virt);
      reportKept(phdr, virt, context);
      continue;
    }
    if ((leaf.flags & WRITABLE) === 0n) continue;
    pageTable.updateFlags(virt, leaf.flags & ~WRITABLE);
    sealed++;
  }
  return { sealedPages: sealed, keptPages: kept };
}

interface PageRange {
  /** Low 48 bits of the first page. */
  readonly first: number;
  /** Low 48 bits of the address after the last page. */
  readonly end: number;
}

function rangeOfBytes(phdr: Segment, { rules, signedOffset }: PluginContext): PageRange {
  if (phdr.p_memsz === 0n) return { first: 0, end: 0 };
  const { first, last } = checkedRange(phdr, signedOffset, rules);
  return { first: pageStart(first), end: pageStart(last) + PAGE_SIZE };
}

/**
 * v0.11 of the original: it steps to the page after each one, so a range must not include the last page of the lower
 * half.
 */
function rangeOfEnds({ index, p_vaddr, p_memsz }: Segment, { signedOffset }: PluginContext): PageRange {
  const canonicalLow48 = (value: bigint, field: string): number =>
    low48(checkedAddress(value, field, { addresses: "canonical-steps" }, index));
  const start = p_vaddr + signedOffset;
  const end = start + p_memsz;
  const first = pageStart(canonicalLow48(start, "p_vaddr"));
  canonicalLow48(end, "p_vaddr + p_memsz");
  const last = pageStart(canonicalLow48(end - 1n, "p_vaddr + p_memsz - 1"));
  const lastOfLowerHalf = LOW48_HIGHER_HALF - PAGE_SIZE;
  if (first <= lastOfLowerHalf && last >= lastOfLowerHalf) {
    const place = { index, field: "the page after p_vaddr + p_memsz", value: BigInt(LOW48_HIGHER_HALF) };
    throw new LoadError("address-not-canonical", place);
  }
  return { first, end: last + PAGE_SIZE };
}

/** Whether a writable segment has bytes in the page that lie outside the range to be sealed. */
function holdsWritableData(page: number, { p_vaddr, p_memsz }: Segment, context: PluginContext): boolean {
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
  const message = `The page at ${hexAddr(virt)} also holds writable data; it stays writable.`;
  report(diagnostic("relro-page-shared", { index, addresses: [virt], message }));
}
