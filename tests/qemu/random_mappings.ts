/** Random sets of mappings, crowded enough that they share tables and meet at edges. */

import { assertEquals, assertInstanceOf } from "@std/assert";
import fc from "fast-check";
import { LoadError } from "../../mod.ts";
import { HUGE_PAGE, type Leaf, type Mapper, type PageSize, PRESENT } from "../../core/paging/mod.ts";
import { HUGE_PAGE_PAT } from "../../core/paging/entry.ts";

const PAGE = 0x1000;
const MIB2 = 0x20_0000;
const GIB = 0x4000_0000;

const FLAG_BITS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63];
const PARENT_BITS = [1, 2, 3, 4, 5, 6, 8, 9, 10, 11];

function bits(places: readonly number[]): fc.Arbitrary<bigint> {
  return fc.subarray([...places]).map((some) => some.reduce((sum, place) => sum | (1n << BigInt(place)), 0n));
}

const flags = fc.tuple(bits(FLAG_BITS), fc.nat(15)).map(([some, absent]) => absent === 0 ? some : some | PRESENT);
const entryIndex = fc.oneof(fc.constantFrom(0, 1, 255, 256, 511), fc.nat(511));

/** Maps a run of pages. */
export interface MapStep {
  readonly do: "map";
  readonly virt: bigint;
  readonly phys: number;
  readonly size: number;
  readonly pageSize: PageSize;
  readonly flags: bigint;
  readonly parentFlags?: bigint;
}

/** Maps a run of pages, or unmaps the nth page or gives it other flags. */
export type Step = MapStep | { readonly do: "unmap" | "update"; readonly nth: number; readonly flags: bigint };

const map = fc.record({
  do: fc.constant("map" as const),
  indices: fc.tuple(entryIndex, entryIndex, entryIndex, entryIndex),
  frame: fc.bigInt({ min: 0n, max: 2n ** 40n - 1n }).map(Number),
  pageSize: fc.constantFrom<PageSize>(PAGE, PAGE, MIB2, GIB),
  count: fc.oneof(
    { weight: 50, arbitrary: fc.integer({ min: 1, max: 8 }) },
    { weight: 1, arbitrary: fc.integer({ min: 505, max: 1030 }) },
  ),
  flags,
  parentFlags: fc.option(bits(PARENT_BITS).map((some) => some | PRESENT), { freq: 2, nil: undefined }),
}).map(({ indices, frame, count, ...step }): MapStep => {
  const { pageSize } = step;
  const size = count * pageSize;
  const low = indices.reduce((sum, index) => sum * 512 + index, 0) * PAGE;
  const half = low < 2 ** 47 ? 2 ** 47 : 2 ** 48;
  const virt = Math.min(low - low % pageSize, half - size);
  const phys = Math.min(frame * PAGE - (frame * PAGE) % pageSize, 2 ** 52 - size);
  return { ...step, virt: BigInt.asUintN(64, BigInt.asIntN(48, BigInt(virt))), phys, size };
});
const change = fc.record({ do: fc.constantFrom("unmap" as const, "update" as const), nth: fc.nat(), flags });

/** A step that a set of mappings is made in. */
export const step: fc.Arbitrary<Step> = fc.oneof({ weight: 5, arbitrary: map }, { weight: 1, arbitrary: change });

/** Any canonical address. */
export const anywhere: fc.Arbitrary<bigint> = fc.bigInt({ min: 0n, max: 2n ** 48n - 1n }).map((low) =>
  BigInt.asUintN(64, BigInt.asIntN(48, low))
);

/** A byte by the page that it is in or near: thousandths of the page's size, of which -1 and 1000 are outside. */
export const nearPage: fc.Arbitrary<{ readonly nth: number; readonly thousandths: number }> = fc.record({
  nth: fc.nat(),
  thousandths: fc.integer({ min: -1, max: 1000 }),
});

/** Flags that a caller may give for pages of a size. */
function givenFlags(pageSize: PageSize, flags: bigint): bigint {
  return pageSize === PAGE ? flags & ~HUGE_PAGE_PAT : flags;
}

/** Flags that the leaves then have. */
function leafFlags(pageSize: PageSize, flags: bigint): bigint {
  return givenFlags(pageSize, flags) | (pageSize === PAGE ? 0n : HUGE_PAGE);
}

/**
 * Does to a mapper what a step says, and to the present pages, by address, what it should do. A run that meets what is
 * there already is refused.
 */
export function takeStep(mapper: Mapper, pages: Map<bigint, Leaf>, step: Step): void {
  if (step.do === "map") return takeMap(mapper, pages, step);
  const page = [...pages.values()][step.nth % pages.size];
  if (!page) return;
  const { virt, pageSize } = page;
  if (step.do === "unmap") mapper.unmap(virt);
  else mapper.updateFlags(virt, givenFlags(pageSize, step.flags));
  if (step.do === "update" && step.flags & PRESENT) {
    pages.set(virt, { ...page, flags: leafFlags(pageSize, step.flags) });
  } else pages.delete(virt);
}

function takeMap(mapper: Mapper, pages: Map<bigint, Leaf>, { virt, phys, size, pageSize, ...step }: MapStep): void {
  const { parentFlags } = step;
  try {
    mapper.mapTo(virt, phys, givenFlags(pageSize, step.flags), {
      size,
      pageSize,
      ...(parentFlags === undefined ? {} : { parentFlags }),
    });
  } catch (error) {
    assertInstanceOf(error, LoadError);
    assertEquals(error.code, "page-already-mapped");
    return;
  }
  const flags = leafFlags(pageSize, step.flags);
  for (let done = 0; done < size && flags & PRESENT; done += pageSize) {
    const at = virt + BigInt(done);
    pages.set(at, { virt: at, phys: phys + done, pageSize, flags });
  }
}
