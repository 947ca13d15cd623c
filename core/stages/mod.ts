/**
 * For writers of stages: the built-in stages, pipelines, and the types of stages and their context.
 *
 * @example A load that also counts its executable pages
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { defaultPipeline, imageStage } from "@kload/kload/stages";
 * import { assertEquals } from "@std/assert";
 *
 * const countCode = imageStage("count-code", { needs: ["addressSpace"], adds: ["pages"] }, ({ addressSpace }) => {
 *   const code = [...addressSpace.pageTable.mappings()].filter(({ executable }) => executable);
 *   return { pages: code.reduce((sum, { size, pageSize }) => sum + size / pageSize, 0) };
 * });
 * const pipeline = defaultPipeline.after("l4-usage", countCode);
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"), { pipeline });
 * assertEquals(kernel.results["count-code"].pages, 1);
 * ```
 *
 * @module
 */

export { defaultPipeline, type DefaultStages } from "./default_pipeline.ts";
export { parse } from "./parse.ts";
export { sanityCheck } from "./sanity_check.ts";
export { mapLoad } from "./map_load.ts";
export { bssFixup } from "./bss_fixup.ts";
export { tlsExtract } from "./tls_extract.ts";
export { l4Usage } from "./l4_usage.ts";

export { type Find, type Pipeline, pipeline, type Put, type StageName } from "../pipeline/pipeline.ts";
export {
  type Added,
  type AddsOf,
  type AllOf,
  type ImageStage,
  imageStage,
  type NameOf,
  type Need,
  type NeedsOf,
  type Reads,
  type Returns,
  type SegmentStage,
  segmentStage,
  type Stage,
  type StageShape,
} from "../pipeline/stage.ts";
export type { Around, Fault, Grown, IfInOrder, InOrder, Loads, Missing, RequiredName } from "../pipeline/order.ts";
export type {
  Base,
  Checked,
  Context,
  FilePages,
  Kept,
  Level4Used,
  Loading,
  Parsed,
  Placed,
  Placement,
  TakesFor,
  TlsExtracted,
} from "../pipeline/context.ts";
export type { LoadSettings } from "../pipeline/settings.ts";
export type { Rules } from "../rules.ts";
export type { Intake } from "../intake/intake.ts";
export { type DiagnosticKind, diagnostics, type Finding, type Report } from "../diagnostics.ts";
