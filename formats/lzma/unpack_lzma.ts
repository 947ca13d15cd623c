/**
 * Unpacks .lzma data.
 *
 * @module
 */

import type { Decode } from "../input/decoder.ts";
import { unpackByLiblzma } from "../xz/liblzma.ts";

/** Unpacks .lzma data. It has no checksum; its end is marked, or its size is known. */
export const unpackLzma: Decode = (input, options) =>
  unpackByLiblzma(input, options, {
    name: "lzma",
    start: (liblzma, stream, memoryLimit) => liblzma._lzma_auto_decoder(stream, memoryLimit, 0),
    command: "xz -dc --format=lzma FILE | kload load -",
  });
