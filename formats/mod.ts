/**
 * What a file is, by its first bytes.
 *
 * @module
 */

export type { FileFormat, FormatAdvice, FormatName } from "./format.ts";
export { identify } from "./identify.ts";
