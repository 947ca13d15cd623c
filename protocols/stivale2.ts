/**
 * Recognizes kernels for the stivale2 boot protocol, by their section `.stivale2hdr` (its specification, "stivale2
 * header").
 *
 * @module
 */

import { PT_LOAD } from "../core/elf/constants.ts";
import type { FileModel } from "../core/file/file_model.ts";
import type { Protocol, Recognizer } from "./protocol.ts";
import { loadedSectionBytes } from "./section_bytes.ts";

/** What a kernel says to a loader that speaks stivale2. */
export interface Stivale2Protocol extends Protocol<"stivale2"> {
  /** The fields of its header, if the section has the size of one and is loaded. */
  readonly header?: {
    /** Virtual address of the entry point; 0 means `e_entry`. */
    readonly entry: bigint;
    /** Virtual address of the top of the stack. */
    readonly stack: bigint;
    /** Flags: bit 0 asks for another load address each time. */
    readonly flags: bigint;
    /** The ids of the tags that follow it, in the order of their list. */
    readonly tags: readonly bigint[];
  };
}

/** Name of the section that holds the header. */
const SECTION = ".stivale2hdr";

/** Size of the header: entry, stack, flags and the address of the first tag, eight bytes each. */
const SIZE = 32;

/** The most tags that are followed: the specification defines fewer. */
const MOST_TAGS = 64;

/** Recognizes the stivale2 boot protocol. */
export const stivale2: Recognizer<Stivale2Protocol> = { parts: ["sections", "image"], recognize };

function recognize(file: FileModel): Stivale2Protocol | undefined {
  const section = file.elf?.sections.find(({ name }) => name === SECTION);
  if (!section || file.elf?.bigEndian) return undefined;
  const offset = Number(section.sh_offset);
  const where = `section ${SECTION} at file offset 0x${offset.toString(16)}`;
  const bytes = loadedSectionBytes(file, section);
  if (!bytes || bytes.length < SIZE) {
    return { name: "stivale2", offset, summary: `stivale2: ${where}, without a header` };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [entry, stack, flags, first] = [0, 8, 16, 24].map((at) => view.getBigUint64(at, true));
  const tags = tagIds(file, first);
  const count = tags.length === 1 ? "1 tag" : `${tags.length || "no"} tags`;
  return {
    name: "stivale2",
    offset,
    summary: `stivale2: header in ${where}, ${count}`,
    header: { entry, stack, flags, tags },
  };
}

/** Follows the list of tags; it ends where it leaves the file bytes of the segments, or comes back. */
function tagIds(file: FileModel, first: bigint): readonly bigint[] {
  const ids = new Map<bigint, bigint>();
  for (let address = first; address !== 0n && !ids.has(address) && ids.size < MOST_TAGS;) {
    const bytes = bytesAt(file, address, 16);
    if (!bytes) break;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    ids.set(address, view.getBigUint64(0, true));
    address = view.getBigUint64(8, true);
  }
  return [...ids.values()];
}

function bytesAt(file: FileModel, address: bigint, size: number): Uint8Array | undefined {
  const load = file.elf?.programHeaders.find(({ p_type, p_vaddr, p_filesz }) => {
    return p_type === PT_LOAD && p_vaddr <= address && address + BigInt(size) <= p_vaddr + p_filesz;
  });
  const offset = load && load.p_offset + (address - load.p_vaddr);
  if (offset === undefined || offset + BigInt(size) > BigInt(file.length)) return undefined;
  return file.bytes(Number(offset), size);
}
