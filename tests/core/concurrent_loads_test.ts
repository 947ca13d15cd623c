/** Loads at the same time: none sees anything of another, and a source serves one of them. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { LoadError } from "../../core/errors.ts";
import type { KernelSource } from "../../core/intake/source.ts";
import { loadKernel, type LoadOptions } from "../../core/load_kernel.ts";
import type { LoadedKernel } from "../../core/loaded_kernel.ts";
import type { PluginEntry } from "../../core/plugin/plugin.ts";
import { physicalMemory } from "../../core/memory/physical_memory.ts";
import { presets } from "../../plugins/presets.ts";
import { sections } from "../../plugins/sections.ts";
import { generateFile } from "../fuzz/generate/file.ts";
import { randomOf } from "../fuzz/random.ts";

const SIZE = 2 ** 20;

const example = (name: string) => Deno.readFileSync(new URL(`../../examples/hello/${name}`, import.meta.url));

/** Options with any plugins. */
type Options = LoadOptions<readonly PluginEntry[]>;

type Outcome = { readonly kernel: LoadedKernel<readonly PluginEntry[]> } | { readonly error: string };

async function outcomeOf(source: KernelSource, options: Options): Promise<Outcome> {
  const memory = physicalMemory({ base: 0x10_0000, buffer: new ArrayBuffer(SIZE) });
  try {
    return { kernel: await loadKernel(source, { memory, kernelOffset: 0x10_0000, ...options }) };
  } catch (error) {
    assert(error instanceof LoadError, String(error));
    return { error: error.message };
  }
}

function assertSame(one: Outcome, other: Outcome): void {
  if ("error" in one || "error" in other) return assertEquals(one, other);
  assert(equals(new Uint8Array(one.kernel.memory.buffer), new Uint8Array(other.kernel.memory.buffer)));
  assertEquals(one.kernel.diagnostics, other.kernel.diagnostics);
  assertEquals(Deno.inspect(one.kernel.results, { depth: 9 }), Deno.inspect(other.kernel.results, { depth: 9 }));
}

/** A stream in pieces, each of which arrives in a turn of its own. */
function slowly(bytes: Uint8Array<ArrayBuffer>, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull: async (controller) => {
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + size));
      at += size;
    },
  });
}

Deno.test("loads at the same time, with the same plugins, give what each gives alone", async () => {
  const plugins = [...presets.default.plugins, sections()];
  const files = Array.from({ length: 40 }, (_, index) => generateFile(randomOf(17, index), "default").bytes);
  files.push(example("hello.elf"), example("hello-pie.elf"));
  const alone: Outcome[] = [];
  for (const file of files) alone.push(await outcomeOf(file, { plugins }));
  assert(alone.filter((outcome) => "kernel" in outcome).length > 10);
  const together = await Promise.all(files.map((file, index) => {
    return outcomeOf(slowly(file, 500 + index * 37), { plugins });
  }));
  together.forEach((outcome, index) => assertSame(outcome, alone[index]));
});

Deno.test("one source of bytes serves any number of loads at the same time", async () => {
  const file = example("hello-pie.elf");
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => outcomeOf(file, presets.default)));
  for (const outcome of outcomes) assertSame(outcome, outcomes[0]);
});

Deno.test("a stream that a load reads is refused by another load, which disturbs nothing", async () => {
  const file = example("hello.elf");
  const stream = slowly(file, 1000);
  const first = outcomeOf(stream, {});
  const second = await loadKernel(stream).catch((error) => error);
  assertStrictEquals(second instanceof TypeError, true);
  assertEquals(second.message, "Cannot read the stream: it is locked to another reader");
  assertSame(await first, await outcomeOf(file, {}));
});

Deno.test("two loads that read from one open file each get a part of it, and end", async () => {
  const file = example("hello.elf");
  for (const isAsync of [false, true]) {
    let at = 0;
    const read = (buffer: Uint8Array): number | null => {
      const piece = file.subarray(at, at + buffer.length);
      buffer.set(piece);
      at += piece.length;
      return piece.length === 0 ? null : piece.length;
    };
    const reader = { read: (buffer: Uint8Array) => isAsync ? Promise.resolve(read(buffer)) : read(buffer) };
    const outcomes = await Promise.all([outcomeOf(reader, {}), outcomeOf(reader, {})]);
    // The second starts inside the first's file, so it finds no header.
    assertEquals("error" in outcomes[1], true);
  }
});
