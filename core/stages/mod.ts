/**
 * For writing stages: the built-in stages, pipelines, and the types of stages and their context.
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

export { type Pipeline, pipeline, type Put } from "../pipeline/pipeline.ts";
export {
  type AddsOf,
  type AllOf,
  type ImageStage,
  imageStage,
  type Need,
  type NeedsOf,
  type OnlyAdds,
  type Reads,
  type SegmentStage,
  segmentStage,
  type Stage,
  type StageShape,
} from "../pipeline/stage.ts";
export type { Grown, IfInOrder, Missing, OneLacking } from "../pipeline/order.ts";
export type { Base, Context, Loading, TakesFor } from "../pipeline/context.ts";
export type { LoadSettings } from "../pipeline/settings.ts";
export type { Rules } from "../rules.ts";
export type { Intake } from "../intake/intake.ts";
export { type DiagnosticKind, diagnostics } from "../diagnostics.ts";
