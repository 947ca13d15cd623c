/** An abort ends a load at once, with the signal's own reason, and leaves nothing behind. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { LoadError } from "../../../core/errors.ts";
import { PF_R, PF_X } from "../../../core/elf/constants.ts";
import type { KernelSource } from "../../../core/intake/source.ts";
import { loadKernel, type LoadOptions } from "../../../core/load_kernel.ts";
import { defaultPipeline } from "../../../core/stages/default_pipeline.ts";
import { buildElf } from "../../elf_builder.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const FILE = buildElf({ segments: [{ p_flags: PF_R | PF_X, offset: 0x1000, filesz: 0x1800 }], length: 0x3000 });

/** Where a load can be waiting when it is aborted: so many bytes of the file have arrived. */
const PLACES: readonly (readonly [string, number])[] = [
  ["the first byte", 0],
  ["the rest of the file header", 10],
  ["the program header table", 64],
  ["the rest of the program header table", 100],
  ["the first byte of a segment", 64 + 56],
  ["the rest of a segment", 0x1234],
];

const OPTIONS: readonly (readonly [string, LoadOptions])[] = [
  ["default", {}],
  ["bootloader-0.10", { rules: "bootloader-0.10" }],
];

const never = (): Promise<never> => new Promise(() => {});
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

/** What a load rejects with; fails where it has not rejected within two turns of the event loop. */
async function rejection(load: Promise<unknown>): Promise<unknown> {
  const late = Symbol("late");
  const turns = settled().then(settled).then(() => late);
  const reason = await Promise.race([load.then(() => assert(false, "the load succeeded"), (error) => error), turns]);
  assert(reason !== late, "the load did not reject at once");
  return reason;
}

/** A stream that gives `length` bytes and then no more, without an end. */
function hanging(
  length: number,
  type?: "bytes",
): { readonly stream: ReadableStream<Bytes>; readonly cancels: unknown[] } {
  const cancels: unknown[] = [];
  const source = {
    start: (controller: { readonly enqueue: (chunk: Bytes) => void }) => {
      if (length > 0) controller.enqueue(FILE.slice(0, length));
    },
    pull: never,
    cancel: (reason: unknown) => void cancels.push(reason),
  };
  const stream = type ? new ReadableStream({ type, ...source }) : new ReadableStream<Bytes>(source);
  return { stream: stream as ReadableStream<Bytes>, cancels };
}

/** A signal that counts who listens to it. */
function countedSignal(): { readonly controller: AbortController; readonly listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  const active = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener: (type: string, listener: () => void, options?: AddEventListenerOptions) => {
      active.add(listener);
      addEventListener.call(signal, type, listener, options);
      if (options?.once) addEventListener.call(signal, type, () => active.delete(listener));
    },
    removeEventListener: (type: string, listener: () => void) => {
      active.delete(listener);
      removeEventListener.call(signal, type, listener);
    },
  });
  return { controller, listeners: () => active.size };
}

/** Reasons are handed on as they are, errors or not; `undefined` becomes an "AbortError". */
const REASONS: readonly unknown[] = [new Error("enough"), "enough", { why: "enough" }, 0, null, undefined];

Deno.test("a signal that is aborted before the start rejects with its reason, and the source is not touched", async () => {
  const untouched = {
    read: (): never => {
      throw new Error("the source was read");
    },
  };
  for (const reason of REASONS) {
    const signal = AbortSignal.abort(reason);
    for (const source of [FILE, untouched, new Blob([FILE])]) {
      assertStrictEquals(await rejection(loadKernel(source, { signal })), signal.reason);
    }
    let pulls = 0;
    const stream = new ReadableStream<Bytes>({ pull: () => void pulls++ }, { highWaterMark: 0 });
    assertStrictEquals(await rejection(loadKernel(stream, { signal })), signal.reason);
    assertEquals([stream.locked, pulls], [false, 0]);
  }
});

for (const [rules, options] of OPTIONS) {
  for (const [what, length] of PLACES) {
    for (const type of [undefined, "bytes"] as const) {
      const kind = type ? "byte stream" : "stream";
      Deno.test(`an abort while a ${kind} owes ${what} rejects at once and cancels it with the reason (${rules})`, async () => {
        for (const given of REASONS) {
          const { stream, cancels } = hanging(length, type);
          const { controller, listeners } = countedSignal();
          const load = loadKernel(stream, { ...options, signal: controller.signal });
          load.catch(() => {});
          await settled();
          controller.abort(given);
          const { reason } = controller.signal;
          assertStrictEquals(await rejection(load), reason);
          assertEquals([stream.locked, cancels.length], [false, 1]);
          assertStrictEquals(cancels[0], reason);
          await settled();
          assertStrictEquals(listeners(), 0, "listeners left on the signal");
        }
      });
    }

    Deno.test(`an abort while a reader owes ${what} rejects at once and does not close it (${rules})`, async () => {
      const calls: string[] = [];
      let at = 0;
      const source = {
        read: (into: Uint8Array): number | Promise<never> => {
          const piece = FILE.subarray(at, Math.min(length, at + into.length));
          if (piece.length === 0) return never();
          into.set(piece);
          at += piece.length;
          return piece.length;
        },
        close: () => void calls.push("close"),
        cancel: () => void calls.push("cancel"),
        [Symbol.dispose]: () => void calls.push("dispose"),
      };
      const { controller, listeners } = countedSignal();
      const load = loadKernel(source, { ...options, signal: controller.signal });
      load.catch(() => {});
      await settled();
      controller.abort(new Error("enough"));
      assertStrictEquals(await rejection(load), controller.signal.reason);
      assertEquals([calls, listeners()], [[], 0]);
    });
  }

  for (const chunk of [64, 100, 0x800, 0x1800]) {
    Deno.test(`an abort between chunks of ${chunk} bytes rejects with the reason, and no chunk more is asked for (${rules})`, async () => {
      const count = Math.ceil(0x2800 / chunk);
      for (const last of new Set([1, 2, 3, count - 1].filter((at) => at >= 1 && at < count))) {
        const controller = new AbortController();
        const reason = new Error("enough");
        const cancels: unknown[] = [];
        let pulls = 0;
        const stream = new ReadableStream<Bytes>({
          pull: (stream) => {
            stream.enqueue(FILE.slice(pulls * chunk, (pulls + 1) * chunk));
            if (++pulls === last) controller.abort(reason);
          },
          cancel: (reason) => void cancels.push(reason),
        }, { highWaterMark: 0 });
        assertStrictEquals(await rejection(loadKernel(stream, { ...options, signal: controller.signal })), reason);
        assertEquals([pulls, cancels, stream.locked], [last, [reason], false]);
      }
    });
  }

  Deno.test(`an abort inside a synchronous read(buffer) rejects with the reason, and nothing more is read (${rules})`, async () => {
    for (const last of [1, 2, 3]) {
      const controller = new AbortController();
      const reason = new Error("enough");
      let reads = 0;
      let at = 0;
      const source = {
        read: (into: Uint8Array) => {
          if (++reads === last) controller.abort(reason);
          const piece = FILE.subarray(at, at + Math.min(into.length, 100));
          into.set(piece);
          at += piece.length;
          return piece.length;
        },
      };
      assertStrictEquals(await rejection(loadKernel(source, { ...options, signal: controller.signal })), reason);
      assertStrictEquals(reads, last);
    }
  });

  Deno.test(`an abort in onProgress rejects with the reason, and nothing more is read (${rules})`, async () => {
    for (const source of [FILE, new Blob([FILE])] satisfies KernelSource[]) {
      const controller = new AbortController();
      const reason = new Error("enough");
      let calls = 0;
      const onProgress = () => {
        calls++;
        controller.abort(reason);
      };
      const load = loadKernel(source, { ...options, signal: controller.signal, onProgress });
      assertStrictEquals(await rejection(load), reason);
      assertStrictEquals(calls, 1);
    }
  });
}

Deno.test("an abort is heard between reads that never wait for anything", async () => {
  const header = buildElf({ segments: [{ filesz: 0x100 }] });
  for (const wait of [(count: number) => count, (count: number) => Promise.resolve(count)]) {
    let at = 0;
    const read = (into: Uint8Array) => {
      if (performance.now() - start > 5000) throw new Error("the abort was not heard");
      into.set(header.subarray(at, at + into.length));
      const count = Math.min(into.length, 100);
      at += count;
      return wait(count);
    };
    const start = performance.now();
    const signal = AbortSignal.timeout(50);
    const load = loadKernel({ read }, { rules: "bootloader-0.10", signal });
    assertStrictEquals(await load.then(() => undefined, (error) => error), signal.reason);
  }
});

Deno.test("an abort does not wait for a stream whose cancel() never ends", async () => {
  const controller = new AbortController();
  const stream = new ReadableStream<Bytes>({ pull: never, cancel: never });
  const load = loadKernel(stream, { signal: controller.signal });
  load.catch(() => {});
  await settled();
  controller.abort();
  assertStrictEquals(await rejection(load), controller.signal.reason);
  assertStrictEquals(stream.locked, false);
});

Deno.test("an abort wins over an error of the source that it causes", async () => {
  for (const failing of [Promise.reject, (error: Error) => settled().then(() => Promise.reject(error))]) {
    const controller = new AbortController();
    const reason = new Error("enough");
    const source = {
      read: () => {
        controller.abort(reason);
        return failing.call(Promise, new Error("aborted by the signal")) as Promise<never>;
      },
    };
    assertStrictEquals(await rejection(loadKernel(source, { signal: controller.signal })), reason);
    await settled();
  }
});

Deno.test("a read that ends after the abort changes nothing", async () => {
  const controller = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  for (const end of [() => resolve(64), () => reject(new Error("late"))]) {
    const load = loadKernel({ read: () => promise }, { signal: controller.signal });
    load.catch(() => {});
    await settled();
    controller.abort();
    assertStrictEquals(await rejection(load), controller.signal.reason);
    end();
    await settled();
  }
});

Deno.test("an abort while a stage of one's own waits rejects at once", async () => {
  const image = { name: "waiting", needs: [], adds: [], run: never } as const;
  const segment = { name: "waiting", needs: ["segments"], adds: [], segment: never } as const;
  for (
    const pipeline of [
      defaultPipeline.before("parse", image),
      defaultPipeline.after("sanity-check", image),
      defaultPipeline.before("map-load", segment),
      defaultPipeline.after("l4-usage", image),
    ]
  ) {
    const controller = new AbortController();
    const cancels: unknown[] = [];
    const stream = new ReadableStream<Bytes>({
      start: (stream) => stream.enqueue(FILE.slice()),
      cancel: (reason) => void cancels.push(reason),
    });
    const load = loadKernel(stream, { pipeline: pipeline as never, signal: controller.signal });
    load.catch(() => {});
    await settled();
    controller.abort();
    assertStrictEquals(await rejection(load), controller.signal.reason);
    assertEquals([stream.locked, cancels.length], [false, 1]);
    assertStrictEquals(cancels[0], controller.signal.reason);
  }
});

Deno.test("a load that is over has no listener left on the signal, and an abort then does nothing", async () => {
  for (const source of [() => FILE, () => new Blob([FILE]), () => new Response(FILE)]) {
    const { controller, listeners } = countedSignal();
    const kernel = await loadKernel(source(), { signal: controller.signal });
    await settled();
    assertStrictEquals(listeners(), 0);
    controller.abort();
    assertStrictEquals(kernel.entryPoint, 0x40_0000n);
  }
});

Deno.test("a stream whose cancel() never settles hangs neither a load nor a refusal", async () => {
  const endless = (file: Uint8Array) =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(file.slice()),
      cancel: () => new Promise<void>(() => {}),
    }, { highWaterMark: 0 });
  const stream = endless(FILE);
  assertStrictEquals((await loadKernel(stream)).entryPoint, 0x40_0000n);
  assertStrictEquals(stream.locked, false);
  await assertRejects(() => loadKernel(endless(new Uint8Array(64))), LoadError, "magic");
});
