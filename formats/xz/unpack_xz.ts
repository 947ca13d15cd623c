/**
 * Unpacks xz data, with the x86 filter too, which kernels' payloads have.
 *
 * @module
 */

import type { Decode } from "../input/decoder.ts";
import { unpackByLiblzma } from "./liblzma.ts";

/** The flag LZMA_CONCATENATED: several streams, with padding between them (api/lzma/container.h). */
const CONCATENATED = 0x08;

/** Unpacks xz data: all streams. Checksums and sizes are compared. */
export const unpackXz: Decode = (input, options) =>
  unpackByLiblzma(input, options, {
    name: "xz",
    start: (liblzma, stream, memoryLimit) => liblzma._lzma_stream_decoder(stream, memoryLimit, CONCATENATED),
    command: "xz -dc FILE | kload load -",
  });
