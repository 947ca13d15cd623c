/**
 * Unpacks by liblzma, which is xz's own library: xz data with all of its filters, and .lzma data.
 *
 * @module
 */

import {
  LZMA_BUF_ERROR,
  LZMA_FINISH,
  LZMA_FORMAT_ERROR,
  LZMA_MEM_ERROR,
  LZMA_MEMLIMIT_ERROR,
  LZMA_OK,
  LZMA_OPTIONS_ERROR,
  LZMA_RUN,
  LZMA_STREAM_END,
  WasmLzmaStream,
} from "node-liblzma/wasm";
import createLiblzma from "node-liblzma/wasm/liblzma.js";
import type { PackedInput } from "../input/packed_input.ts";
import { damaged, truncated, unsupported } from "../unpack_error.ts";

/** The functions of liblzma, with memory of their own, which can grow to 256 MiB. */
export type Liblzma = Awaited<ReturnType<typeof createLiblzma>>;

/** What is unpacked. */
export interface LzmaFormat {
  /** Its name. */
  readonly name: "xz" | "lzma";
  /** Starts a decoder in a stream; returns liblzma's code. */
  readonly start: (liblzma: Liblzma, stream: number, memoryLimit: bigint) => number;
  /** The command that unpacks what is not unpacked here. */
  readonly command: string;
}

/** How much input liblzma takes at a time, and how much output it returns: about a millisecond's work. */
const BUFFER_SIZE = 2 ** 16;

/** The largest dictionary is that of `xz -9`, twice over; the decoder itself takes less than the rest. */
const MEMORY_LIMIT = 2n ** 27n + 2n ** 20n;

/**
 * Unpacks data.
 *
 * @param input The packed data.
 * @param format Its format.
 * @returns The unpacked bytes in pieces; throws if the data is damaged, truncated or too much for the decoder.
 */
export async function* unpackByLiblzma(input: PackedInput, format: LzmaFormat): AsyncGenerator<Uint8Array, void> {
  const liblzma = await load();
  const stream = new WasmLzmaStream(liblzma);
  const packed = liblzma._malloc(BUFFER_SIZE);
  const unpacked = liblzma._malloc(BUFFER_SIZE);
  let result = format.start(liblzma, stream.ptr, MEMORY_LIMIT);
  for (let isAll = false; result === LZMA_OK;) {
    if (stream.availIn === 0 && !isAll) {
      const bytes = await input.next();
      const taken = bytes.subarray(0, BUFFER_SIZE);
      if (taken.length < bytes.length) input.putBack(bytes.subarray(taken.length));
      liblzma.HEAPU8.set(taken, packed);
      stream.setInput(packed, taken.length);
      isAll = taken.length === 0;
    }
    stream.setOutput(unpacked, BUFFER_SIZE);
    result = liblzma._lzma_code(stream.ptr, isAll ? LZMA_FINISH : LZMA_RUN);
    const length = BUFFER_SIZE - stream.availOut;
    if (length > 0) yield liblzma.HEAPU8.slice(unpacked, unpacked + length);
  }
  if (result !== LZMA_STREAM_END) throw errorOf(result, format);
  if (stream.availIn > 0 || (await input.next()).length > 0) throw damaged(format.name, "something follows its end");
}

/** Each decoder has an instance, so that its memory goes with it. */
async function load(): Promise<Liblzma> {
  const compiled = await compiledLiblzma();
  if (!compiled) return await createLiblzma();
  return await createLiblzma({
    instantiateWasm: (imports: WebAssembly.Imports, use: (instance: WebAssembly.Instance) => void) => {
      WebAssembly.instantiate(compiled, imports).then(use);
      return {};
    },
  });
}

/** The compiled code; `undefined` in runtimes that cannot import it, where the package finds it by itself. */
async function compiledLiblzma(): Promise<WebAssembly.Module | undefined> {
  try {
    // @ts-types="./liblzma_wasm.d.ts"
    return (await import("./liblzma_wasm.js")).compiled;
  } catch {
    return undefined;
  }
}

/** liblzma's code in terms of the data (api/lzma/base.h, "lzma_ret"). */
function errorOf(code: number, { name, command }: LzmaFormat): Error {
  switch (code) {
    case LZMA_BUF_ERROR:
      return truncated(name);
    case LZMA_MEM_ERROR:
    case LZMA_MEMLIMIT_ERROR:
      return unsupported(name, "a dictionary of more than 128 MiB", command);
    case LZMA_OPTIONS_ERROR:
      return unsupported(name, "a filter or an option", command);
    case LZMA_FORMAT_ERROR:
      return damaged(name, name === "xz" ? "what follows a stream is not one" : "its header is out of range");
    default:
      return damaged(name, "its content does not match its checksum, or the format");
  }
}
