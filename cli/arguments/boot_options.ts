/**
 * The flags of `run`, `image` and `dump` that give a kernel more than its segments.
 *
 * @module
 */

import type { Arguments } from "./parse_arguments.ts";
import { parsePageAddress, parsePages, valueError } from "./numbers.ts";

/** The longest side of a framebuffer, in pixels. */
const MAX_SIDE = 16384;

/** What a kernel gets besides its segments. */
export interface BootFlags {
  /** Number of bytes of the stack, a multiple of 4096. */
  readonly stackSize?: number;
  /** Present if all of physical memory is to be mapped: at the virtual address, or in a free range without one. */
  readonly physicalMemory?: { readonly address?: bigint };
  /** Whether physical memory is to be mapped at its own addresses too. */
  readonly identity: boolean;
  /** The size of the framebuffer in pixels, if there is to be one. */
  readonly framebuffer?: { readonly width: number; readonly height: number };
  /** The path of the ramdisk's file, if there is to be one. */
  readonly ramdisk?: string;
}

/**
 * Reads the values of these flags.
 *
 * @param args The arguments of `run`, `image` or `dump`.
 * @returns What the flags ask for.
 * @throws {CliError} "usage" if a value is malformed or out of bounds.
 */
export function bootFlags({ values, switches }: Arguments): BootFlags {
  const read = <T>(flag: string, parse: (flag: string, text: string) => T): T | undefined => {
    const text = values.get(flag);
    return text === undefined ? undefined : parse(flag, text);
  };
  const address = read("physical-memory", parsePageAddress);
  return {
    stackSize: read("stack-size", parseStackSize),
    physicalMemory: switches.has("physical-memory") ? { address } : undefined,
    identity: switches.has("identity"),
    framebuffer: read("framebuffer", parseResolution),
    ramdisk: values.get("ramdisk"),
  };
}

function parseStackSize(flag: string, text: string): number {
  const size = parsePages(flag, text);
  if (size > 0) return size;
  throw valueError(flag, text, "must be at least 4096 (4 KiB)");
}

function parseResolution(flag: string, text: string): { readonly width: number; readonly height: number } {
  const [, width, height] = (/^([0-9]+)x([0-9]+)$/i.exec(text) ?? []).map(Number);
  const fits = [width, height].every((side) => side >= 1 && side <= MAX_SIDE);
  if (fits) return { width, height };
  throw valueError(flag, text, `must be WIDTHxHEIGHT in pixels, such as 1024x768, each 1 to ${MAX_SIDE}`);
}
