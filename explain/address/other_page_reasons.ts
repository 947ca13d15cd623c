/**
 * Why a page is mapped that no segment asks for: those of plugins, of parts that were added after the load, and of
 * physical memory that is mapped again.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { isObject } from "../../core/intake/value_kind.ts";
import type { FrameOwner } from "../../core/memory/frame_allocator.ts";
import type { AddedParts } from "./explain_options.ts";
import type { KernelLayout } from "./kernel_layout.ts";
import type { Reason } from "./reason.ts";

/** The byte to explain. */
export interface OtherByte {
  /** Its virtual address. */
  readonly address: bigint;
  /** Its physical address. */
  readonly phys: number;
  /** What the frame is for. */
  readonly owner: FrameOwner | null;
}

/** What an owner's frames are, in words. */
const OWNERS: ReadonlyMap<string, string> = new Map([
  ["table", "a page table"],
  ["file", "bytes of the file"],
  ["copy", "a copy of a page of the file"],
  ["bss", "zeroed memory of a segment"],
  ["kernel-stack", "the kernel stack"],
  ["boot-info", "the boot information"],
  ["context-switch", "the code that enters the kernel"],
  ["ramdisk", "the ramdisk"],
  ["framebuffer", "the framebuffer"],
]);

/** The owners of a load, whose frames are mapped by its segments. */
const LOADERS_OWN: ReadonlySet<string> = new Set(["table", "file", "copy", "bss"]);

/**
 * Explains a page that no segment asks for.
 *
 * @param layout The kernel.
 * @param parts What was added after the load.
 * @param byte The byte.
 * @returns The reasons.
 */
export function otherPageReasons(
  layout: KernelLayout,
  parts: AddedParts | undefined,
  byte: OtherByte,
): readonly Reason[] {
  const section = sectionReason(layout, byte);
  if (section) return [section];
  const { owner, phys } = byte;
  const own = owner !== null && !LOADERS_OWN.has(owner);
  const through = throughWhat(byte, parts);
  if (own && (through === "other" || owner === "context-switch")) return [made(owner)];
  const fileOffset = owner === "file" ? layout.fileOffsetOf(phys) : undefined;
  const how = through === "direct-map"
    ? `The direct map maps physical ${hexAddr(phys)} here`
    : through === "identity"
    ? `Physical ${hexAddr(phys)} is mapped at its own address`
    : `Physical ${hexAddr(phys)} is mapped here, for no program header`;
  return [{
    kind: "physical",
    physical: phys,
    through,
    ...(owner === null ? {} : { owner }),
    ...(fileOffset === undefined ? {} : { fileOffset }),
    message: `${how}${holds(layout, byte, fileOffset)}.`,
  }];
}

function throughWhat({ address, phys }: OtherByte, parts: AddedParts | undefined): "direct-map" | "identity" | "other" {
  const map = parts?.directMap;
  if (map && address === map.offset + BigInt(phys) && phys < map.size) return "direct-map";
  return address === BigInt(phys) ? "identity" : "other";
}

function holds(layout: KernelLayout, { owner, phys }: OtherByte, fileOffset: number | undefined): string {
  if (owner === null) return layout.byteAt(phys) === undefined ? "" : "; the frame is not allocated";
  if (fileOffset !== undefined) {
    return `; the frame holds the file's bytes, here the one at ${layout.offsetText(fileOffset)}`;
  }
  return `; the frame is ${ownerName(owner)}`;
}

/**
 * What an owner's frames are, in words.
 *
 * @param owner The owner.
 * @returns Such as "the kernel stack".
 */
export function ownerName(owner: FrameOwner): string {
  return OWNERS.get(owner) ?? `allocated as ${JSON.stringify(owner)}`;
}

function made(owner: FrameOwner): Reason {
  const name = OWNERS.get(owner);
  const message = name === undefined
    ? `The page's frame was allocated as ${JSON.stringify(owner)}, by a plugin or after the load.`
    : `The page was added for ${name}.`;
  return { kind: "made", owner, message };
}

/** A page of the plugin sections, which maps pages of the file in place. */
function sectionReason(layout: KernelLayout, { address, phys, owner }: OtherByte): Reason | undefined {
  const { sections } = layout.kernel.results;
  if (owner !== "file" || !isObject(sections) || !Array.isArray(sections.sectionPages)) return undefined;
  const fileOffset = layout.fileOffsetOf(phys);
  const page: unknown = sections.sectionPages.find((each: unknown) => isIn(address, each));
  if (!isObject(page) || typeof page.virt !== "bigint" || typeof page.fileOffset !== "number") return undefined;
  if (fileOffset === undefined || fileOffset - page.fileOffset !== Number(address - page.virt)) return undefined;
  const mapped: readonly unknown[] = Array.isArray(sections.mappedSections) ? sections.mappedSections : [];
  const section = mapped.find((each) => isIn(address, each));
  const name = isObject(section) && typeof section.name === "string" ? section.name : undefined;
  const where = `at ${layout.offsetText(fileOffset)}`;
  const message = name === undefined
    ? `The plugin sections mapped the page for a section; the byte, ${where}, is in none that was asked for.`
    : `The plugin sections mapped section ${name || "without a name"}; the byte is ${where}.`;
  return { kind: "section", ...(name === undefined ? {} : { name }), fileOffset, message };
}

function isIn(address: bigint, range: unknown): boolean {
  if (!isObject(range) || typeof range.virt !== "bigint" || typeof range.size !== "number") return false;
  return address >= range.virt && address < range.virt + BigInt(range.size);
}
