/**
 * The configuration that `bootloader_api` puts into a kernel's section `.bootloader-config` (rust-osdev/bootloader,
 * api/src/config.rs). Fields follow one another without padding, little-endian. Releases differ in which they have.
 *
 * @module
 */

import { type ElfReader, elfReader } from "../../core/elf/reader.ts";

/** Where a kernel wants something to be mapped: at an address of its choice, or anywhere. */
export type ConfigMapping = "dynamic" | bigint;

/** The configuration of a kernel, field by field. */
export interface BootloaderConfig {
  /** Version of `bootloader_api` that the kernel was built with, such as "0.11.5". */
  readonly version: string;
  /** Whether that is a pre-release. */
  readonly preRelease: boolean;
  /** Size of the stack that it asks for, in bytes. */
  readonly kernelStackSize: bigint;
  /** Where it wants its stack. */
  readonly kernelStack: ConfigMapping;
  /** Where it wants to be placed itself, if it is position-independent. */
  readonly kernelBase?: ConfigMapping;
  /** Where it wants the boot information. */
  readonly bootInfo: ConfigMapping;
  /** Where it wants the framebuffer. */
  readonly framebuffer: ConfigMapping;
  /** Where it wants all of physical memory; absent if it does not. */
  readonly physicalMemory?: ConfigMapping;
  /** Where it wants its page tables; absent if it does not. */
  readonly pageTableRecursive?: ConfigMapping;
  /** Whether addresses that are not fixed are random. */
  readonly aslr: boolean;
  /** The lowest address for what is not fixed, if it matters. */
  readonly dynamicRangeStart?: bigint;
  /** The highest, if it matters. */
  readonly dynamicRangeEnd?: bigint;
  /** Where it wants the ramdisk. */
  readonly ramdiskMemory?: ConfigMapping;
  /** The least height of the framebuffer, if it matters. */
  readonly minimumFramebufferHeight?: bigint;
  /** The least width, if it matters. */
  readonly minimumFramebufferWidth?: bigint;
}

/** Why a configuration cannot be read. */
export interface ConfigFault {
  /** The error of the crate, such as "invalid UUID". */
  readonly error: string;
  /** Offset in the section of the first byte to blame. */
  readonly at: number;
  /** What is there: one sentence. */
  readonly message: string;
}

/** `BootloaderConfig::UUID`. */
const UUID = [0x74, 0x3c, 0xa9, 0x61, 0x09, 0x36, 0x46, 0xa0, 0xbb, 0x55, 0x5c, 0x15, 0x89, 0x15, 0x25, 0x3d];

/** How a field is laid out: a flag; a flag and eight bytes; a flag and a mapping. */
type FieldKind = "flag" | "mapping" | "optional mapping" | "optional number";

/** One field after the stack's size. */
interface Field {
  readonly name: keyof BootloaderConfig;
  readonly kind: FieldKind;
  /** The crate's error if the flag is not one. */
  readonly error: string;
  /** The lengths of configurations without it. */
  readonly missingIn?: readonly number[];
}

const MAPPING = { kind: "mapping", error: "invalid mapping value" } as const;

/** The fields, in order. */
const FIELDS: readonly Field[] = [
  { name: "kernelStack", ...MAPPING },
  { name: "kernelBase", ...MAPPING, missingIn: [115, 118, 124] },
  { name: "bootInfo", ...MAPPING },
  { name: "framebuffer", ...MAPPING },
  { name: "physicalMemory", kind: "optional mapping", error: "invalid phys memory value" },
  { name: "pageTableRecursive", kind: "optional mapping", error: "invalid page table recursive value" },
  { name: "aslr", kind: "flag", error: "invalid aslr value" },
  { name: "dynamicRangeStart", kind: "optional number", error: "invalid dynamic range start value" },
  { name: "dynamicRangeEnd", kind: "optional number", error: "invalid dynamic range end value" },
  { name: "ramdiskMemory", ...MAPPING, missingIn: [115, 118] },
  { name: "minimumFramebufferHeight", kind: "optional number", error: "minimum_framebuffer_height invalid" },
  { name: "minimumFramebufferWidth", kind: "optional number", error: "minimum_framebuffer_width invalid" },
];

/**
 * The lengths of configurations in bytes, and the releases of the crate that have them: `SERIALIZED_LEN` at each tag.
 * 118 is that of some commits between 0.11.0 and 0.11.1, with three bytes about logging at the end.
 */
export const CONFIG_LENGTHS: Readonly<Record<number, string>> = {
  115: "0.11.0",
  118: "no release, only commits after 0.11.0",
  124: "0.11.1 to 0.11.10",
  133: "0.11.11 and later",
};

/**
 * Decodes a configuration as the loader does.
 *
 * @param bytes The section's bytes.
 * @returns The configuration, or why the loader cannot read it.
 */
export function decodeConfig(bytes: Uint8Array): BootloaderConfig | ConfigFault {
  const releases = CONFIG_LENGTHS[bytes.length];
  if (releases === undefined) return wrongLength(bytes.length);
  const wrong = UUID.findIndex((byte, index) => bytes[index] !== byte);
  if (wrong >= 0) {
    const message = `Its byte ${wrong} is 0x${
      bytes[wrong].toString(16)
    }, not that of the identifier (UUID) it starts with.`;
    return { error: "invalid UUID", at: wrong, message };
  }
  const reader = elfReader(bytes, { subject: "the configuration" });
  const preRelease = reader.u8(22);
  if (preRelease > 1) return badFlag("invalid pre version", 22, "preRelease", preRelease);
  return decodeFields(reader, {
    version: [16, 18, 20].map((at) => reader.u16(at)).join("."),
    preRelease: preRelease === 1,
    kernelStackSize: reader.u64(23),
  });
}

/** Why a configuration of a length that no release has cannot be read. */
export function wrongLength(length: number | bigint): ConfigFault {
  const known = Object.keys(CONFIG_LENGTHS).join(", ");
  return { error: "invalid len", at: 0, message: `It has ${length} bytes; known lengths are ${known}.` };
}

function decodeFields(reader: ElfReader, head: Partial<BootloaderConfig>): BootloaderConfig | ConfigFault {
  const config: Partial<Record<keyof BootloaderConfig, unknown>> = { ...head };
  let at = 31;
  for (const { name, kind, error, missingIn } of FIELDS) {
    if (missingIn?.includes(reader.length)) continue;
    const value = VALUES[kind](reader, at);
    if (value === undefined || value === "bad mapping") {
      const isInner = value !== undefined;
      const flag = isInner ? at + 1 : at;
      return badFlag(isInner ? MAPPING.error : error, flag, name, reader.u8(flag));
    }
    if (value !== null) config[name] = value;
    at += SIZES[kind];
  }
  return config as BootloaderConfig;
}

const SIZES: Readonly<Record<FieldKind, number>> = {
  "flag": 1,
  "mapping": 9,
  "optional mapping": 10,
  "optional number": 9,
};

/** Reads a field; `null` if it says that there is nothing, `undefined` if its flag is wrong. */
type ReadField = (reader: ElfReader, at: number) => ConfigMapping | boolean | null | undefined | "bad mapping";

const VALUES: Readonly<Record<FieldKind, ReadField>> = {
  "flag": (reader, at) => [false, true][reader.u8(at)],
  "mapping": (reader, at) => {
    const address = readOptional(reader, at);
    return address === null ? "dynamic" : address;
  },
  "optional number": readOptional,
  "optional mapping": (reader, at) => {
    const inner = readOptional(reader, at + 1);
    if (reader.u8(at) === 0) return inner === null ? null : undefined;
    if (reader.u8(at) > 1) return undefined;
    return inner === null ? "dynamic" : inner ?? "bad mapping";
  },
};

/** A flag and eight bytes, which must be zero if the flag is. */
function readOptional(reader: ElfReader, at: number): bigint | null | undefined {
  const [flag, value] = [reader.u8(at), reader.u64(at + 1)];
  if (flag === 1) return value;
  return flag === 0 && value === 0n ? null : undefined;
}

function badFlag(error: string, at: number, name: string, flag: number): ConfigFault {
  const state = flag === 0
    ? "says that there is no value, but one follows"
    : `is 0x${flag.toString(16)}, neither 0 nor 1`;
  return { error, at, message: `The flag of ${name} ${state}.` };
}
