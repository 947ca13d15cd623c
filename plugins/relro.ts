/**
 * The plugin relro: makes read-only what must not be written after relocation (`PT_GNU_RELRO`).
 *
 * @module
 */

import { PT_GNU_RELRO } from "../core/elf/constants.ts";
import type { Segment } from "../core/elf/program_header.ts";
import { hexAddr } from "../core/hex.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { PluginContext } from "../core/plugin/plugin_context.ts";
import { diagnostic } from "./relro/diagnostics.ts";
import { type KeptPage, sealEach, sealUnion } from "./relro/seal_pages.ts";

/** What the plugin relro did. */
export interface Relro {
  /** Number of pages that lost write permission. */
  readonly sealedPages: number;
  /** Virtual addresses of pages that also hold writable data outside all ranges, and stayed writable; ascending. */
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

/** Seals the pages of all headers when the first one comes. */
async function handle(_: Segment, context: PluginContext, found: Relro | undefined): Promise<Relro> {
  if (found) return found;
  const headers = context.segments.filter(({ p_type }) => p_type === PT_GNU_RELRO);
  const seal = context.rules.relroPages === "all" ? sealEach : sealUnion;
  const { sealedPages, kept } = await seal(headers, context);
  for (const page of kept) reportKept(page, context);
  return { sealedPages, keptPages: kept.map(({ virt }) => virt) };
}

function reportKept({ index, virt }: KeptPage, { report }: PluginContext): void {
  const message = `The page at ${hexAddr(virt)} also holds writable data; it stays writable.`;
  report(diagnostic("relro-page-shared", { index, addresses: [virt], message }));
}
