/**
 * The flags of `run`, `image` and `dump` that give a kernel more than its segments.
 *
 * @module
 */

import { RAMFB_LIMITS } from "../../boot/context_switch/ramfb.ts";
import type { Arguments } from "./parse_arguments.ts";
import { parsePageAddress, parsePages, valueError } from "./numbers.ts";
import { readValue } from "./read_value.ts";

const PAGE_SIZE = 4096;

/** What a kernel gets besides its segments. */
export interface BootFlags {
  /** Number of bytes of the stack, a multiple of 4096. */
  readonly stackSize?: number;
  /** Present if all of physical memory is to be mapped: at this virtual address or, without one, in a free range. */
  readonly physicalMemory?: { readonly address?: bigint };
  /** Whether physical memory is also mapped at its own addresses. */
  readonly identity: boolean;
  /** The size of the framebuffer in pixels, if one was asked for. */
  readonly framebuffer?: { readonly width: number; readonly height: number };
  /** The path of the ramdisk's file, if one was asked for. */
  readonly ramdisk?: string;
}

/**
 * Reads the values of the boot flags.
 *
 * @param args The arguments of `run`, `image` or `dump`.
 * @returns What the flags ask for.
 * @throws {CliError} "usage" if a value is malformed or out of bounds.
 */
export function bootFlags({ values, switches }: Arguments): BootFlags {
  const address = readValue(values, "physical-memory", parsePageAddress);
  return {
    stackSize: readValue(values, "stack-size", (flag, text) => parsePages(flag, text, PAGE_SIZE)),
    physicalMemory: switches.has("physical-memory") ? { address } : undefined,
    identity: switches.has("identity"),
    framebuffer: readValue(values, "framebuffer", parseResolution),
    ramdisk: values.get("ramdisk"),
  };
}

function parseResolution(flag: string, text: string): { readonly width: number; readonly height: number } {
  const [, width, height] = (/^([0-9]+)x([0-9]+)$/i.exec(text) ?? []).map(Number);
  const { least, width: widest, height: highest } = RAMFB_LIMITS;
  if (width >= least && height >= least && width <= widest && height <= highest) return { width, height };
  const range = `${least}x${least} to ${widest}x${highest}`;
  throw valueError(flag, text, `must be WIDTHxHEIGHT in pixels, such as 1024x768, from ${range}`);
}
