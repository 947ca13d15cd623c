/**
 * The setup header of a Linux kernel image for x86 (Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header").
 *
 * @module
 */

import type { Head } from "../head.ts";

const SECTOR = 512;

/** Offsets of fields, as named there. */
const SETUP_SECTS = 0x1f1;
const BOOT_FLAG = 0x1fe;
const HEADER = 0x202;
const VERSION = 0x206;
const KERNEL_VERSION = 0x20e;
const LOADFLAGS = 0x211;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;

/** The bit of `loadflags` that a bzImage has and a zImage has not. */
const LOADED_HIGH = 1;

/** Linux 2.6.30, which has protocol 2.09, was the last that could be built as a zImage. */
const LAST_ZIMAGE = 0x209;

/** The first version of the boot protocol with `payload_offset` and `payload_length`: that of Linux 2.6.26. */
export const FIRST_WITH_PAYLOAD = 0x208;

/** What the setup header says. */
export interface SetupHeader {
  /** The version of the boot protocol: 0x20f is 2.15. */
  readonly protocol: number;
  /** Whether it is a zImage, which is loaded below 1 MiB. */
  readonly isZImage: boolean;
  /** The kernel's release, such as "6.1.0-56-cloud-amd64", if the header names it and it was read. */
  readonly release?: string;
  /** The range of the compressed kernel in the file, since protocol 2.08; absent if there is none. */
  readonly payload?: { readonly offset: number; readonly length: number };
}

/**
 * Reads the setup header.
 *
 * @param head The first bytes of the file.
 * @returns The header; `undefined` if the file has none.
 */
export function readSetupHeader(head: Head): SetupHeader | undefined {
  if (head.u16(BOOT_FLAG) !== 0xaa55 || !head.has(HEADER, "HdrS")) return undefined;
  const protocol = head.u16(VERSION);
  const setupSize = ((head.u8(SETUP_SECTS) || 4) + 1) * SECTOR;
  const release = readRelease(head, setupSize);
  const [offset, length] = protocol >= FIRST_WITH_PAYLOAD
    ? [head.u32(PAYLOAD_OFFSET), head.u32(PAYLOAD_LENGTH)]
    : [0, 0];
  return {
    protocol,
    isZImage: protocol <= LAST_ZIMAGE && (head.u8(LOADFLAGS) & LOADED_HIGH) === 0,
    ...(release === undefined ? {} : { release }),
    ...(length === 0 ? {} : { payload: { offset: setupSize + offset, length } }),
  };
}

/** The first word of the version string, which lies in the real-mode part. */
function readRelease(head: Head, setupSize: number): string | undefined {
  const pointer = head.u16(KERNEL_VERSION);
  const offset = pointer + 0x200;
  if (pointer === 0 || offset >= setupSize) return undefined;
  return /^[!-~]{1,128}/.exec(head.text(offset, 128))?.[0];
}
