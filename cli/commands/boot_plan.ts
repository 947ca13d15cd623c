/**
 * What the flags ask for besides the kernel's segments, checked before any of the kernel is read.
 *
 * @module
 */

import { low48, LOW48_HIGHER_HALF } from "../../core/memory/addresses.ts";
import { type BootFlags, bootFlags } from "../arguments/boot_options.ts";
import { valueError } from "../arguments/numbers.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { readWholeFile } from "../input/whole_file.ts";
import type { KeptFile } from "../output/same_file.ts";
import { exactSize } from "../output/text.ts";

/** What a kernel is to get: what the flags ask for, with the bytes of the ramdisk. */
export interface BootPlan extends Omit<BootFlags, "ramdisk"> {
  /** Upper limit on the memory to allocate, in bytes. */
  readonly maxMemory: number;
  /** The bytes of the ramdisk, if there is one. */
  readonly ramdisk?: Uint8Array;
  /** The files that were read for it. */
  readonly files: readonly KeptFile[];
}

/** Where memory starts, so that a PC can boot the kernel: firmware uses everything below. */
export const MEMORY_BASE: number = 2 ** 20;

/** Physical memory is mapped at least up to here: a PC's devices lie below. */
export const DEVICES_END: number = 2 ** 32;

/** Bytes per pixel of the framebuffer. */
export const BYTES_PER_PIXEL = 4;

/** The limit without --max-memory: the loader's own default. */
export const MAX_MEMORY = 2 ** 32;

/**
 * Reads the boot flags, and the ramdisk's file.
 *
 * @param args The arguments of `run`, `image` or `dump`.
 * @param maxMemory The value of `--max-memory`.
 * @returns What the kernel is to get.
 * @throws {CliError} "usage" if a value is not accepted, "source-failed" if the ramdisk cannot be read.
 */
export async function bootPlan(args: Arguments, maxMemory: number = MAX_MEMORY): Promise<BootPlan> {
  const { ramdisk: path, ...flags } = bootFlags(args);
  const { stackSize, physicalMemory, framebuffer } = flags;
  const refuse = (flag: string, rule: string): Error => valueError(flag, args.values.get(flag) ?? "", rule);
  const most = `at most --max-memory (${exactSize(maxMemory)})`;
  if (stackSize !== undefined && stackSize > maxMemory) throw refuse("stack-size", `must be ${most}`);
  if (framebuffer && framebuffer.width * framebuffer.height * BYTES_PER_PIXEL > maxMemory) {
    throw refuse("framebuffer", `must take ${most} at ${BYTES_PER_PIXEL} bytes per pixel`);
  }
  const room = LOW48_HIGHER_HALF - low48(physicalMemory?.address ?? 0n) % LOW48_HIGHER_HALF;
  if (room < DEVICES_END) {
    throw refuse("physical-memory", "must lie at least 4 GiB below the end of its half of the address space");
  }
  if (!path) return { ...flags, maxMemory, files: [] };
  const { bytes, identity } = await readWholeFile("ramdisk", path, maxMemory);
  const file = { what: "the ramdisk's file", identity: () => Promise.resolve(identity) };
  return { ...flags, maxMemory, ramdisk: bytes, files: [file] };
}
