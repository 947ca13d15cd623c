/**
 * What all decoders have in common.
 *
 * @module
 */

import type { PackedInput } from "./packed_input.ts";

/** What decoders are given. */
export interface DecodeOptions {
  /** Returns the compiled code of liblzma, if it need not be found by the package that has it. */
  readonly liblzma?: () => Promise<WebAssembly.Module>;
}

/**
 * Unpacks data of one format: yields its bytes in pieces, each of them valid until the next one is asked for, and throws
 * if the data is damaged or truncated. A piece takes a few milliseconds to decode; only a block of bzip2 data takes
 * longer. A decoder has no more than 160 MiB of memory.
 */
export type Decode = (input: PackedInput, options: DecodeOptions) => AsyncGenerator<Uint8Array, void>;
