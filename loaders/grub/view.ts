/**
 * What the rules of GRUB's Multiboot commands look at.
 *
 * @module
 */

import type { FileModel } from "../../core/file/file_model.ts";
import type { Circumstances } from "../loader.ts";
import type { HeaderFacts } from "./header_facts.ts";
import { readGrubElf, readGrubSections } from "./kernel_file.ts";
import { type KernelToLoad, type Loading, loadingOf } from "./loading.ts";

/** What the rules look at. */
export interface GrubView extends KernelToLoad {
  /** The bytes that GRUB has in its buffer. */
  readonly bytes: Uint8Array;
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
