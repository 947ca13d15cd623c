/**
 * Recognizes Linux kernel images for x86 by their setup header.
 *
 * @module
 */

import { type FileModel, HEAD_SIZE } from "../../core/file/file_model.ts";
import { hexAddr } from "../../core/hex.ts";
import type { FormatName } from "../../formats/format.ts";
import type { Protocol } from "../protocol.ts";
import { BOOT_FLAG, HDRS, LOADED_HIGH, protocolVersion, readSetupHeader } from "./setup_header.ts";
import { SETUP_OFFSETS, type SetupHeader, VERSION_OF } from "./setup_header.ts";

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

// boot.rst, "payload_offset": the first bytes of what it may point to
const PAYLOADS: readonly (readonly [FormatName, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["gzip", [0x1f, 0x9e]],
  ["bzip2", [0x42, 0x5a]],
  ["lzma", [0x5d, 0x00]],
  ["xz", [0xfd, 0x37]],
  ["lz4-legacy", [0x02, 0x21]],
  ["zstd", [0x28, 0xb5]],
  ["lzo", [0x89, 0x4c]],
  ["elf", [0x7f, 0x45]],
];

/** The last protocol version of kernels that could be built as zImage: those before Linux 2.6.30. */
const LAST_ZIMAGE = 0x20a;

/** The longest version string that is read. */
const LONGEST_VERSION = 256;

/**
 * Recognizes an image.
 *
 * @param file The file, with its first part read.
 * @returns What its setup header says; `undefined` if it has none.
 */
export function recognizeImage(file: FileModel): LinuxImage | undefined {
  const setup = readSetupHeader(file);
  if (setup.header !== HDRS || setup.boot_flag !== BOOT_FLAG) return undefined;
  const isZImage = setup.version <= LAST_ZIMAGE && (setup.loadflags & LOADED_HIGH) === 0;
  const image = isZImage ? "zImage" : "bzImage";
  const version = protocolVersion(setup.version);
  const kernelVersion = readKernelVersion(file, setup);
  const payload = setup.version >= VERSION_OF.payload && setup.payload_length > 0
    ? readPayload(file, setup)
    : undefined;
  const named = kernelVersion === undefined ? "" : `, version ${kernelVersion.split(" ")[0]}`;
  return {
    name: "linux",
    offset: SETUP_OFFSETS.header,
    summary: `Linux: ${image}, boot protocol ${version}${named}${payload ? describePayload(payload) : ""}`,
    image,
    version,
    ...(kernelVersion === undefined ? {} : { kernelVersion }),
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

/** Reads a part of the first part of the file; empty if it lies behind. */
function headBytes(file: FileModel, offset: number, length: number): Uint8Array {
  return offset < HEAD_SIZE ? file.bytes(offset, Math.min(length, HEAD_SIZE - offset)) : new Uint8Array();
}

function readKernelVersion(file: FileModel, { kernel_version, setupSize }: SetupHeader): string | undefined {
  const offset = kernel_version + 0x200;
  if (kernel_version === 0 || offset >= setupSize) return undefined;
  const text = new TextDecoder("latin1").decode(headBytes(file, offset, LONGEST_VERSION)).split("\0", 1)[0];
  return /^[ -~]+$/.test(text) ? text : undefined;
}

function readPayload(file: FileModel, { setupSize, payload_offset, payload_length }: SetupHeader): LinuxPayload {
  const offset = setupSize + payload_offset;
  const start = headBytes(file, offset, 2);
  const format = PAYLOADS.find(([, magic]) => magic.every((byte, index) => start[index] === byte))?.[0];
  return { offset, length: payload_length, ...(format === undefined ? {} : { format }) };
}

function describePayload({ offset, length, format }: LinuxPayload): string {
  const what = format === undefined || format === "elf" ? "payload" : `${format} payload`;
  return `, ${what} of ${length} bytes at file offset ${hexAddr(offset)}`;
}
