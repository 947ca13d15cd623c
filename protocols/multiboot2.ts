/**
 * Recognizes kernels for Multiboot 2, such as GRUB's command `multiboot2` boots.
 *
 * @module
 */

import type { FileModel } from "../core/file/file_model.ts";
import { hexAddr } from "../core/hex.ts";
import { describeEntry } from "./physical_entry.ts";
import type { Protocol, Recognizer } from "./protocol.ts";
import { findMultiboot2Header, MULTIBOOT2_SEARCH, type Multiboot2Header } from "./multiboot2/header.ts";
import { decodeTags, type HeaderRequests } from "./multiboot2/requests.ts";
import { readHeaderTags, type TagList } from "./multiboot2/tags.ts";

/** A file with a Multiboot 2 header where loaders look for it. */
export interface Multiboot2Protocol extends Protocol<"multiboot2"> {
  /** File offset of the header. */
  readonly offset: number;
  /** The header. */
  readonly header: Multiboot2Header;
  /** Its tags. */
  readonly tags: TagList;
  /** What they ask for. */
  readonly requests: HeaderRequests;
}

function recognize(file: FileModel): Multiboot2Protocol | undefined {
  const header = findMultiboot2Header(file);
  if (!header) return undefined;
  const bytes = file.bytes(0, MULTIBOOT2_SEARCH);
  const tags = readHeaderTags(bytes, header.tags);
  const requests = decodeTags(bytes, tags.tags);
  const entry = describeEntry(file.elf, requests.entry);
  const place = `Multiboot 2: header at file offset ${hexAddr(header.offset)}`;
  return {
    name: "multiboot2",
    offset: header.offset,
    summary: entry === undefined ? place : `${place}; ${entry}`,
    header,
    tags,
    requests,
  };
}

/** Recognizes a header for i386 that is whole, aligned and right in its checksum, in the first 32,768 bytes. */
export const multiboot2: Recognizer<Multiboot2Protocol> = { parts: ["head"], recognize };
