/**
 * What commands need only if a file is refused, and import only then.
 *
 * @module
 */

export { nameRefused } from "./name_refused.ts";
export { printError } from "../report/print_error.ts";
export { problemOf } from "../report/problem.ts";
export { isRefusal, otherRulesFor } from "./other_rules.ts";
