/**
 * The zstd library, compiled to WebAssembly.
 *
 * @module
 */

import { ZSTDDecoder } from "zstddec/stream";

/** What is used of libzstd (zstd.h, "Streaming decompression"). A pointer or size has 32 bits. */
export interface Libzstd {
  /** Its memory: pointers are offsets in this. */
  readonly memory: WebAssembly.Memory;
  /** Allocates; returns 0 if there is no memory left. */
  readonly malloc: (size: number) => number;
  /** Releases what was allocated. */
  readonly free: (pointer: number) => void;
  /** Creates a decoder; returns 0 if there is no memory left. */
  readonly ZSTD_createDCtx: () => number;
  /** Releases a decoder. */
  readonly ZSTD_freeDCtx: (decoder: number) => number;
  /** Decodes from a `ZSTD_inBuffer` to a `ZSTD_outBuffer`; returns 0 after a frame, and an error as a negative code. */
  readonly ZSTD_decompressStream: (decoder: number, output: number, input: number) => number;
}

let library: Libzstd | undefined;

/** The package's own loop over a stream does not see errors, so its library is called here. */
class Loader extends ZSTDDecoder {
  override _init(result: WebAssembly.WebAssemblyInstantiatedSource): void {
    super._init(result);
    library = result.instance.exports as unknown as Libzstd;
  }
}

/**
 * Loads the library, once.
 *
 * @returns The library.
 * @throws {Error} If other code has loaded the package's library before, which can be done only once.
 */
export async function libzstd(): Promise<Libzstd> {
  await new Loader().init();
  if (!library) throw new Error("zstddec was initialized by other code, and cannot be shared with it");
  return library;
}
