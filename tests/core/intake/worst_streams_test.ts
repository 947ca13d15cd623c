/** Streams at their worst: byte by byte, mostly empty, changed after they were handed over, stalled or failing anywhere. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { PF_R, PF_W, PF_X } from "../../../core/elf/constants.ts";
import { LoadError } from "../../../core/errors.ts";
import type { KernelSource } from "../../../core/intake/source.ts";
import { loadKernel, type LoadOptions } from "../../../core/load_kernel.ts";
import { buildElf } from "../../elf_builder.ts";
import { readerOf, watched } from "./watched_sources.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const LENGTH = 0x300;
const FILE = buildElf({
  segments: [
    { p_flags: PF_R | PF_X, p_vaddr: 0x40_0100n, offset: 0x100, filesz: 0x100 },
    { p_flags: PF_R | PF_W, p_vaddr: 0x40_1200n, offset: 0x200, filesz: LENGTH - 0x201, p_memsz: 0x2000n },
  ],
  length: LENGTH,
});
/** Only these rules read the last byte, which no segment needs. */
const WHOLE: LoadOptions = { rules: "bootloader-0.10" };

/** All bytes up to the first frame that is free. */
async function imageOf(source: KernelSource, options: LoadOptions = {}): Promise<Uint8Array> {
  const { memory, nextFrame } = await loadKernel(source, options);
  return memory.bytes(memory.base, nextFrame - memory.base);
}

/** A stream that hands out each chunk when it is asked for, and none before. */
function onDemand(next: () => Bytes | undefined): ReadableStream<Bytes> {
  return new ReadableStream({
    pull: (controller) => {
      const chunk = next();
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
  }, { highWaterMark: 0 });
}

Deno.test("5 MB that arrive byte by byte are loaded as they are", async () => {
  const file = buildElf({ segments: [{ offset: 0x1000, filesz: 5_000_000 }] });
  let at = 0;
  const stream = onDemand(() => at < file.length ? file.subarray(at, ++at) : undefined);
  // The signal ends the test if it hangs.
  const { memory, addressSpace } = await loadKernel(stream, { signal: AbortSignal.timeout(120_000) });
  assert(equals(memory.bytes(addressSpace.file.phys, file.length), file));
});

Deno.test("hundreds of empty chunks before each byte change nothing", async () => {
  const expected = await imageOf(FILE);
  let turn = 0;
  const stream = onDemand(() => {
    const at = Math.floor(turn / 200);
    if (at >= FILE.length) return undefined;
    return turn++ % 200 === 199 ? FILE.subarray(at, at + 1) : new Uint8Array();
  });
  assert(equals(await imageOf(stream), expected));
});

Deno.test("a stream that puts every chunk into one buffer is loaded as it is", async () => {
  for (const size of [1, 7, 64, 100]) {
    const buffer = new Uint8Array(size);
    let at = 0;
    const stream = onDemand(() => {
      if (at >= FILE.length) return undefined;
      const piece = FILE.subarray(at, at + size);
      at += piece.length;
      buffer.set(piece);
      return buffer.subarray(0, piece.length);
    });
    assert(equals(await imageOf(stream, WHOLE), await imageOf(FILE, WHOLE)), `chunks of ${size} bytes`);
  }
});

Deno.test("chunks and bytes that are overwritten after the load do not change the kernel", async () => {
  const expected = await imageOf(FILE);
  const bytes = FILE.slice();
  const chunks = [FILE.slice(0, 200), FILE.slice(200)];
  const images = [await imageOf(bytes), await imageOf(watched(chunks).stream)];
  for (const written of [bytes, ...chunks]) written.fill(0xee);
  for (const image of images) assert(equals(image, expected));
});

Deno.test("headers that are overwritten during a load are loaded as they were read", async () => {
  // After each read, everything that was handed over so far is overwritten.
  for (const asStream of [false, true]) {
    const bytes = FILE.slice();
    const source = asStream ? watched([bytes]).stream : bytes;
    let reads = 0;
    const onProgress = (): void => {
      if (reads++ > 0) bytes.fill(0xee);
    };
    const kernel = await loadKernel(source, { onProgress });
    assertEquals(kernel.programHeaders, (await loadKernel(FILE)).programHeaders);
    const { memory, addressSpace } = kernel;
    const kept = memory.bytes(addressSpace.file.phys, 64 + 2 * 56);
    assert(equals(kept, FILE.subarray(0, kept.length)), "what lies in memory is not what was checked");
    assertEquals([...kernel.read(0x40_0100n, 0x100)], new Array(0x100).fill(0xee));
  }
});

/** What is needed of the file: the last byte of the last segment, or everything. */
const NEEDED: readonly (readonly [LoadOptions, number])[] = [[{}, LENGTH - 1], [WHOLE, LENGTH]];

for (const [options, needed] of NEEDED) {
  const rules = options.rules ?? "default";
  Deno.test(`an error at any offset is the cause of source-failed, unless nobody reads on (${rules})`, async () => {
    const expected = await imageOf(FILE, options);
    for (let offset = 0; offset <= LENGTH; offset++) {
      const cause = new Error(`at ${offset}`);
      const start = FILE.slice(0, offset);
      const fail = (): never => {
        throw cause;
      };
      const sources = [watched(offset > 0 ? [start] : [], fail).stream, readerOf(start, fail)];
      for (const source of sources) {
        // The whole file is read to its end, so that even an error after the last byte is met.
        if (offset >= needed && !options.rules) {
          assert(equals(await imageOf(source, options), expected), `${offset}`);
          continue;
        }
        const error = await assertRejects(() => loadKernel(source, options), LoadError);
        assertStrictEquals(error.code, "source-failed", `${offset}`);
        assertStrictEquals(error.cause, cause);
        assertEquals(error.detail, { field: "the number of bytes read", value: offset });
      }
    }
  });

  Deno.test(`a source that stalls at any offset ends with the abort, and is cancelled with its reason (${rules})`, async () => {
    for (let offset = 0; offset < needed; offset++) {
      const start = FILE.slice(0, offset);
      const controller = new AbortController();
      const reason = new Error(`at ${offset}`);
      const stall = (): Promise<never> => {
        queueMicrotask(() => controller.abort(reason));
        return new Promise(() => {});
      };
      const { stream, cancels } = watched(offset > 0 ? [start] : [], stall);
      for (const source of [stream, readerOf(start, stall)]) {
        const load = loadKernel(source, { ...options, signal: controller.signal });
        assertStrictEquals(await load.catch((error) => error), reason);
      }
      assertEquals(cancels, [reason]);
    }
  });
}
