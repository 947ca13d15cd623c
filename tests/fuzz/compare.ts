/** Compares a loaded kernel with what the model says, and with what holds of every load. */

import type { LoadedKernel } from "../../mod.ts";
import type { Accepted, ModelPage } from "./model/verdict.ts";
import type { Setup } from "./setup.ts";
import { type Leaf, walkTables } from "./walker.ts";
import { isEqual } from "./windows.ts";

const PAGE = 4096;
const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Says what is wrong. */
export type Complain = (problem: string) => void;

/** What the frames of a load are for. */
interface Frames {
  /** Physical address of each frame in use, and its owner. */
  readonly owners: ReadonlyMap<number, string>;
  readonly count: number;
}

/** Checks what holds of every kernel that was loaded, whatever the file and the rules. */
export function checkKernel(
  kernel: LoadedKernel,
  file: Uint8Array,
  setup: Setup,
  handed: ReadonlySet<number> | undefined,
  complain: Complain,
): ReadonlyMap<bigint, Leaf> {
  const { memory, level4Frame, addressSpace } = kernel;
  const walked = walkTables(memory, level4Frame);
  for (const fault of walked.faults) complain(fault);
  const frames = framesOf(kernel, complain);
  for (const table of walked.tables) {
    if (frames.owners.get(table) !== "table") {
      complain(`the table at ${hex(table)} belongs to ${frames.owners.get(table)}`);
    }
  }
  for (const [virt, { phys, size }] of walked.leaves) {
    if (size !== PAGE) complain(`a large page at ${hex(virt)}`);
    if (phys < memory.base || phys + PAGE > memory.base + memory.size) complain(`${hex(virt)} leaves memory`);
    // The originals map the page before the file for a segment without bytes at offset 0, and never check it.
    else if (!frames.owners.has(phys) && setup.rules === "default") complain(`${hex(virt)} has a frame without owner`);
  }
  const { phys, size } = addressSpace.file;
  const kept = memory.bytes(phys, size);
  if (size > file.length || !isEqual(kept, file.subarray(0, size))) complain("the file's bytes in memory changed");
  if (memory.bytes(phys + size, (PAGE - size % PAGE) % PAGE).some((byte) => byte !== 0)) {
    complain("the file's last page has something after the file");
  }
  if (handed) {
    for (const [frame, owner] of frames.owners) {
      if (owner === "file" || frame === setup.level4Frame || handed.has(frame)) continue;
      complain(`the frame ${hex(frame)} of ${owner} was not handed out`);
    }
  }
  if (setup.rules === "default") checkSharing(walked.leaves, extraPages(kernel).pages, complain);
  return walked.leaves;
}

function framesOf({ frameRuns, memory }: LoadedKernel, complain: Complain): Frames {
  const owners = new Map<number, string>();
  let count = 0;
  for (const { phys, size, owner } of frameRuns()) {
    if (size % PAGE !== 0 || phys < memory.base || phys + size > memory.base + memory.size) {
      complain(`the run of ${owner} at ${hex(phys)} leaves memory`);
    }
    for (let frame = phys; frame < phys + size; frame += PAGE) {
      if (owners.has(frame)) complain(`the frame ${hex(frame)} is ${owner} and ${owners.get(frame)}`);
      owners.set(frame, owner);
      count++;
    }
  }
  return { owners, count };
}

/**
 * No frame is mapped twice by segments if it can be written somewhere, nor is one writable here and executable there.
 * Sections are mapped onto the file's bytes, even if a segment is mapped there too.
 */
function checkSharing(leaves: ReadonlyMap<bigint, Leaf>, sections: ReadonlySet<bigint>, complain: Complain): void {
  const first = new Map<number, [bigint, Leaf]>();
  for (const [virt, leaf] of leaves) {
    if (sections.has(virt)) {
      if (leaf.writable || leaf.executable) complain(`the section at ${hex(virt)} is writable or executable`);
      continue;
    }
    const other = first.get(leaf.phys);
    if (!other) first.set(leaf.phys, [virt, leaf]);
    else if (leaf.writable || other[1].writable) {
      complain(`the frame ${hex(leaf.phys)} is at ${hex(other[0])} and ${hex(virt)}, and one of them is writable`);
    }
  }
}

/** Compares a kernel with the model's. */
export function compareWithModel(
  kernel: LoadedKernel,
  leaves: ReadonlyMap<bigint, Leaf>,
  model: Accepted,
  setup: Setup,
  complain: Complain,
): void {
  const { entryPoint, virtualAddressOffset, tlsTemplate, usedLevel4Entries, framesAllocated, memory } = kernel;
  if (entryPoint !== model.entry) complain(`entryPoint is ${hex(entryPoint)}, the model's ${hex(model.entry)}`);
  if (virtualAddressOffset !== model.offset) {
    complain(`virtualAddressOffset is ${hex(virtualAddressOffset)}, the model's ${hex(model.offset)}`);
  }
  const tls = tlsTemplate && `${tlsTemplate.startAddr} ${tlsTemplate.fileSize} ${tlsTemplate.memSize}`;
  const expected = model.tls && `${model.tls.start} ${model.tls.filesz} ${model.tls.memsz}`;
  if (tls !== expected) complain(`the TLS template is ${tls}, the model's ${expected}`);
  const extra = extraPages(kernel);
  const used = [...usedLevel4Entries].filter((index) => !extra.entries.has(index)).join();
  const wanted = [...model.used].sort((a, b) => a - b).filter((index) => !extra.entries.has(index)).join();
  if (used !== wanted) complain(`level-4 entries ${used} are in use, the model's are ${wanted}`);
  const most = model.frames + extra.frames;
  if (model.exactFrames && extra.frames === 0 ? framesAllocated !== most : framesAllocated > most) {
    complain(`${framesAllocated} frames were taken, the model takes ${most}`);
  }
  for (const virt of leaves.keys()) {
    if (!model.pages.has(virt) && !extra.pages.has(virt)) complain(`${hex(virt)} is mapped, not in the model`);
  }
  const start = setup.memory.base;
  const all = memory.bytes(start, memory.size);
  for (const [virt, page] of model.pages) {
    const leaf = leaves.get(virt);
    if (leaf) comparePage(virt, page, leaf, all, start, complain);
    else complain(`${hex(virt)} is not mapped, but in the model`);
  }
}

function comparePage(
  virt: bigint,
  page: ModelPage,
  leaf: Leaf,
  memory: Uint8Array,
  base: number,
  complain: Complain,
): void {
  const { phys, writable, executable, entry } = leaf;
  if (writable !== page.writable || executable !== page.executable) {
    complain(`${hex(virt)} is ${writable} ${executable} (W X), in the model ${page.writable} ${page.executable}`);
  }
  const flags = 1n | (page.writable ? 2n : 0n) | (page.executable ? 0n : 1n << 63n);
  const wanted = page.leaf ?? (BigInt(phys) | flags);
  if (entry !== wanted) complain(`the entry of ${hex(virt)} is ${hex(entry)}, in the model ${hex(wanted)}`);
  const bytes = memory.subarray(phys - base, phys - base + PAGE);
  for (const [from, to] of page.known) {
    if (isEqual(bytes.subarray(from, to), page.bytes.subarray(from, to))) continue;
    const at = bytes.subarray(from, to).findIndex((byte, index) => byte !== page.bytes[from + index]) + from;
    return complain(`the byte at ${hex(virt + BigInt(at))} is ${bytes[at]}, in the model ${page.bytes[at]}`);
  }
}

/** What the plugin sections mapped besides the kernel. */
function extraPages({ results }: LoadedKernel): {
  readonly pages: ReadonlySet<bigint>;
  readonly entries: ReadonlySet<number>;
  readonly frames: number;
} {
  const pages = new Set<bigint>();
  const entries = new Set<number>();
  const { sections } = results as { sections?: { sectionPages: readonly { virt: bigint; size: number }[] } };
  for (const { virt, size } of sections?.sectionPages ?? []) {
    for (let at = 0; at < size; at += PAGE) pages.add(virt + BigInt(at));
    entries.add(Number(virt >> 39n & 511n));
  }
  return { pages, entries, frames: pages.size > 0 ? 3 + Math.ceil(pages.size / 512) : 0 };
}
