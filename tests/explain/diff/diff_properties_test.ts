/**
 * Random edits of an address space: a comparison shows exactly what was edited. What is expected comes from a model of
 * pages that knows nothing of page tables.
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ascendingFrames, physicalMemory } from "../../../mod.ts";
import { diffKernels, openTableSet } from "../../../explain/mod.ts";
import type { KernelDifference, TableSet } from "../../../explain/mod.ts";
import { ACCESSED, DIRTY, GLOBAL, NO_EXECUTE, openPageTables, PRESENT } from "../../../core/paging/mod.ts";
import { USER_ACCESSIBLE, WRITABLE, WRITE_THROUGH } from "../../../core/paging/mod.ts";

const PAGE = 4096;
const FRAMES = 64;

/** Where pages can be: around the borders of tables of each level, and in both halves. */
const SPOTS: readonly bigint[] = [0n, 0x1f_c000n, 0x3fff_c000n, 0x7f_ffff_c000n, 0xffff_8000_0000_0000n]
  .flatMap((start) => Array.from({ length: 8 }, (_, at) => start + BigInt(at * PAGE)));

const FLAGS: readonly (readonly [string, bigint])[] = [
  ["WRITABLE", WRITABLE],
  ["USER_ACCESSIBLE", USER_ACCESSIBLE],
  ["WRITE_THROUGH", WRITE_THROUGH],
  ["ACCESSED", ACCESSED],
  ["DIRTY", DIRTY],
  ["GLOBAL", GLOBAL],
  ["BIT_9", 1n << 9n],
  ["NO_EXECUTE", NO_EXECUTE],
];

/** A page of the model. */
interface Page {
  readonly flags: bigint;
  readonly bytes: Uint8Array;
}

type Space = ReadonlyMap<bigint, Page>;

const flags = fc.subarray([...FLAGS]).map((chosen) => chosen.reduce((sum, [, bit]) => sum | bit, PRESENT));
/** Bytes near one another, and at the ends of a page, so that ranges are joined, or just not. */
const offset = fc.oneof(
  fc.integer({ min: 0, max: PAGE - 1 }),
  fc.integer({ min: 0, max: 3 }).map((at) => at * 16 + 8),
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: PAGE - 24, max: PAGE - 1 }),
);
const writes = fc.array(fc.tuple(offset, fc.integer({ min: 1, max: 255 })), { maxLength: 12 });
const page: fc.Arbitrary<Page> = fc.record({ flags, bytes: writes.map(bytesOf) });
const spots = fc.integer({ min: 0, max: SPOTS.length - 1 }).map((at) => SPOTS[at]);
const space: fc.Arbitrary<Space> = fc.array(fc.tuple(spots, page), { maxLength: 30 }).map((pages) => new Map(pages));

function bytesOf(written: readonly (readonly [offset: number, byte: number])[]): Uint8Array {
  const bytes = new Uint8Array(PAGE);
  for (const [offset, byte] of written) bytes[offset] = byte;
  return bytes;
}

/** An edit: a page is mapped anew, unmapped, given other flags, or written to. */
const edit = fc.oneof(
  fc.record({ kind: fc.constant("map" as const), at: spots, page }),
  fc.record({ kind: fc.constant("unmap" as const), at: spots }),
  fc.record({ kind: fc.constant("flags" as const), at: spots, flags }),
  fc.record({ kind: fc.constant("write" as const), at: spots, written: writes }),
);

function edited(space: Space, edits: readonly (typeof edit extends fc.Arbitrary<infer T> ? T : never)[]): Space {
  const pages = new Map(space);
  for (const each of edits) {
    const old = pages.get(each.at);
    if (each.kind === "map") pages.set(each.at, each.page);
    if (each.kind === "unmap") pages.delete(each.at);
    if (each.kind === "flags" && old) pages.set(each.at, { ...old, flags: each.flags });
    if (each.kind === "write" && old) {
      const bytes = old.bytes.slice();
      for (const [offset, byte] of each.written) bytes[offset] = byte;
      pages.set(each.at, { ...old, bytes });
    }
  }
  return pages;
}

/** Page tables for a model; frames are handed out in the order of its pages, or in the other one. */
function tablesFor(space: Space, reversed: boolean): TableSet {
  const memory = physicalMemory({ base: 0x10_0000, buffer: new ArrayBuffer((FRAMES + 64) * PAGE) });
  const start = memory.base + (FRAMES + 1) * PAGE;
  const frames = ascendingFrames({ start, end: memory.base + memory.size });
  const root = memory.base + FRAMES * PAGE;
  const mapper = openPageTables(memory, root, { frames });
  const pages = reversed ? [...space].reverse() : [...space];
  pages.forEach(([virt, { flags, bytes }], at) => {
    const phys = memory.base + at * PAGE;
    memory.bytes(phys, PAGE).set(bytes);
    mapper.mapTo(virt, phys, flags, { parentFlags: PRESENT | WRITABLE | USER_ACCESSIBLE });
  });
  return openTableSet({ memory, cr3: root });
}

const COUNTED = ~(ACCESSED | DIRTY);

function namesOf(flags: bigint): readonly string[] {
  return FLAGS.filter(([, bit]) => (flags & bit) !== 0n).map(([name]) => name);
}

/** The mappings that differ, page by page, and then joined. */
function expectedMappings(a: Space, b: Space, counted: bigint) {
  const found: { kind: string; address: bigint; size: number; of: string; lost: string[]; gained: string[] }[] = [];
  for (const address of [...new Set([...a.keys(), ...b.keys()])].sort((one, other) => one < other ? -1 : 1)) {
    const [one, other] = [a.get(address), b.get(address)];
    const [flagsA, flagsB] = [one && one.flags & counted, other && other.flags & counted];
    if (flagsA === flagsB) continue;
    const kind = one && other ? "changed" : one ? "removed" : "added";
    const of = `${kind} ${flagsA} ${flagsB}`;
    const last = found.at(-1);
    if (last && last.of === of && last.address + BigInt(last.size) === address) last.size += PAGE;
    else {
      const [namesA, namesB] = one && other ? [namesOf(flagsA as bigint), namesOf(flagsB as bigint)] : [[], []];
      const lost = namesA.filter((name) => !namesB.includes(name));
      found.push({ kind, address, size: PAGE, of, lost, gained: namesB.filter((name) => !namesA.includes(name)) });
    }
  }
  return found.map(({ of: _, ...mapping }) => mapping);
}

/** The ranges of bytes that differ, where up to 15 equal bytes are between two that do. */
function expectedRanges(a: Space, b: Space) {
  const found: { address: bigint; size: number; differing: number }[] = [];
  for (const address of [...a.keys()].filter((each) => b.has(each)).sort((one, other) => one < other ? -1 : 1)) {
    for (let offset = 0; offset < PAGE; offset++) {
      if (a.get(address)?.bytes[offset] === b.get(address)?.bytes[offset]) continue;
      const at = address + BigInt(offset);
      const last = found.at(-1);
      if (last && at - (last.address + BigInt(last.size)) < 16n) {
        last.size = Number(at - last.address) + 1;
        last.differing++;
      } else found.push({ address: at, size: 1, differing: 1 });
    }
  }
  return found;
}

function shownMappings({ mappings }: KernelDifference) {
  return mappings.items.map(({ kind, address, size, lost, gained }) => ({ kind, address, size, lost, gained }));
}

function shownRanges({ content }: KernelDifference) {
  return content.ranges.items.map(({ address, size, differing }) => ({ address, size, differing }));
}

const LIMIT = 10_000;

Deno.test("a comparison shows the edits of an address space, and nothing else", () => {
  fc.assert(fc.property(space, fc.array(edit, { maxLength: 12 }), fc.boolean(), (a, edits, accessed) => {
    const b = edited(a, edits);
    const found = diffKernels(tablesFor(a, false), tablesFor(b, true), { accessed, limit: LIMIT });
    const mappings = expectedMappings(a, b, accessed ? ~0n : COUNTED);
    assertEquals<unknown>(shownMappings(found), mappings);
    const ranges = expectedRanges(a, b);
    assertEquals(shownRanges(found), ranges);
    assertEquals(found.content.differing, ranges.reduce((sum, { differing }) => sum + differing, 0));
    assertEquals(found.content.first?.address, ranges[0]?.address);
    const both = [...a.keys()].filter((each) => b.has(each));
    assertEquals([found.mappings.both, found.content.compared], [both.length * PAGE, both.length * PAGE]);
    const onlyAccessed = both.filter((each) => {
      const differ = (a.get(each) as Page).flags ^ (b.get(each) as Page).flags;
      return differ !== 0n && (differ & COUNTED) === 0n;
    });
    assertEquals(found.mappings.accessed, accessed ? 0 : onlyAccessed.length * PAGE);
    // Level-4 entries can differ although nothing else does: an edit may leave a table without pages.
    const differs = mappings.length + ranges.length + found.level4.items.length > 0;
    assertEquals([found.verdict, found.complete], [differs ? "different" : "same", true]);
  }));
});

Deno.test("a comparison of two address spaces, the other way round, is its mirror image", () => {
  const kinds = { added: "removed", removed: "added", changed: "changed" } as const;
  fc.assert(fc.property(space, space, (a, b) => {
    const [one, other] = [tablesFor(a, false), tablesFor(b, true)];
    const [found, mirrored] = [diffKernels(one, other, { limit: LIMIT }), diffKernels(other, one, { limit: LIMIT })];
    assertEquals(
      mirrored.mappings.items.map(({ kind, a, b, lost, gained, ...rest }) => {
        return { ...rest, kind: kinds[kind], a: b, b: a, lost: gained, gained: lost };
      }),
      found.mappings.items.map(({ a, b, ...rest }) => ({ ...rest, a, b })),
    );
    assertEquals(
      mirrored.content.ranges.items.map(({ a, b, ...rest }) => ({ ...rest, a: b, b: a })),
      [...found.content.ranges.items],
    );
    assertEquals(mirrored.level4.items.map(({ kind }) => kinds[kind]), found.level4.items.map(({ kind }) => kind));
    assertEquals([mirrored.verdict, mirrored.content.differing], [found.verdict, found.content.differing]);
  }));
});

Deno.test("an address space is the same as itself, wherever it lies", () => {
  fc.assert(fc.property(space, (pages) => {
    const tables = tablesFor(pages, false);
    for (const other of [tables, tablesFor(pages, true)]) {
      const { verdict, mappings, content, level4, facts, unknown } = diffKernels(tables, other);
      assertEquals(verdict, "same");
      assertEquals([mappings.items, content.ranges.items, level4.items, facts, unknown.items], [[], [], [], [], []]);
    }
  }));
});

Deno.test("a limit leaves out items, but counts them, and changes nothing else", () => {
  fc.assert(fc.property(space, space, fc.nat(5), (a, b, limit) => {
    const [one, other] = [tablesFor(a, false), tablesFor(b, true)];
    const whole = diffKernels(one, other, { limit: LIMIT });
    const cut = diffKernels(one, other, { limit });
    for (const part of ["mappings", "level4"] as const) {
      assertEquals<unknown>(cut[part].items, whole[part].items.slice(0, limit));
      assertEquals(cut[part].items.length + cut[part].more, whole[part].items.length);
    }
    const [ranges, all] = [cut.content.ranges, whole.content.ranges];
    assertEquals([ranges.items, ranges.items.length + ranges.more], [all.items.slice(0, limit), all.items.length]);
    assertEquals([cut.verdict, cut.content.differing], [whole.verdict, whole.content.differing]);
  }));
});
