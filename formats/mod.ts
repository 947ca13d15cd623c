/**
 * What a file is, by its first bytes, and the unpacking of compressed kernels.
 *
 * @module
 */

export type { FileFormat, FormatAdvice, FormatName } from "./format.ts";
export { identify } from "./identify.ts";
export { unpack, type Unpacked, type UnpackOptions } from "./unpack.ts";
export { UnpackError } from "./unpack_error.ts";
