/**
 * The default pipeline.
 *
 * @module
 */

import { type Pipeline, pipeline } from "../pipeline/pipeline.ts";
import { bssFixup } from "./bss_fixup.ts";
import { l4Usage } from "./l4_usage.ts";
import { mapLoad } from "./map_load.ts";
import { parse } from "./parse.ts";
import { sanityCheck } from "./sanity_check.ts";
import { tlsExtract } from "./tls_extract.ts";

/** The stages of the default pipeline, in order. */
export type DefaultStages = readonly [
  typeof parse,
  typeof sanityCheck,
  typeof mapLoad,
  typeof bssFixup,
  typeof tlsExtract,
  typeof l4Usage,
];

/** The default pipeline: parse, sanity-check, map-load, bss-fixup, tls-extract, l4-usage. */
export const defaultPipeline: Pipeline<DefaultStages> = pipeline(
  parse,
  sanityCheck,
  mapLoad,
  bssFixup,
  tlsExtract,
  l4Usage,
);
