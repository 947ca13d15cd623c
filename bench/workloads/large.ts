/** Kernels of 30 and 53 MB, from every kind of source. */

import { loadKernel, physicalMemory } from "../../mod.ts";
import { drain, readWhole, writeEntries64 } from "../floors.ts";
import { distributionKernel, MIB, PAGE, threeSegments } from "../kernels.ts";
import { once } from "../runner/once.ts";
import { temporaryFile } from "../runner/temporary_file.ts";
import {
  clocked,
  type Group,
  type Sampler,
  timed,
  timedEach,
  timedEachAwaited,
  type Workload,
} from "../runner/workload.ts";

const kernel = once(distributionKernel);
const memorySize = once(async () => (await loadKernel(kernel())).memory.size);

/** Calls to time together. */
const CALLS = 10;

const inPlace: Workload = {
  name: "30 MiB, file already in place / as many entries at 64 bits each",
  aim: 2,
  open: async () => {
    const file = threeSegments(10 * MIB);
    const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(40 * MIB) });
    memory.bytes(2 * MIB, file.length).set(file);
    const load = () => loadKernel(inPlaceReader(file), { memory });
    const { pageTable } = await load();
    const tables = [...pageTable.tables()].filter(({ level }) => level === 1).map(({ frame }) => frame);
    const words = new BigUint64Array(memory.size / 8);
    return {
      floor: timedEach(CALLS, () => writeEntries64(words, tables, 30 * MIB / PAGE, 3n)),
      kload: timedEachAwaited(CALLS, load),
    };
  },
};

/** Reads the page of headers, and reports the rest as read: it is already in memory. */
function inPlaceReader(file: Uint8Array): { readonly read: (buffer: Uint8Array) => number } {
  let taken = 0;
  return {
    read: (buffer) => {
      const count = Math.min(buffer.length, file.length - taken);
      if (taken < PAGE) buffer.set(file.subarray(taken, taken + Math.min(count, PAGE)));
      taken += count;
      return count;
    },
  };
}

const openFile: Workload = {
  name: "53 MB, open file / reads of 1 MiB into a fresh buffer",
  aim: 1.15,
  open: async () => {
    const size = await memorySize();
    const temporary = await temporaryFile(kernel());
    const { file } = temporary;
    const prepare = () => file.seek(0, Deno.SeekMode.Start);
    return {
      floor: clocked({ prepare, run: () => readWhole(file, new Uint8Array(size)) }),
      kload: clocked({ prepare, run: () => loadKernel(file) }),
      [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
    };
  },
};

const stream: Workload = {
  name: "53 MB, stream of 64 KiB / the same stream drained into a fresh buffer",
  aim: 1.2,
  open: async () => {
    const size = await memorySize();
    const temporary = await temporaryFile(kernel());
    const opened = async () => (await Deno.open(temporary.path)).readable;
    return {
      floor: streamed(opened, (source) => drain(source, new Uint8Array(size))),
      kload: streamed(opened, loadKernel),
      [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
    };
  },
};

const gzip: Workload = {
  name: "53 MB, gzip / the same DecompressionStream drained into a fresh buffer",
  aim: 1.1,
  open: async () => {
    const size = await memorySize();
    const packed = await new Response(streamOf(kernel()).pipeThrough(new CompressionStream("gzip"))).bytes();
    const opened = () => streamOf(packed).pipeThrough(new DecompressionStream("gzip"));
    return {
      floor: streamed(opened, (source) => drain(source, new Uint8Array(size))),
      kload: streamed(opened, loadKernel),
    };
  },
};

const bytes: Workload = {
  name: "53 MB, bytes / set() into a fresh buffer",
  aim: 1.15,
  open: async () => {
    const size = await memorySize();
    return {
      floor: timed({ run: () => new Uint8Array(size).set(kernel()) }),
      kload: timed({ run: () => loadKernel(kernel()) }),
    };
  },
};

function streamOf(content: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([content]).stream();
}

/** Times what is done with a stream, but not opening it. */
function streamed(
  opened: () => ReadableStream<Uint8Array> | Promise<ReadableStream<Uint8Array>>,
  use: (source: ReadableStream<Uint8Array>) => Promise<unknown>,
): Sampler {
  let source: ReadableStream<Uint8Array>;
  return timed({ prepare: async () => void (source = await opened()), run: () => use(source) });
}

/** The group. */
export const large: Group = { name: "large kernels", workloads: [inPlace, openFile, stream, gzip, bytes] };
