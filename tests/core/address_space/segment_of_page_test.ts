import { assertEquals, assertStrictEquals } from "@std/assert";
import { atHeader, segmentOfPage } from "../../../core/address_space/segment_of_page.ts";
import type { Segment } from "../../../core/elf/program_header.ts";
import { LoadError } from "../../../core/errors.ts";
import { RULES } from "../../../core/rules.ts";

/** A segment with this range. */
function segment(index: number, start: number, memSize: number, fileSize = 0): Segment {
  const raw = { p_type: 1, p_flags: 6, p_offset: 0n, p_vaddr: 0n, p_paddr: 0n, p_filesz: 0n, p_memsz: 0n, p_align: 0n };
  return { index, ...raw, load: { start, memSize, fileOffset: 0, fileSize } };
}

const { load: _, ...note } = segment(0, 0, 0);
const SEGMENTS = [note, segment(1, 0x40_0800, 0x1800), segment(2, 0x8000_0000_0000, 0x2345)];

Deno.test("segmentOfPage() finds the segment that has a byte in the page, with its range", () => {
  const text = { otherIndex: 1, otherRange: [0x40_0800n, 0x40_2000n] } as const;
  const high = { otherIndex: 2, otherRange: [0xffff_8000_0000_0000n, 0xffff_8000_0000_2345n] } as const;
  const expected = [
    [0x3f_f000n, {}],
    [0x40_0000n, text],
    [0x40_1000n, text],
    [0x40_2000n, {}], // after its end, on a page boundary
    [0xffff_8000_0000_2000n, high],
    [0xffff_8000_0000_3000n, {}],
  ] as const;
  for (const [page, owner] of expected) {
    assertEquals(segmentOfPage(page, { segments: SEGMENTS, bssEnd: "exclusive" }), owner);
  }
});

Deno.test("segmentOfPage() gives the page after an end on a page boundary to a bss that takes it", () => {
  const kernel = { segments: SEGMENTS, bssEnd: "inclusive" } as const;
  assertStrictEquals(segmentOfPage(0x40_2000n, kernel).otherIndex, 1);
  assertEquals(segmentOfPage(0x40_3000n, kernel), {});
});

Deno.test("segmentOfPage() leaves out the header that is not meant, and counts file bytes past p_memsz", () => {
  const kernel = { segments: [...SEGMENTS, segment(3, 0x40_0000, 0x100, 0x1800)], bssEnd: "exclusive" } as const;
  assertEquals(segmentOfPage(0x40_1000n, kernel, 1), { otherIndex: 3, otherRange: [0x40_0000n, 0x40_1800n] });
});

Deno.test("atHeader() adds the header, and the owner of a page that is mapped already", () => {
  const context = { segments: SEGMENTS, rules: RULES.default };
  const mapped = new LoadError("page-already-mapped", { field: "page", value: 0x40_1000n });
  const { detail } = atHeader(mapped, SEGMENTS[2], context);
  const owner = { otherIndex: 1, otherRange: [0x40_0800n, 0x40_2000n] };
  assertEquals<unknown>(detail, { field: "page", value: 0x40_1000n, index: 2, ...owner });
  const frames = atHeader(new LoadError("frames-exhausted", { field: "bss", value: 4096 }), SEGMENTS[1], context);
  assertEquals<unknown>(frames.detail, { field: "bss", value: 4096, index: 1 });
  assertStrictEquals(
    frames.message,
    "Cannot allocate frames for bss of program header 1: there is no room for 4096 more bytes",
  );
});

Deno.test("atHeader() leaves errors alone that name a header, and those of the source", () => {
  const context = { segments: SEGMENTS, rules: RULES.default };
  for (
    const error of [
      new LoadError("page-not-mapped", { index: 0, field: "address", value: 1n }),
      new LoadError("source-failed", { field: "the read", value: 1 }),
    ]
  ) assertStrictEquals(atHeader(error, SEGMENTS[1], context), error);
});
