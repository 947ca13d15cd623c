/**
 * Dumps in formats that are not read, by their first bytes.
 *
 * @module
 */

import type { CliErrorOptions } from "../../output/cli_error.ts";

/** Why a dump is not read, and what to do about it. */
export interface PackedDump extends Pick<CliErrorOptions, "hint"> {
  /** Why, as the end of a sentence. */
  readonly why: string;
}

const UNPACK = "Unpack it first; a dump is read at any offset.";
const AS_CORE = "dump-guest-memory without a format writes an ELF core.";

/** First bytes, the format's name, and a hint. */
const FORMATS: readonly (readonly [magic: string, name: string, hint: string])[] = [
  ["\x1f\x8b\x08", "compressed with gzip", UNPACK],
  ["\xfd7zXZ\0", "compressed with xz", UNPACK],
  ["\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK],
  ["\x04\x22\x4d\x18", "compressed with lz4", UNPACK],
  ["BZh", "compressed with bzip2", UNPACK],
  ["KDUMP   ", "a kdump-compressed dump", AS_CORE],
  ["makedumpfile\0", "a flattened kdump-compressed dump", AS_CORE],
  ["PAGEDU64", "a dump for Windows' debugger", AS_CORE],
  ["PAGEDUMP", "a dump for Windows' debugger", AS_CORE],
  ["QEVM", "a saved state of QEMU", AS_CORE],
  ["QFI\xfb", "a disk image (qcow2)", AS_CORE],
];

/**
 * Recognizes a format that is not read.
 *
 * @param head The file's first bytes.
 * @returns Why it is not read; `undefined` if it is none of these formats.
 */
export function packedDump(head: Uint8Array): PackedDump | undefined {
  const text = String.fromCharCode(...head);
  const found = FORMATS.find(([magic]) => text.startsWith(magic));
  return found && { why: `it is ${found[1]}`, hint: found[2] };
}
