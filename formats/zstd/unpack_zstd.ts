/**
 * Unpacks zstd data by zstd's own library.
 *
 * @module
 */

import type { Decode } from "../input/decoder.ts";
import { damaged, outOfMemory, truncated, type UnpackError, unsupported } from "../unpack_error.ts";
import { type Libzstd, libzstd } from "./libzstd.ts";

const PACKED_SIZE = 2 ** 16;
/** ZSTD_DStreamOutSize(): the most that a block has. */
const UNPACKED_SIZE = 2 ** 17;

/** A `ZSTD_inBuffer` or `ZSTD_outBuffer`: a pointer, a size and a position. */
const DESCRIPTION_SIZE = 12;

/** zstd_errors.h, "ZSTD_ErrorCode". */
const PREFIX_UNKNOWN = 10;
const WINDOW_TOO_LARGE = 16;
const CHECKSUM_WRONG = 22;
const DICTIONARY_WRONG = 32;
const MEMORY_ALLOCATION = 64;

/**
 * Unpacks zstd data: all frames; skippable ones are skipped. Checksums and sizes are compared. Windows may have up to
 * 128 MiB, which is that of `zstd --ultra -22`.
 */
export const unpackZstd: Decode = async function* (input): AsyncGenerator<Uint8Array, void> {
  const decoder = new Decoder(await libzstd());
  try {
    for (;;) {
      const bytes = await input.next();
      if (bytes.length === 0) break;
      const taken = bytes.subarray(0, PACKED_SIZE);
      if (taken.length < bytes.length) input.putBack(bytes.subarray(taken.length));
      yield* decoder.decode(taken);
    }
    if (!decoder.isAtEnd) throw truncated("zstd");
  } finally {
    decoder.close();
  }
};

/** A decoder with its buffers in the library's memory, which outlives it. */
class Decoder {
  readonly #library: Libzstd;
  readonly #context: number;
  readonly #output: number;
  readonly #input: number;
  readonly #packed: number;
  readonly #unpacked: number;
  #isAtEnd = false;

  constructor(library: Libzstd) {
    this.#library = library;
    this.#context = library.ZSTD_createDCtx();
    this.#output = library.malloc(2 * DESCRIPTION_SIZE + PACKED_SIZE + UNPACKED_SIZE);
    this.#input = this.#output + DESCRIPTION_SIZE;
    this.#packed = this.#input + DESCRIPTION_SIZE;
    this.#unpacked = this.#packed + PACKED_SIZE;
    if (this.#context === 0 || this.#output === 0) throw errorOf(MEMORY_ALLOCATION);
  }

  /** Whether a frame has ended, and no other has begun. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Decodes all of some bytes. */
  *decode(bytes: Uint8Array): Generator<Uint8Array, void> {
    const { memory, ZSTD_decompressStream } = this.#library;
    new Uint8Array(memory.buffer).set(bytes, this.#packed);
    this.#describe(this.#input, this.#packed, bytes.length);
    for (let hasMore = true; hasMore;) {
      this.#describe(this.#output, this.#unpacked, UNPACKED_SIZE);
      const result = ZSTD_decompressStream(this.#context, this.#output, this.#input);
      if (result < 0) throw errorOf(-result);
      const length = this.#positionOf(this.#output);
      this.#isAtEnd = result === 0;
      hasMore = this.#positionOf(this.#input) < bytes.length || (length === UNPACKED_SIZE && !this.#isAtEnd);
      // The memory may grow, which detaches its buffer, before the piece is read.
      if (length > 0) yield new Uint8Array(memory.buffer, this.#unpacked, length).slice();
    }
  }

  /** Releases the memory. */
  close(): void {
    this.#library.ZSTD_freeDCtx(this.#context);
    this.#library.free(this.#output);
  }

  #describe(description: number, pointer: number, size: number): void {
    new Uint32Array(this.#library.memory.buffer, description, 3).set([pointer, size, 0]);
  }

  #positionOf(description: number): number {
    return new Uint32Array(this.#library.memory.buffer, description, 3)[2];
  }
}

/** The library's code in terms of the data. */
function errorOf(code: number): UnpackError {
  switch (code) {
    case WINDOW_TOO_LARGE:
      return unsupported("zstd", "a window of more than 128 MiB", "zstd -dc --long=31 FILE | kload load -");
    case DICTIONARY_WRONG:
      return unsupported("zstd", "a dictionary", "zstd -dc -D DICTIONARY FILE | kload load -");
    case MEMORY_ALLOCATION:
      return outOfMemory("zstd");
    case PREFIX_UNKNOWN:
      return damaged("zstd", "what follows a frame is not one");
    case CHECKSUM_WRONG:
      return damaged("zstd", "its content does not match its checksum");
    default:
      return damaged("zstd", "a frame contradicts the format");
  }
}
