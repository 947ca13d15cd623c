/**
 * Kernels for rust-osdev/bootloader 0.11: `bootloader_api` puts their configuration into a section named
 * `.bootloader-config`. Kernels for 0.10 have nothing that they could be recognized by.
 *
 * @module
 */

import type { SectionHeader } from "../core/elf/section_header.ts";
import { type FileModel, SMALL_SECTION } from "../core/file/file_model.ts";
import { hexAddr } from "../core/hex.ts";
import {
  type BootloaderConfig,
  CONFIG_LENGTHS,
  type ConfigFault,
  decodeConfig,
  wrongLength,
} from "./bootloader/config.ts";
import type { Protocol, Recognizer } from "./protocol.ts";

/** A kernel for rust-osdev/bootloader 0.11. */
export interface BootloaderProtocol extends Protocol<"bootloader"> {
  /** File offset of the configuration. */
  readonly offset: number;
  /** Number of its bytes. */
  readonly length: number;
  /** The releases of the crate whose configuration has that length, if it is known. */
  readonly releases?: string;
  /** The configuration, if it can be read. */
  readonly config?: BootloaderConfig;
  /** Why it cannot, otherwise. */
  readonly fault?: ConfigFault;
}

/** The name of the section. */
export const CONFIG_SECTION = ".bootloader-config";

/** Recognizes kernels for rust-osdev/bootloader 0.11. */
export const bootloader: Recognizer<BootloaderProtocol> = {
  parts: ["sections"],
  recognize: (model) => {
    const section = model.elf?.sections.find(({ name }) => name === CONFIG_SECTION);
    return section && describe(section, model);
  },
};

function describe({ sh_offset, sh_size }: SectionHeader, model: FileModel): BootloaderProtocol {
  const offset = Number(sh_offset);
  const length = Number(sh_size);
  const decoded = length > SMALL_SECTION ? wrongLength(sh_size) : decodeConfig(model.bytes(offset, length));
  const releases = CONFIG_LENGTHS[length];
  const named = {
    name: "bootloader" as const,
    offset,
    length,
    ...(releases === undefined ? {} : { releases }),
  };
  if ("error" in decoded) {
    const summary = `bootloader: ${CONFIG_SECTION} at file offset ${hexAddr(offset)} cannot be read (${decoded.error})`;
    return { ...named, summary, fault: decoded };
  }
  const stack = `a stack of ${hexAddr(decoded.kernelStackSize)} bytes`;
  const wants = WANTS.filter(([key]) => decoded[key] !== undefined && decoded[key] !== false).map(([, text]) => text);
  const summary = `bootloader ${decoded.version}${decoded.preRelease ? " (pre-release)" : ""}: ${CONFIG_SECTION} at ` +
    `file offset ${hexAddr(offset)} asks for ${[stack, ...wants].join(", ")}`;
  return { ...named, summary, config: decoded };
}

/** What a kernel may ask for. */
const WANTS: readonly (readonly [keyof BootloaderConfig, string])[] = [
  ["physicalMemory", "all of physical memory"],
  ["pageTableRecursive", "recursive page tables"],
  ["aslr", "random addresses"],
];
