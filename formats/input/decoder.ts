/**
 * What all decoders have in common.
 *
 * @module
 */

import type { Pause } from "../../core/intake/pause.ts";
import type { PackedInput } from "./packed_input.ts";

/** What a decoder must keep to. */
export interface DecodeOptions {
  /** The most bytes that are wanted of the unpacked data, so that windows need be no larger. */
  readonly maxMemory: number;
  /** Called and awaited between the steps of a piece that takes long. */
  readonly pause?: Pause;
}

/**
 * Unpacks data of one format: yields its bytes in pieces, each of them valid until the next one is asked for, and
 * throws if the data is damaged or truncated. A piece takes a few milliseconds, not more, to decode.
 */
export type Decode = (input: PackedInput, options: DecodeOptions) => AsyncGenerator<Uint8Array, void>;
