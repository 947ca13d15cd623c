/**
 * Every rule of findings, in the order of reports.
 *
 * @module
 */

import type { FindingRule } from "./finding.ts";
import { baseRevisionNew, baseRevisionOld } from "./findings/limine_base_revision.ts";
import {
  requestInBss,
  requestOutsideMarkers,
  requestSeenDifferently,
  requestUnaligned,
} from "./findings/limine_requests.ts";

/** Every rule of findings, in the order of reports. */
export const FINDING_RULES: readonly FindingRule[] = [
  requestInBss,
  requestOutsideMarkers,
  requestUnaligned,
  requestSeenDifferently,
  baseRevisionOld,
  baseRevisionNew,
];
