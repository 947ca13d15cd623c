/**
 * Every rule of findings, in the order of reports.
 *
 * @module
 */

import type { FindingRule } from "./finding.ts";
import { pvhFindings } from "./findings/pvh_findings.ts";

/** Every rule of findings, in the order of reports. */
export const FINDING_RULES: readonly FindingRule[] = [...pvhFindings];
