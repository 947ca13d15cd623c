/**
 * What the flags ask for besides the kernel's segments, checked before anything is read of the kernel.
 *
 * @module
 */

import { low48, LOW48_HIGHER_HALF } from "../../core/memory/addresses.ts";
import { type BootFlags, bootFlags } from "../arguments/boot_options.ts";
import { valueError } from "../arguments/numbers.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { readWholeFile } from "../input/whole_file.ts";
import { exactSize } from "../output/text.ts";

/** What a kernel is to get: what the flags ask for, with the bytes of the ramdisk. */
export interface BootPlan extends Omit<BootFlags, "ramdisk"> {
  /** The most bytes of memory that are allocated. */
  readonly maxMemory: number;
  /** The bytes of the ramdisk, if there is one. */
  readonly ramdisk?: Uint8Array;
}

/** Where memory starts, so that a PC can boot the kernel: what is below is the firmware's. */
export const MEMORY_BASE: number = 2 ** 20;

/** Physical memory is mapped up to here at least: the devices of a PC lie below. */
export const DEVICES_END: number = 2 ** 32;

/** Bytes of a pixel of the framebuffer. */
export const BYTES_PER_PIXEL = 4;

/** The most memory that is allocated unless --max-memory says otherwise: the loader's own default. */
const MAX_MEMORY = 2 ** 32;

/**
 * Reads the flags, and the file of the ramdisk.
 *
 * @param args The arguments of `run`, `image` or `dump`.
 * @param maxMemory The value of `--max-memory`.
 * @returns What the kernel is to get.
 * @throws {CliError} "usage" if a value does not fit, "source-failed" if the ramdisk cannot be read.
 */
export async function bootPlan(args: Arguments, maxMemory: number = MAX_MEMORY): Promise<BootPlan> {
  const { ramdisk: path, ...flags } = bootFlags(args);
  const { stackSize, physicalMemory, framebuffer } = flags;
  const refuse = (flag: string, rule: string): Error => valueError(flag, args.values.get(flag) ?? "", rule);
  const most = `at most --max-memory (${exactSize(maxMemory)})`;
  if (stackSize !== undefined && stackSize > maxMemory) throw refuse("stack-size", `must be ${most}`);
  if (framebuffer && framebuffer.width * framebuffer.height * BYTES_PER_PIXEL > maxMemory) {
    throw refuse("framebuffer", `must take ${most}, at ${BYTES_PER_PIXEL} bytes a pixel`);
  }
  const room = LOW48_HIGHER_HALF - low48(physicalMemory?.address ?? 0n) % LOW48_HIGHER_HALF;
  if (room < DEVICES_END) {
    throw refuse("physical-memory", "must be 4 GiB below the end of its half of the address space, or lower");
  }
  return { ...flags, maxMemory, ...(path && { ramdisk: await readWholeFile("ramdisk", path, maxMemory) }) };
}
