/**
 * What boot loaders will say of a kernel, predicted from their rules.
 *
 * @module
 */

export { checkKernel } from "./check_kernel.ts";
export type { CheckReport, Finding, InsideReport, Verdict } from "./check_kernel.ts";
export { LOADER_NAMES } from "./check_options.ts";
export type { CheckOptions } from "./check_options.ts";
export type { Severity } from "./finding.ts";
export type { Circumstances, Judgement, LoaderName } from "./loader.ts";
export type { Breach, NamedRange, Outcome } from "./rule.ts";
