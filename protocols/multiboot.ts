/**
 * Recognizes kernels for Multiboot 1, such as GRUB's command `multiboot` and QEMU's `-kernel` boot.
 *
 * @module
 */

import type { FileModel } from "../core/file/file_model.ts";
import { hexAddr } from "../core/hex.ts";
import { describeEntry } from "./physical_entry.ts";
import type { Protocol, Recognizer } from "./protocol.ts";
import { findMultibootHeader, type MultibootHeader } from "./multiboot/header.ts";

/** A file with a Multiboot 1 header where loaders look for it. */
export interface MultibootProtocol extends Protocol<"multiboot"> {
  /** File offset of the header. */
  readonly offset: number;
  /** What the header says. */
  readonly header: MultibootHeader;
}

function recognize(file: FileModel): MultibootProtocol | undefined {
  const header = findMultibootHeader(file);
  if (!header) return undefined;
  const entry = describeEntry(file.elf, header.addresses?.entry_addr);
  const place = `Multiboot 1: header at file offset ${hexAddr(header.offset)}`;
  return {
    name: "multiboot",
    offset: header.offset,
    summary: entry === undefined ? place : `${place}; ${entry}`,
    header,
  };
}

/** Recognizes a header that is whole, aligned and right in its checksum, in the first 8,192 bytes. */
export const multiboot: Recognizer<MultibootProtocol> = { parts: ["head"], recognize };
