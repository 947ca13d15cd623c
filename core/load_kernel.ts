/**
 * Loads a kernel.
 *
 * @module
 */

import type { AddressSpace } from "./address_space/address_space.ts";
import { checkDiagnostic, type Diagnostic } from "./diagnostics.ts";
import { amended, LoadError } from "./errors.ts";
import { pauses } from "./intake/pause.ts";
import { openIntake, type Progress } from "./intake/intake.ts";
import { type KernelSource, openSource } from "./intake/source.ts";
import { typedValue } from "./intake/value_kind.ts";
import { type LoadedKernel, loadedKernel } from "./loaded_kernel.ts";
import type { FrameAllocator } from "./memory/frame_allocator.ts";
import type { PhysicalMemory } from "./memory/physical_memory.ts";
import type { Base, TakesFor } from "./pipeline/context.ts";
import { checkLoads, checkOrder, type Grown } from "./pipeline/order.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";
import { type Outcome, runPipeline } from "./pipeline/run_pipeline.ts";
import { checkKeys, checkSettings, wrongKind } from "./pipeline/settings.ts";
import type { Stage } from "./pipeline/stage.ts";
import { checkPlugins, type PluginList } from "./plugin/check_plugins.ts";
import { type HandlerStages, handlerStages } from "./plugin/handlers.ts";
import type { PluginEntry } from "./plugin/plugin.ts";
import { HANDLER_STAGES, withPlugins } from "./plugin/with_plugins.ts";
import { RULES, type RuleSetName } from "./rules.ts";
import { defaultPipeline, type DefaultStages } from "./stages/default_pipeline.ts";

/** How to load a kernel. Every option is optional. */
export interface LoadOptions<P extends readonly PluginEntry[] = [], S extends readonly Stage[] = DefaultStages> {
  /** The rule set: what is accepted, and which quirks of the original apply. Default: "default". */
  readonly rules?: RuleSetName;
  /** Your own memory, or the base (default: 0) and size (default: what the load needs) of memory to allocate. */
  readonly memory?: PhysicalMemory | {
    /** Physical address of the first byte, a multiple of 4096. */
    readonly base?: number;
    /** Number of bytes, a multiple of 4096. */
    readonly size?: number;
  };
  /** The most bytes of memory to allocate. Default: 4 GiB. */
  readonly maxMemory?: number;
  /** Number of bytes to keep free for after the load, in memory that the load sizes itself. Default: 256 KiB. */
  readonly reserve?: number;
  /** Physical address of the file's first byte, a multiple of 4096. Default: 2 MiB above the start of memory. */
  readonly kernelOffset?: number;
  /** Physical address of the level-4 table, a multiple of 4096. Default: the first frame allocated. */
  readonly level4Frame?: number;
  /** Hands out frames. Default: ascending from the first page after the file's bytes, skipping `level4Frame`. */
  readonly frames?: FrameAllocator;
  /**
   * Added to every `p_vaddr` of an `ET_DYN` kernel; a multiple of 4096 and of its largest `p_align`. Default: 0, or
   * what the plugin relocate chooses.
   */
  readonly kernelBase?: bigint;
  /** Handlers for more program header types, and more stages. Falsy entries are skipped. Default: none. */
  readonly plugins?: P;
  /** The stages. Default: parse, sanity-check, map-load, bss-fixup, tls-extract, l4-usage. */
  readonly pipeline?:
    & Pipeline<S>
    & (number extends S["length"] ? unknown
      : Grown<S> extends string | { readonly addressSpace: AddressSpace } ? unknown
      : "the pipeline loads nothing: it has no segment stage");
  /** Aborts the load, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after every read. */
  readonly onProgress?: (progress: Progress) => void;
}

const OPTIONS: readonly (keyof LoadOptions)[] = [
  ...["rules", "memory", "maxMemory", "reserve", "kernelOffset", "level4Frame", "frames", "kernelBase"] as const,
  ...["plugins", "pipeline", "signal", "onProgress"] as const,
];

/**
 * Loads a 64-bit ELF kernel into physical memory and builds its page tables there.
 *
 * The file's first byte is placed at `kernelOffset`. Its pages are mapped in place, and only pages that must differ
 * from the file get their own frames. Nothing is read past the last byte needed (of a stream, past the chunk that holds
 * it), and the source is released.
 *
 * @example A kernel from bytes
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file);
 * assertEquals(kernel.entryPoint, 0xffffffff80000000n);
 * assertEquals(kernel.pageTable.translate(kernel.entryPoint).mapped, true);
 * ```
 *
 * @example A kernel in your own memory, at an address of your choice
 * ```ts
 * import { loadKernel, physicalMemory } from "@kload/kload";
 * import { assertEquals } from "@std/assert";
 *
 * const memory = physicalMemory({ base: 0x10_0000, buffer: new SharedArrayBuffer(0x40_0000) });
 * using file = await Deno.open("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { memory, kernelOffset: 0x20_0000 });
 * assertEquals(kernel.memory, memory);
 * ```
 *
 * @param source Bytes, a stream of them, an open file or anything with `read(buffer)`, a `Blob`, or a `Response`.
 * @param options Rules, memory, addresses, plugins, stages, signal and progress.
 * @returns The kernel in memory.
 * @throws {LoadError} If the file is refused, the source fails, or memory runs out. Its `diagnostics` are those
 * reported before.
 * @throws {TypeError} If the source or an option is of the wrong kind, or the pipeline is out of order.
 * @throws {RangeError} If an option's value is out of bounds.
 */
export async function loadKernel<
  const P extends readonly PluginEntry[] = [],
  const S extends readonly Stage[] = DefaultStages,
>(
  source: KernelSource,
  options: LoadOptions<P, S> = {},
): Promise<LoadedKernel<P, S>> {
  checkKeys(options, OPTIONS);
  const settings = checkSettings(options);
  const rules = RULES[checkRules(options.rules)];
  const list = options.plugins === undefined ? NO_PLUGINS : checkPlugins(options.plugins);
  const handlers = list.plugins.length === 0 ? NO_HANDLERS : handlerStages(list);
  const stages = stagesInOrder(stagesOf(options.pipeline ?? defaultPipeline), list, handlers);
  const { signal } = options;
  const onProgress = checkCallbacks(options);
  signal?.throwIfAborted();

  const diagnostics: Diagnostic[] = [];
  const report = (diagnostic: Diagnostic): void => void diagnostics.push(checkDiagnostic(diagnostic));
  const pause = pauses(signal);
  const intake = openIntake(openSource(source), { maxMemory: settings.maxMemory, signal, pause, onProgress });
  const takes = (file: TakesFor): number => sumOf([...list.plugins, ...stages], file);
  const base: Base = { rules, settings, intake, pause, report, claimOn: list.claimOn, takes };
  try {
    const outcome = await runPipeline(stages, base, signal);
    await intake.close();
    const kernel = loadedKernel(outcome.context, diagnostics, resultsOf(outcome, stages, list, handlers));
    return kernel as unknown as LoadedKernel<P, S>; // the types of the results exist only at compile time
  } catch (cause) {
    const error = cause instanceof LoadError ? amended(cause, { diagnostics: Object.freeze([...diagnostics]) }) : cause;
    await intake.close(error)?.catch(() => {});
    signal?.throwIfAborted();
    throw error;
  }
}

function checkRules(name: unknown = "default"): RuleSetName {
  if (typeof name === "string" && Object.hasOwn(RULES, name)) return name as RuleSetName;
  throw wrongKind("rules", name, `it must be one of ${Object.keys(RULES).join(", ")}`);
}

function stagesOf(pipeline: { readonly stages: readonly Stage[] }): readonly Stage[] {
  if (Array.isArray(pipeline?.stages)) return pipeline.stages;
  throw wrongKind("pipeline", pipeline, "pass what pipeline() returns");
}

function checkCallbacks({ signal, onProgress }: Pick<LoadOptions, "signal" | "onProgress">): LoadOptions["onProgress"] {
  if (signal !== undefined && typeof signal?.throwIfAborted !== "function") {
    throw wrongKind("signal", signal, "pass an AbortSignal");
  }
  if (onProgress === undefined || typeof onProgress === "function") return onProgress;
  throw wrongKind("onProgress", onProgress, "pass a function");
}

const NO_PLUGINS = checkPlugins([]);
const NO_HANDLERS = handlerStages(NO_PLUGINS);

/** For the stages of each pipeline that was used without plugins: the same with those that run handlers, checked. */
const IN_ORDER = new WeakMap<readonly Stage[], readonly Stage[]>();

/**
 * Adds what plugins bring to the stages of a pipeline, and checks the result. Pipelines do not change, so one without
 * plugins is checked once.
 */
function stagesInOrder(stages: readonly Stage[], list: PluginList, handlers: HandlerStages): readonly Stage[] {
  const known = handlers === NO_HANDLERS ? IN_ORDER.get(stages) : undefined;
  if (known) return known;
  const all = withPlugins(stages, list, handlers);
  checkOrder(all);
  checkLoads(all);
  if (handlers === NO_HANDLERS && Object.isFrozen(stages)) IN_ORDER.set(stages, all);
  return all;
}

/** A plugin or a stage. */
type Taker = Pick<Stage, "name" | "takes">;

/** The most bytes of memory that plugins and stages take, by their own account. */
function sumOf(takers: readonly Taker[], file: TakesFor): number {
  return takers.reduce((sum, taker) => sum + bytesFor(taker, file), 0);
}

function bytesFor({ name, takes }: Taker, file: TakesFor): number {
  try {
    const bytes: unknown = takes?.(file) ?? 0;
    if (typeof bytes === "number" && Number.isFinite(bytes) && bytes >= 0) return bytes;
    throw new TypeError(`Cannot use ${typedValue(bytes)} as the result of takes(): it must be a number of bytes`);
  } catch (cause) {
    if (cause instanceof LoadError) throw cause;
    throw new LoadError("plugin-failed", { field: "takes() of", value: name }, { cause });
  }
}

/** The names of stages whose additions are not results. */
const BUILT_IN = new Set<string>([...defaultPipeline.stages.map(({ name }) => name), ...HANDLER_STAGES]);

/**
 * What plugins and the caller's stages found, without the additions of built-in stages and a plugin's internal stages.
 */
function resultsOf(
  { additions }: Outcome,
  stages: readonly Stage[],
  { plugins }: PluginList,
  handlers: HandlerStages,
): Readonly<Record<string, unknown>> {
  if (stages.every(({ name }) => BUILT_IN.has(name)) && handlers.results.size === 0) return {};
  const plumbing = new Set<string>();
  for (const { name, stages: own = [] } of plugins) {
    for (const { stage } of own) if (stage.name !== name) plumbing.add(stage.name);
  }
  const results: Record<string, unknown> = {};
  for (const { name } of stages) {
    if (!BUILT_IN.has(name) && !plumbing.has(name)) results[name] = additions.get(name) ?? {};
  }
  for (const [name, found] of handlers.results) {
    const added = Object.hasOwn(results, name) ? results[name] : undefined; // a plugin may be called "constructor"
    results[name] = added === undefined ? found : { ...found as object, ...added as object };
  }
  return results;
}
