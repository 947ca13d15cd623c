/**
 * Inflates gzip data where there is no zlib but the web's: in browsers. That reads a single member and refuses what
 * follows it, which cannot be told from damage.
 *
 * @module
 */

import type { Decode } from "../input/decoder.ts";
import { damaged } from "../unpack_error.ts";

/** Inflates gzip data of one member by `DecompressionStream`, which checks its checksum. */
export const inflateStream: Decode = async function* (input): AsyncGenerator<Uint8Array, void> {
  let failure: { readonly error: unknown } | undefined;
  const packed = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: async (controller) => {
      try {
        const bytes = await input.next();
        if (bytes.length === 0) controller.close();
        else controller.enqueue(bytes.slice());
      } catch (error) {
        failure = { error };
        controller.error(error);
      }
    },
  }, { highWaterMark: 0 });
  const reader = packed.pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    if (failure) throw failure.error;
    throw damaged("gzip", error instanceof Error ? error.message : "it cannot be inflated");
  } finally {
    reader.cancel().catch(() => {});
  }
};
