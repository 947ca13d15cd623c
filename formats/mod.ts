/**
 * What a file is, by its first bytes.
 *
 * @module
 */

export type { FormatName } from "./format.ts";
