/**
 * What boot loaders will say of a kernel, predicted from their rules.
 *
 * @module
 */

export type { Judgement, LoaderName } from "./loader.ts";
export type { Breach, NamedRange, Outcome } from "./rule.ts";
export type { Severity } from "./finding.ts";
