/**
 * Why the page of a segment has the permissions that it has, and what else headers say about it.
 *
 * @module
 */

import { PF_W, PF_X, PT_TLS } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { isObject } from "../../core/intake/value_kind.ts";
import { canonical, low48, PAGE_SIZE, pageStart } from "../../core/memory/addresses.ts";
import { BIT_9, WRITABLE } from "../../core/paging/entry.ts";
import type { Walk, WalkedLevel } from "../tables/walk_tables.ts";
import { hasMemoryIn, type KernelLayout, type LoadedHeader } from "./kernel_layout.ts";
import { headers } from "./phrases.ts";
import type { Reason } from "./reason.ts";

/**
 * Explains a page of a segment.
 *
 * @param layout The kernel.
 * @param walk The walk to the page.
 * @param load The segment that the page is mapped for.
 * @param low Low 48 bits of the address.
 * @returns The reasons, in the order in which they came about.
 */
export function pageReasons(layout: KernelLayout, walk: Walk, load: LoadedHeader, low: number): readonly Reason[] {
  const page = pageStart(low);
  const leaf = walk.levels[walk.levels.length - 1];
  const inPage = layout.loads.filter((each) => hasMemoryIn(each, page));
  const loads = inPage.length === 0 ? [load] : inPage;
  const seal = sealed(layout, leaf, loads, page);
  return [
    ...seal,
    ...writeExecute(walk, loads),
    ...(layout.rules.mergesSharedPages ? [] : denied(walk, loads, seal.length > 0)),
    ...marked(layout, leaf),
  ];
}

function sealed(
  { kernel, rules, relro }: KernelLayout,
  leaf: WalkedLevel,
  loads: readonly LoadedHeader[],
  page: number,
): readonly Reason[] {
  const result = kernel.results.relro;
  if (!isObject(result) || !loads.some(({ writable }) => writable)) return [];
  const header = relro.find((each) => covers(each, page, kernel.virtualAddressOffset, rules.relroRange));
  if (!header) return [];
  const { index } = header;
  if ((leaf.entry & WRITABLE) === 0n) {
    if (typeof result.sealedPages !== "number" || result.sealedPages === 0) return [];
    const message = `The plugin relro took write permission away from the page after relocation: program header ` +
      `${index} (GNU_RELRO) covers it.`;
    return [{ kind: "sealed", index, message }];
  }
  if (!Array.isArray(result.keptPages) || !result.keptPages.includes(canonical(page))) return [];
  const message =
    `Program header ${index} (GNU_RELRO) covers the page, but it also holds other writable data, so the ` +
    "plugin relro left it writable.";
  return [{ kind: "unsealed", index, message }];
}

/** Whether a `PT_GNU_RELRO` header covers a page, as the rule set counts. */
function covers(
  { p_vaddr, p_memsz }: ProgramHeader,
  page: number,
  offset: bigint,
  range: "bytes" | "ends",
): boolean {
  const start = low48(p_vaddr + offset);
  const end = start + Number(p_memsz);
  if (range === "ends") return page >= pageStart(start) && page <= pageStart(end - 1);
  return end > start && start < page + PAGE_SIZE && end > page;
}

function writeExecute({ end }: Walk, loads: readonly LoadedHeader[]): readonly Reason[] {
  if (end.kind !== "page" || !end.writable || !end.executable) return [];
  const asks = (flag: number) => loads.filter(({ header }) => (header.p_flags & flag) !== 0);
  const [writers, executors] = [asks(PF_W), asks(PF_X)];
  if (writers.length === 0 || executors.length === 0) return [];
  const both = writers.find((each) => executors.includes(each));
  const indices = both
    ? [both.index]
    : [...new Set([...writers, ...executors].map(({ index }) => index))].sort(byNumber);
  const message = both
    ? `The page is both writable and executable, because program header ${both.index} asks for both.`
    : `The page is both writable and executable, because it is part of ${headers(indices)}, which ask for different ` +
      "permissions.";
  return [{ kind: "write-execute", indices, message }];
}

function byNumber(a: number, b: number): number {
  return a - b;
}

/** Permissions that a header asks for, and an entry does not give. */
function denied({ levels }: Walk, loads: readonly LoadedHeader[], isSealed: boolean): readonly Reason[] {
  return ([["write", PF_W], ["execute", PF_X]] as const).flatMap(([permission, flag]): Reason[] => {
    const asking = loads.find(({ header }) => (header.p_flags & flag) !== 0);
    const denying = levels.find(({ denies }) => denies.includes(permission));
    if (!asking || !denying) return [];
    const isLeaf = denying.kind === "page";
    const other = loads.find(({ header }) => (header.p_flags & flag) === 0);
    if (isLeaf && (!other || (isSealed && permission === "write"))) return [];
    const { index } = asking;
    const { level, index: entry } = denying;
    const message = `Program header ${index} asks for permission to ${permission}, but entry ${entry} of the ` +
      `level-${level} table does not give it` +
      `${isLeaf && other ? `: the page has the permissions of program header ${other.index}` : ""}.`;
    return [{ kind: "denied", index, permission, level, entry, message }];
  });
}

function marked({ rules }: KernelLayout, { entry }: WalkedLevel): readonly Reason[] {
  if (rules.ownership !== "mark" || (entry & BIT_9) === 0n) return [];
  const message =
    "Bit 9 of the page's entry is the mark that the rule set puts on copies; it was not cleared at the end.";
  return [{ kind: "marked", message }];
}

/**
 * Finds the template for thread-local storage that contains a byte.
 *
 * @param layout The kernel.
 * @param low Low 48 bits of the byte's address.
 * @returns The reason, or none.
 */
export function templateReasons({ kernel }: KernelLayout, low: number): readonly Reason[] {
  const header = kernel.programHeaders.find(({ p_type, p_vaddr, p_memsz }) => {
    const start = low48(p_vaddr + kernel.virtualAddressOffset);
    return p_type === PT_TLS && low >= start && low < start + Number(p_memsz);
  });
  if (!header) return [];
  const { index, p_vaddr, p_filesz } = header;
  const offset = low - low48(p_vaddr + kernel.virtualAddressOffset);
  if (offset >= Number(p_filesz)) return [];
  const message = `The byte is at offset ${offset} of the template for thread-local storage (program header ${index}).`;
  return [{ kind: "tls", index, offset, message }];
}
