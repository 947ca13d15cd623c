/**
 * Snapshots: loaded kernels as plain values, which can be posted to a worker or stored, and opened again.
 *
 * @module
 */

import type { FrameRun } from "../core/memory/frame_allocator.ts";
import { type PhysicalMemory, physicalMemory } from "../core/memory/physical_memory.ts";
import { RULES } from "../core/rules.ts";
import type { ExplainedKernel } from "./explained.ts";

/** The version of a snapshot's layout. */
const VERSION = 1;

/** A loaded kernel as a plain value, which `structuredClone` and `postMessage` accept. */
export interface KernelSnapshot extends
  Pick<
    ExplainedKernel,
    | "rules"
    | "level4Frame"
    | "entryPoint"
    | "virtualAddressOffset"
    | "tlsTemplate"
    | "fileHeader"
    | "programHeaders"
    | "diagnostics"
    | "results"
  > {
  /** What it is. */
  readonly kind: "kload-snapshot";
  /** The version of its layout: 1. */
  readonly version: 1;
  /** Physical memory: the address of its first byte, and its bytes. */
  readonly memory: Pick<PhysicalMemory, "base" | "buffer">;
  /** Where the file's bytes lie in memory. */
  readonly file: ExplainedKernel["addressSpace"]["file"];
  /** Every frame in use, as runs by owner. */
  readonly frames: readonly FrameRun[];
}

/** What to do with a kernel's memory. */
export interface SnapshotOptions {
  /**
   * Whether the snapshot gets a copy of the memory, so that it shows the kernel as it is now. Otherwise it has the
   * kernel's own buffer: what is written later shows, and if the buffer is transferred to a worker, the kernel can no
   * longer be used. Default: false.
   */
  readonly copy?: boolean;
}

/**
 * Takes a snapshot of a kernel for {@linkcode openSnapshot}. Functions in the results of plugins are left out.
 *
 * Posting it copies the memory, unless its buffer is transferred or shared:
 * `worker.postMessage(snapshot, snapshotTransfer(snapshot))`.
 *
 * @example
 * ```ts
 * import { explainAddress, openSnapshot, snapshot } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const posted = structuredClone(snapshot(kernel)); // what a worker gets
 * const opened = openSnapshot(posted);
 * assertEquals(explainAddress(opened, kernel.entryPoint), explainAddress(kernel, kernel.entryPoint));
 * ```
 *
 * @param kernel The kernel, as `loadKernel` returned it or as it was opened from another snapshot.
 * @param options Whether to copy the memory.
 * @returns The snapshot.
 */
export function snapshot(kernel: ExplainedKernel, { copy = false }: SnapshotOptions = {}): KernelSnapshot {
  const { memory, addressSpace: { file } } = kernel;
  return {
    kind: "kload-snapshot",
    version: VERSION,
    rules: kernel.rules,
    memory: { base: memory.base, buffer: copy ? memory.buffer.slice(0) : memory.buffer },
    level4Frame: kernel.level4Frame,
    entryPoint: kernel.entryPoint,
    virtualAddressOffset: kernel.virtualAddressOffset,
    ...(kernel.tlsTemplate ? { tlsTemplate: kernel.tlsTemplate } : {}),
    file: { phys: file.phys, size: file.size },
    frames: kernel.frameRuns(),
    fileHeader: kernel.fileHeader,
    programHeaders: kernel.programHeaders,
    diagnostics: kernel.diagnostics,
    results: plain(kernel.results, new Map()) as ExplainedKernel["results"],
  };
}

/**
 * Lists what to transfer when a snapshot is posted, so that its memory is not copied. The snapshot, and a kernel whose
 * memory it was taken of without a copy, can then no longer be used where they were.
 *
 * @example
 * ```ts
 * import { snapshot, snapshotTransfer } from "@kload/kload/explain";
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const taken = snapshot(kernel, { copy: true });
 * const posted = structuredClone(taken, { transfer: snapshotTransfer(taken) });
 * assertEquals([taken.memory.buffer.byteLength, posted.memory.buffer.byteLength], [0, kernel.memory.size]);
 * ```
 *
 * @param taken The snapshot.
 * @returns Its buffer; nothing if that is shared memory, which is never copied.
 */
export function snapshotTransfer({ memory: { buffer } }: KernelSnapshot): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer ? [buffer] : [];
}

/**
 * Opens a snapshot. What explains a loaded kernel takes the result, and gives the same answers.
 *
 * @param taken What {@linkcode snapshot} returned, or what a worker got of it.
 * @returns The kernel; it uses the snapshot's memory itself.
 * @throws {TypeError} If it is no snapshot, is one of another version, or its memory was transferred elsewhere.
 */
export function openSnapshot(taken: KernelSnapshot): ExplainedKernel {
  checkSnapshot(taken);
  const { memory, file, frames, kind: _kind, version: _version, ...rest } = taken;
  return Object.freeze({
    ...rest,
    memory: physicalMemory(memory),
    addressSpace: Object.freeze({ file }),
    frameRuns: () => frames.map((run) => ({ ...run })),
  });
}

function checkSnapshot(taken: Partial<KernelSnapshot> | null | undefined): void {
  const refuse = (why: string): never => {
    throw new TypeError(`Cannot open the snapshot: ${why}`);
  };
  if (typeof taken !== "object" || taken?.kind !== "kload-snapshot") return refuse("pass what snapshot() returned");
  if (taken.version !== VERSION) return refuse(`its version is ${String(taken.version)}, not ${VERSION}`);
  const { memory, file, level4Frame, entryPoint, virtualAddressOffset, rules, fileHeader, results } = taken;
  const { tlsTemplate = {} } = taken;
  const right = typeof memory?.base === "number" && typeof memory.buffer?.byteLength === "number" &&
    typeof file?.phys === "number" && typeof file.size === "number" && typeof level4Frame === "number" &&
    typeof entryPoint === "bigint" && typeof virtualAddressOffset === "bigint" &&
    typeof rules === "string" && Object.hasOwn(RULES, rules) &&
    [taken.frames, taken.programHeaders, taken.diagnostics].every(Array.isArray) &&
    [fileHeader, results, tlsTemplate].every((part) => typeof part === "object" && part !== null);
  if (!right) return refuse("a part of it is missing, or of the wrong type");
  if (memory.buffer.byteLength === 0) return refuse("its memory was transferred elsewhere");
}

/** What `structuredClone` accepts of a plugin's result: functions and symbols are left out, and getters are read. */
function plain(value: unknown, done: Map<object, unknown>): unknown {
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  const known = done.get(value);
  if (known !== undefined) return known;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Date) return value;
  if (Array.isArray(value)) {
    const list: unknown[] = [];
    done.set(value, list);
    for (const each of value) list.push(plain(each, done));
    return list;
  }
  if (value instanceof Map) {
    const map = new Map<unknown, unknown>();
    done.set(value, map);
    for (const [key, each] of value) map.set(plain(key, done), plain(each, done));
    return map;
  }
  if (value instanceof Set) {
    const set = new Set<unknown>();
    done.set(value, set);
    for (const each of value) set.add(plain(each, done));
    return set;
  }
  const object: Record<string, unknown> = {};
  done.set(value, object);
  for (const key of Object.keys(value)) {
    const each: unknown = Reflect.get(value, key);
    if (typeof each !== "function" && typeof each !== "symbol") object[key] = plain(each, done);
  }
  return object;
}
