/**
 * Every rule of findings, in the order of reports.
 *
 * @module
 */

import type { FindingRule } from "./finding.ts";
import { MULTIBOOT_FINDINGS } from "./multiboot_findings.ts";

/** Every rule of findings, in the order of reports. */
export const FINDING_RULES: readonly FindingRule[] = [...MULTIBOOT_FINDINGS];
