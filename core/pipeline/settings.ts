/**
 * The caller's options about memory and addresses, checked and completed with defaults.
 *
 * @module
 */

import { hexAddr } from "../hex.ts";
import { typedValue } from "../intake/value_kind.ts";
import { PAGE_SIZE, PHYSICAL_END } from "../memory/addresses.ts";
import type { FrameAllocator } from "../memory/frame_allocator.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";

/** The caller's options about memory and addresses, checked and completed with defaults. */
export interface LoadSettings {
  /** The caller's memory, if any. */
  readonly memory?: PhysicalMemory;
  /** Physical address of the memory's first byte. */
  readonly base: number;
  /** Size of the memory in bytes, if the caller chose one. */
  readonly size?: number;
  /** The most bytes of memory to allocate. */
  readonly maxMemory: number;
  /** Number of bytes to keep free for after the load, in memory that the load sizes itself. */
  readonly reserve: number;
  /** Physical address of the file's first byte. */
  readonly kernelOffset: number;
  /** Physical address of the level-4 table, if the caller chose one. */
  readonly level4Frame?: number;
  /** The caller's frame allocator, if any. */
  readonly frames?: FrameAllocator;
  /** Added to every `p_vaddr` of an `ET_DYN` kernel, if the caller chose a base. */
  readonly kernelBase?: bigint;
}

const DEFAULT_MAX_MEMORY = 4 * 2 ** 30;
const DEFAULT_KERNEL_OFFSET = 2 * 2 ** 20;
const DEFAULT_RESERVE = 256 * 2 ** 10;

/** The `cause` of the error about a refused option. */
export interface OptionCause {
  /** The option's name. */
  readonly option: string;
  /** Its value. */
  readonly value: unknown;
  /** Why the value is refused, such as "it must be a multiple of 4096". */
  readonly why: string;
}

/**
 * Creates the error for an option whose value is of the wrong kind.
 *
 * @param option The option's name.
 * @param value Its value.
 * @param why Why the value is refused.
 * @returns The error; its cause is an {@linkcode OptionCause}.
 */
export function wrongKind(option: string, value: unknown, why: string): TypeError {
  const cause: OptionCause = { option, value, why };
  return new TypeError(`Cannot use ${typedValue(value)} as ${option}: ${why}`, { cause });
}

/**
 * Creates the error for an option whose value is out of bounds.
 *
 * @param option The option's name.
 * @param value Its value.
 * @param why Why the value is refused.
 * @returns The error; its cause is an {@linkcode OptionCause}.
 */
export function outOfBounds(option: string, value: unknown, why: string): RangeError {
  const cause: OptionCause = { option, value, why };
  return new RangeError(`Cannot use ${describe(value)} as ${option}: ${why}`, { cause });
}

function describe(value: unknown): string {
  if (typeof value === "bigint" || Number.isInteger(value)) return hexAddr(value as number | bigint);
  return typeof value === "number" ? String(value) : typedValue(value);
}

/**
 * Checks that an options object has only known keys, because a misspelled one would be silently ignored.
 *
 * @param options What the caller passed.
 * @param known The names of the options.
 * @throws {TypeError} If it is not an object, is a promise, or has an unknown key.
 */
export function checkKeys(options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `Cannot use ${typedValue(options)} as options: pass an object with any of ${known.join(", ")}`,
    );
  }
  if (options instanceof Promise) throw new TypeError("Cannot use a promise as options: await it first");
  for (const key in options) {
    if (known.includes(key) || !Object.hasOwn(options, key)) continue;
    throw new TypeError(`Cannot use the option "${key}": it does not exist; the options are ${known.join(", ")}`);
  }
}

/**
 * Checks a seed, from which a plugin derives its random numbers.
 *
 * @param seed The value of the option `seed`; `undefined` if it was not given.
 * @throws {TypeError} If it is not a `bigint`.
 * @throws {RangeError} If it does not fit in 64 bits.
 */
export function checkSeed(seed: unknown): void {
  if (seed === undefined) return;
  if (typeof seed !== "bigint") throw wrongKind("seed", seed, "it must be a bigint");
  if (BigInt.asUintN(64, seed) !== seed) throw new RangeError(`Cannot use ${seed} as seed: it must fit in 64 bits`);
}

/**
 * Checks the options about memory and addresses.
 *
 * @param options The caller's options.
 * @returns The settings.
 * @throws {RangeError} If an address or size is misaligned or out of bounds.
 * @throws {TypeError} If an option is of the wrong kind.
 */
export function checkSettings(options: {
  readonly memory?: PhysicalMemory | { readonly base?: number; readonly size?: number };
  readonly maxMemory?: number;
  readonly reserve?: number;
  readonly kernelOffset?: number;
  readonly level4Frame?: number;
  readonly frames?: FrameAllocator;
  readonly kernelBase?: bigint;
}): LoadSettings {
  const { level4Frame, frames, kernelBase } = options;
  const maxMemory = byteCount("maxMemory", options.maxMemory ?? DEFAULT_MAX_MEMORY, 1);
  const reserve = byteCount("reserve", options.reserve ?? DEFAULT_RESERVE, 0);
  checkMemoryKind(options.memory);
  if (frames !== undefined && typeof frames?.allocateFrame !== "function") {
    throw wrongKind("frames", frames, "pass a frame allocator, an object with allocateFrame()");
  }
  const memory = options.memory && "bytes" in options.memory ? options.memory : undefined;
  const base = pages("memory.base", options.memory?.base ?? 0);
  const size = memory ? undefined : options.memory?.size;
  if (size !== undefined && pages("memory.size", size) > maxMemory) {
    throw outOfBounds("memory.size", size, `it must be at most maxMemory, ${hexAddr(maxMemory)}`);
  }
  if (options.kernelOffset === undefined && base > PHYSICAL_END - DEFAULT_KERNEL_OFFSET) {
    throw outOfBounds("memory.base", base, "the file is placed 2 MiB above it, which is above 2^52");
  }
  const kernelOffset = pages("kernelOffset", options.kernelOffset ?? base + DEFAULT_KERNEL_OFFSET);
  if (kernelOffset < base) {
    throw outOfBounds("kernelOffset", kernelOffset, `it must not be below memory, which starts at ${hexAddr(base)}`);
  }
  if (level4Frame !== undefined && pages("level4Frame", level4Frame) > PHYSICAL_END - PAGE_SIZE) {
    throw outOfBounds("level4Frame", level4Frame, "it ends above 2^52");
  }
  if (kernelBase !== undefined && typeof kernelBase !== "bigint") {
    throw wrongKind("kernelBase", kernelBase, "it must be a bigint");
  }
  if (kernelBase !== undefined && (kernelBase < 0n || kernelBase >= 1n << 64n)) {
    throw outOfBounds("kernelBase", kernelBase, "it must be from 0 to 2^64 - 1");
  }
  return { memory, base, size, maxMemory, reserve, kernelOffset, level4Frame, frames, kernelBase };
}

function byteCount(option: string, value: unknown, least: number): number {
  if (typeof value !== "number") throw wrongKind(option, value, "it must be a number of bytes");
  if (Number.isInteger(value) && value >= least && value <= PHYSICAL_END) return value;
  throw outOfBounds(option, value, `it must be a number of bytes from ${least} to 2^52`);
}

function pages(option: string, value: unknown): number {
  if (typeof value !== "number") throw wrongKind(option, value, "it must be a number");
  if (Number.isInteger(value) && value >= 0 && value <= PHYSICAL_END && value % PAGE_SIZE === 0) return value;
  throw outOfBounds(option, value, "it must be a multiple of 4096 from 0 to 2^52");
}

function checkMemoryKind(memory: unknown): void {
  if (memory === undefined) return;
  const isBuffer = ArrayBuffer.isView(memory) || /Buffer\]$/.test(Object.prototype.toString.call(memory));
  if (typeof memory !== "object" || memory === null || isBuffer) {
    throw wrongKind("memory", memory, "pass { base, size }, or what physicalMemory({ base, buffer }) returns");
  }
  if (!("bytes" in memory)) checkKeys(memory, ["base", "size"]);
}
