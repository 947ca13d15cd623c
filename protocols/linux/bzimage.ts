/**
 * Recognizes Linux kernel images for x86 by their setup header.
 *
 * @module
 */

import { hasElfMagic } from "../../core/elf/elf_magic.ts";
import { type FileModel, HEAD_SIZE } from "../../core/file/file_model.ts";
import { hexAddr } from "../../core/hex.ts";
import {
  isLinuxImage,
  isZImage,
  kernelVersion,
  payloadRange,
  protocolVersion,
  readSetupHeader,
  SETUP_OFFSETS,
  VERSION_OF,
} from "../../formats/bzimage/setup_header.ts";
import type { FormatName } from "../../formats/format.ts";
import { containerOf } from "../../formats/rows/containers.ts";
import type { Protocol } from "../protocol.ts";

/** A Linux kernel image for x86, with its setup header. */
export interface LinuxImage extends Protocol<"linux"> {
  /** Whether it is loaded at 1 MiB (bzImage) or below (zImage). */
  readonly image: "bzImage" | "zImage";
  /** The version of the boot protocol, such as "2.15". */
  readonly version: string;
  /** The kernel's version string, if the image names it and it was read. */
  readonly kernelVersion?: string;
  /** File offset of the protected-mode code. */
  readonly setupSize: number;
  /** The names of the flags that are set in `xloadflags`; absent before protocol 2.12. */
  readonly xloadflags?: readonly string[];
  /** The compressed kernel in the file; absent before protocol 2.08. */
  readonly payload?: LinuxPayload;
  /** Whether it can run at another address than it prefers; absent before protocol 2.05. */
  readonly relocatable?: boolean;
  /** Where it prefers to run; absent before protocol 2.10. */
  readonly preferredAddress?: bigint;
  /** How much memory it needs there; absent before protocol 2.10. */
  readonly initSize?: number;
}

/** The compressed kernel in an image. */
export interface LinuxPayload {
  /** Its offset in the file. */
  readonly offset: number;
  /** Its length in bytes. */
  readonly length: number;
  /** Its format, if that was read and is one that Linux uses. */
  readonly format?: FormatName;
}

// boot.rst, "xloadflags", from bit 0 on
const XLOADFLAGS = [
  ...["KERNEL_64", "CAN_BE_LOADED_ABOVE_4G", "EFI_HANDOVER_32", "EFI_HANDOVER_64", "EFI_KEXEC", "5LEVEL"],
  "5LEVEL_ENABLED",
];

/**
 * Recognizes an image.
 *
 * @param file The file, with its first part read.
 * @returns What its setup header says; `undefined` if it has none.
 */
export function recognizeImage(file: FileModel): LinuxImage | undefined {
  const head = file.bytes(0, HEAD_SIZE);
  const setup = readSetupHeader(head);
  if (!isLinuxImage(setup)) return undefined;
  const image = isZImage(setup) ? "zImage" : "bzImage";
  const version = protocolVersion(setup.version);
  const release = kernelVersion(head, setup);
  const range = payloadRange(setup);
  const payload = range && describeRange(range, head);
  const named = release === undefined ? "" : `, version ${release.split(" ")[0]}`;
  return {
    name: "linux",
    offset: SETUP_OFFSETS.header,
    summary: `Linux: ${image}, boot protocol ${version}${named}${payload ? payloadText(payload) : ""}`,
    image,
    version,
    ...(release === undefined ? {} : { kernelVersion: release }),
    setupSize: setup.setupSize,
    ...(payload ? { payload } : {}),
    ...(setup.version >= VERSION_OF.relocatable ? { relocatable: setup.relocatable_kernel !== 0 } : {}),
    ...(setup.version >= VERSION_OF.init_size
      ? { preferredAddress: setup.pref_address, initSize: setup.init_size }
      : {}),
    ...(setup.version >= VERSION_OF.xloadflags
      ? { xloadflags: XLOADFLAGS.filter((_, bit) => (setup.xloadflags & 1 << bit) !== 0) }
      : {}),
  };
}

function describeRange({ offset, length }: Omit<LinuxPayload, "format">, head: Uint8Array): LinuxPayload {
  const start = head.subarray(offset);
  const format = hasElfMagic(start) ? "elf" : containerOf(start);
  return { offset, length, ...(format === undefined ? {} : { format }) };
}

function payloadText({ offset, length, format }: LinuxPayload): string {
  const what = format === undefined || format === "elf" ? "payload" : `${format} payload`;
  return `, ${what} of ${length} bytes at file offset ${hexAddr(offset)}`;
}
