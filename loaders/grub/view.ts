/**
 * What the rules of GRUB's Multiboot commands look at.
 *
 * @module
 */

import type { FileModel } from "../../core/file/file_model.ts";
import type { Circumstances } from "../loader.ts";
import { type GrubElf, type GrubSection, readGrubElf, readGrubSections } from "./kernel_file.ts";
import { type Loading, loadingOf } from "./loading.ts";

/** Where a header places the kernel, in place of the ELF headers: physical addresses of 32 bits. */
export interface LoadAddresses {
  /** Where the header itself lies in memory. */
  readonly header_addr: number;
  /** Where the first byte that is loaded lies. */
  readonly load_addr: number;
  /** Where loading ends; 0 if it ends with the file. */
  readonly load_end_addr: number;
  /** Where zeroed memory ends; 0 if there is none. */
  readonly bss_end_addr: number;
}

/** Where a kernel may be moved to. */
export interface Relocatable {
  /** Its lowest physical address. */
  readonly min_addr: number;
  /** The end of its highest one. */
  readonly max_addr: number;
  /** What its address must be a multiple of. */
  readonly align: number;
  /** 0 for no preference, 1 for the lowest address, 2 for the highest. */
  readonly preference: number;
}

/** What a command found out from the Multiboot header. */
export interface HeaderFacts {
  /** The Multiboot version. */
  readonly version: 1 | 2;
  /** The command searches so many bytes for the header, and keeps them for the ELF headers. */
  readonly search: number;
  /** File offset of the header, if there is one. */
  readonly headerOffset?: number;
  /** Its address fields, if it has them. */
  readonly addresses?: LoadAddresses;
  /** The entry that it asks for, a physical address. */
  readonly entry?: number;
  /** Where the kernel may be moved to, if it may. */
  readonly relocatable?: Relocatable;
}

/** What the rules look at. */
export interface GrubView extends HeaderFacts {
  /** The file's length. */
  readonly length: number;
  /** The bytes that GRUB has in its buffer. */
  readonly bytes: Uint8Array;
  /** The ELF headers, if the class is 32-bit or 64-bit. */
  readonly elf?: GrubElf;
  /** The sections, if the file has their table. */
  readonly sections: readonly GrubSection[];
  /** The machine's memory in bytes. */
  readonly memory: number;
  /** What becomes of the memory that the kernel asks for. */
  readonly loading: () => Loading;
}

/**
 * Collects what the rules look at.
 *
 * @param model The file.
 * @param circumstances The machine's memory.
 * @param facts What the command found out from the header.
 * @returns The view.
 */
export function grubView<Facts extends HeaderFacts>(
  model: FileModel,
  { memory }: Circumstances,
  facts: Facts,
): GrubView & Facts {
  const bytes = model.bytes(0, facts.search);
  const elf = readGrubElf(bytes, facts.search);
  let loading: Loading | undefined;
  const view = {
    ...facts,
    length: model.length,
    bytes,
    ...(elf === undefined ? {} : { elf }),
    sections: elf?.isLittleEndian ? readGrubSections(model, elf) : [],
    memory,
    loading: () => loading ??= loadingOf(view),
  };
  return view;
}
