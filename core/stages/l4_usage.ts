/**
 * The stage l4-usage: finds the level-4 entries that the kernel uses.
 *
 * @module
 */

import { level4Usage } from "./l4_usage/level4_usage.ts";
import type { Base, Checked, ImageStage, Level4Used, Placed, Reserved } from "../pipeline/stage.ts";

/** Hands over the level-4 entries of the segments, of entry 0, and of what plugins have taken. */
export const l4Usage: ImageStage<
  Base & Checked & Partial<Placed> & Partial<Reserved>,
  Level4Used,
  "l4-usage"
> = {
  name: "l4-usage",
  needs: ["rules", "segments"],
  adds: ["usedLevel4Entries"],
  run: (context) => ({ usedLevel4Entries: context.reservedLevel4Entries ?? level4Usage(context) }),
};
