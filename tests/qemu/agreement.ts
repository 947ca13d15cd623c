/** Page tables of ours beside what QEMU says about them. */

import { assertEquals } from "@std/assert";
import {
  ACCESSED,
  DIRTY,
  GLOBAL,
  HUGE_PAGE,
  type Leaf,
  type Mapper,
  type Mapping,
  NO_CACHE,
  NO_EXECUTE,
  USER_ACCESSIBLE,
  WRITABLE,
  WRITE_THROUGH,
} from "../../core/paging/mod.ts";
import type { Oracle, Permissions } from "./oracle.ts";

const PAGE = 0x1000;

// The order of QEMU's nine places; bit 7 of a page of 4 KiB is not the huge page's and is left out.
const PLACES: readonly (readonly [string, bigint])[] = [
  ["X", NO_EXECUTE],
  ["G", GLOBAL],
  ["P", HUGE_PAGE],
  ["D", DIRTY],
  ["A", ACCESSED],
  ["C", NO_CACHE],
  ["T", WRITE_THROUGH],
  ["U", USER_ACCESSIBLE],
  ["W", WRITABLE],
];

const hex16 = (value: bigint | number): string => value.toString(16).padStart(16, "0");

/** A virtual address and the 50 bits of a physical one that QEMU's list has. */
const addresses = (virt: bigint, phys: number): string => `${hex16(virt)}: ${hex16(phys % 2 ** 50)}`;

/** A page as QEMU lists it. */
export function leafLine({ virt, phys, pageSize, flags }: Leaf): string {
  const shown = pageSize === PAGE ? flags & ~HUGE_PAGE : flags;
  return `${addresses(virt, phys)} ${PLACES.map(([letter, bit]) => (shown & bit) === 0n ? "-" : letter).join("")}`;
}

/**
 * Asserts that QEMU, whose CR3 is set, lists the pages that the mapper lists, and grants what its mappings say.
 *
 * @returns The pages as QEMU lists them.
 */
export async function assertSamePages(oracle: Oracle, pageTable: Mapper, what: string): Promise<readonly string[]> {
  const lines = await oracle.leaves();
  assertSameLines(Array.from(pageTable.leaves(), leafLine), lines, `leaves() of ${what}`);

  // No entry above a leaf forbids execution, so the leaf's own flag is what the processor goes by.
  const mappings = [...pageTable.mappings()];
  const executable = lines.map((line) => line.slice(0, 34) + (line[35] === "X" ? "-" : "X"));
  assertSameLines(mappings.flatMap(pagesOf), executable, `pages of mappings() of ${what}`);
  const granted = (await oracle.permissions()).map(permissionLine);
  assertSameLines(mergePermissions(mappings).map(permissionLine), granted, `permissions of mappings() of ${what}`);
  return lines;
}

/** Asserts that QEMU finds an address where the mapper does, or that both do not. */
export async function assertSameTranslation(oracle: Oracle, pageTable: Mapper, virt: bigint): Promise<void> {
  const found = pageTable.translate(virt);
  assertEquals(
    found.mapped ? found.phys : undefined,
    await oracle.translate(virt),
    `translate(0x${virt.toString(16)})`,
  );
}

/** Compares long lists, and shows the first difference alone. */
export function assertSameLines(ours: readonly string[], theirs: readonly string[], what: string): void {
  const at = ours.findIndex((line, index) => line !== theirs[index]);
  if (at >= 0) assertEquals(ours[at], theirs[at], `${what}, line ${at}, ours and QEMU's`);
  assertEquals(ours.length, theirs.length, `number of ${what}, ours and QEMU's; next is ${theirs[ours.length]}`);
}

function pagesOf({ virt, phys, size, pageSize, executable }: Mapping): readonly string[] {
  return Array.from({ length: size / pageSize }, (_, index) => {
    const done = index * pageSize;
    return addresses(virt + BigInt(done), phys + done) + (executable ? "X" : "-");
  });
}

/** Permissions of a range in one line. */
export function permissionLine({ low, end, user, writable }: Permissions): string {
  return `${hex16(low)}-${hex16(end)} ${user ? "u" : "-"}r${writable ? "w" : "-"}`;
}

/** What mappings grant, as QEMU merges it. */
export function mergePermissions(
  mappings: readonly Pick<Mapping, "virt" | "size" | "user" | "writable">[],
): readonly Permissions[] {
  const merged: Permissions[] = [];
  for (const { virt, size, user, writable } of mappings) {
    const low = Number(BigInt.asUintN(48, virt));
    const last = merged.at(-1);
    const joins = last?.end === low && last.user === user && last.writable === writable;
    const from = joins ? merged.pop()!.low : low;
    merged.push({ low: from, end: low + size, user, writable });
  }
  return merged;
}
