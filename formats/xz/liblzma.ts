/**
 * Unpacks by liblzma, which is xz's own library: xz data with all of its filters, and .lzma data.
 *
 * @module
 */

import {
  initModule,
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
import type { DecodeOptions } from "../input/decoder.ts";
import type { PackedInput } from "../input/packed_input.ts";
import { damaged, outOfMemory, truncated, unsupported } from "../unpack_error.ts";

/** The functions of liblzma, and their memory, which can grow to 256 MiB. */
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
 * @param options May have the code of liblzma.
 * @param format Its format.
 * @returns The unpacked bytes in pieces; throws if the data is damaged, truncated or too much for the decoder.
 */
export async function* unpackByLiblzma(
  input: PackedInput,
  { liblzma: code }: DecodeOptions,
  format: LzmaFormat,
): AsyncGenerator<Uint8Array, void> {
  const liblzma = await (code ? instanceOf(await code()) : sharedInstance());
  const stream = new WasmLzmaStream(liblzma);
  const buffers = liblzma._malloc(2 * BUFFER_SIZE);
  try {
    yield* runStream(input, stream, { liblzma, buffers, format });
  } finally {
    liblzma._lzma_end(stream.ptr);
    liblzma._free(buffers);
    stream.free();
  }
}

/** What a stream is run with. */
interface Run {
  readonly liblzma: Liblzma;
  /** Room for packed bytes and then for unpacked ones; 0 if there is no memory left. */
  readonly buffers: number;
  readonly format: LzmaFormat;
}

async function* runStream(
  input: PackedInput,
  stream: WasmLzmaStream,
  { liblzma, buffers, format }: Run,
): AsyncGenerator<Uint8Array, void> {
  const unpacked = buffers + BUFFER_SIZE;
  let result = buffers === 0 ? LZMA_MEM_ERROR : format.start(liblzma, stream.ptr, MEMORY_LIMIT);
  for (let isAll = false; result === LZMA_OK;) {
    if (stream.availIn === 0 && !isAll) {
      const bytes = await input.next();
      const taken = bytes.subarray(0, BUFFER_SIZE);
      if (taken.length < bytes.length) input.putBack(bytes.subarray(taken.length));
      liblzma.HEAPU8.set(taken, buffers);
      stream.setInput(buffers, taken.length);
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

/** The package's own instance, which serves every decoder of this module. */
async function sharedInstance(): Promise<Liblzma> {
  try {
    return await initModule();
  } catch (cause) {
    throw new Error("cannot load liblzma: give its compiled code as the option `liblzma`", { cause });
  }
}

/** An instance of given code: its memory goes with it. */
async function instanceOf(compiled: WebAssembly.Module): Promise<Liblzma> {
  return await new Promise((resolve, reject) => {
    const instantiateWasm = (imports: WebAssembly.Imports, use: (instance: WebAssembly.Instance) => void) => {
      WebAssembly.instantiate(compiled, imports).then(use).catch(reject);
      return {};
    };
    createLiblzma({ instantiateWasm }).then(resolve, reject);
  });
}

/** liblzma's code in terms of the data (api/lzma/base.h, "lzma_ret"). */
function errorOf(code: number, { name, command }: LzmaFormat): Error {
  switch (code) {
    case LZMA_BUF_ERROR:
      return truncated(name);
    case LZMA_MEM_ERROR:
      return outOfMemory(name);
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
