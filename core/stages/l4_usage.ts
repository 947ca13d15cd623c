/**
 * The stage l4-usage: finds the level-4 entries that the kernel uses.
 *
 * @module
 */

import { type ImageStage, imageStage, type Reads } from "../pipeline/stage.ts";

/** Adds the level-4 entries in use: entry 0, those of the segments, and those that plugins have reserved. */
export const l4Usage: ImageStage<"l4-usage", Reads<"addressSpace">, Reads<"usedLevel4Entries">> = imageStage(
  "l4-usage",
  { needs: ["addressSpace"], adds: ["usedLevel4Entries"] },
  ({ addressSpace }) => ({ usedLevel4Entries: addressSpace.usedLevel4Entries }),
);
