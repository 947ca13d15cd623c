/**
 * OpenVMM's loader of PVH kernels, the strictest of all.
 *
 * @module
 */

import { rulesLoader } from "./engine.ts";
import type { Loader } from "./loader.ts";
import { entryRules } from "./openvmm/entry_rules.ts";
import { headerRules, segmentRules } from "./openvmm/header_rules.ts";
import { openVmmView } from "./openvmm/view.ts";

/** OpenVMM's loader of PVH kernels. */
export const openVmm: Loader = rulesLoader({
  name: "openvmm",
  title: "OpenVMM's PVH loader",
  versions: "33748768 (2026)",
  protocols: ["pvh"],
  parts: ["head", "notes"],
  view: openVmmView,
  rules: [...headerRules, segmentRules, ...entryRules],
});
