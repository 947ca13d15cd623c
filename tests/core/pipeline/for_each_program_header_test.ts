import { assert, assertEquals, assertObjectMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { PF_R, PF_W, PF_X, PT_NOTE, PT_TLS } from "../../../core/elf/constants.ts";
import { quietly } from "../../../core/intake/quietly.ts";
import { LoadError } from "../../../core/errors.ts";
import { loadKernel } from "../../../core/load_kernel.ts";
import { defaultPipeline } from "../../../core/stages/default_pipeline.ts";
import type { Base, Loading } from "../../../core/pipeline/context.ts";
import { forEachProgramHeader } from "../../../core/pipeline/for_each_program_header.ts";
import { imageStage, segmentStage } from "../../../core/pipeline/stage.ts";
import { checkHeaders } from "../check_headers.ts";
import { buildElf, type SegmentSpec } from "../../elf_builder.ts";

const SEGMENTS: readonly SegmentSpec[] = [
  { p_type: PT_NOTE, p_vaddr: 0n, offset: 0x3100, filesz: 0x20, p_align: 4n },
  { p_flags: PF_R | PF_W, p_vaddr: 0x40_2000n, offset: 0x2000, filesz: 0x321, p_memsz: 0x2800n },
  { p_type: 0x6474e551, p_vaddr: 0n, offset: 0, filesz: 0, p_align: 8n },
  { p_flags: PF_R | PF_X, p_vaddr: 0x40_0000n, offset: 0x1000, filesz: 0x1000 },
  { p_type: PT_TLS, p_vaddr: 0x40_2000n, offset: 0x2000, filesz: 0x10, p_memsz: 0x38n, p_align: 8n },
  { p_flags: PF_R, p_vaddr: 0x40_8000n, offset: 0x3000, filesz: 0, p_memsz: 0n },
];
const FILE = buildElf({ segments: SEGMENTS, length: 0x3200 });

/** A segment stage that adds nothing. */
function recorder<const Name extends string>(
  name: Name,
  record: (index: number, context: Pick<Loading, "addressSpace">) => void,
) {
  return segmentStage(name, { needs: ["addressSpace"] }, ({ index }, context) => {
    record(index, context);
    return {};
  });
}

Deno.test("segment stages see every header, of any type, in table order, and all of them one header before the next", async () => {
  const seen: string[] = [];
  const one = recorder("one", (index) => seen.push(`one ${index}`));
  const other = recorder("other", (index) => seen.push(`other ${index}`));
  const own = defaultPipeline.before("map-load", one).after("tls-extract", other);
  await loadKernel(FILE, { pipeline: own });
  assertEquals(seen, SEGMENTS.flatMap((_, index) => [`one ${index}`, `other ${index}`]));
});

Deno.test("a segment stage is given the header's own fields, and its range where it is loaded", async () => {
  const seen: unknown[] = [];
  const stage = segmentStage("look", { needs: [] }, (segment) => {
    seen.push([segment.p_type, segment.p_vaddr, segment.p_offset, segment.p_filesz, segment.p_memsz, segment.load]);
    return {};
  });
  await loadKernel(FILE, { pipeline: defaultPipeline.before("map-load", stage) });
  const data = { start: 0x40_2000, memSize: 0x2800, fileOffset: 0x2000, fileSize: 0x321 };
  const text = { start: 0x40_0000, memSize: 0x1000, fileOffset: 0x1000, fileSize: 0x1000 };
  assertEquals(seen, [
    [PT_NOTE, 0n, 0x3100n, 0x20n, 0x20n, undefined],
    [1, 0x40_2000n, 0x2000n, 0x321n, 0x2800n, data],
    [0x6474e551, 0n, 0n, 0n, 0n, undefined],
    [1, 0x40_0000n, 0x1000n, 0x1000n, 0x1000n, text],
    [PT_TLS, 0x40_2000n, 0x2000n, 0x10n, 0x38n, undefined],
    [1, 0x40_8000n, 0x3000n, 0n, 0n, undefined], // empty: ignored
  ]);
});

Deno.test("the pages of a header are mapped before the next header's stages run", async () => {
  const mapped: (readonly bigint[])[] = [];
  const stage = recorder("look", (_, { addressSpace: { pageTable } }) => {
    mapped.push([...pageTable.mappings()].map(({ virt }) => virt));
  });
  await loadKernel(FILE, { pipeline: defaultPipeline.before("map-load", stage) });
  const data = [0x40_2000n];
  const both = [0x40_0000n, 0x40_2000n];
  assertEquals(mapped, [[], [], data, data, both, both]);
});

Deno.test("segment stages on both sides of an image stage work on one address space", async () => {
  const spaces = new Set<unknown>();
  const add = (_: number, { addressSpace }: Pick<Loading, "addressSpace">) => void spaces.add(addressSpace);
  const own = defaultPipeline
    .before("map-load", recorder("one", add))
    .after("map-load", imageStage("between", { needs: [] }, () => ({})))
    .after("tls-extract", recorder("other", add));
  const kernel = await loadKernel(FILE, { pipeline: own });
  assertEquals([...spaces], [kernel.addressSpace]);
  assertStrictEquals(kernel.addressSpace.memory, kernel.memory);
  assertStrictEquals(kernel.addressSpace.pageTable, kernel.pageTable);
  assert(kernel.read(0x40_2321n, 0x2800 - 0x321).every((byte) => byte === 0));
});

Deno.test("fileBytes() waits for the bytes of a header and gives them where they lie in memory", async () => {
  const found: [number, Uint8Array][] = [];
  const stage = segmentStage("look", { needs: ["fileBytes"] }, async (segment, { fileBytes }) => {
    if (segment.load) found.push([segment.index, await fileBytes(segment)]);
    return {};
  });
  let at = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (at < FILE.length) controller.enqueue(FILE.slice(at, at += 100));
      else controller.close();
    },
  });
  const own = defaultPipeline.before("map-load", stage);
  const kernel = await loadKernel(stream, { pipeline: own });
  assertEquals(found.map(([index]) => index), [1, 3]);
  assertEquals(found[0][1], FILE.subarray(0x2000, 0x2321));
  assertEquals(found[1][1], FILE.subarray(0x1000, 0x2000));
  for (const [, bytes] of found) assertStrictEquals(bytes.buffer, kernel.memory.buffer);
});

Deno.test("fileBytes() refuses a header whose bytes are not kept with a RangeError that names it", async () => {
  const stage = segmentStage("look", { needs: ["fileBytes"] }, async (segment, { fileBytes }) => {
    if (segment.p_type === PT_NOTE) await fileBytes(segment);
    return {};
  });
  const own = defaultPipeline.before("map-load", stage);
  await assertRejects(() => loadKernel(FILE, { pipeline: own }), RangeError, "program header 0");
});

Deno.test("a LoadError of a segment stage is given the index of its header, unless it names one itself", async () => {
  for (const [named, expected] of [[undefined, 3], [0, 0], [5, 5]]) {
    const cause = new Error("deep down");
    const stage = recorder("fail", (index) => {
      if (index !== 3) return;
      const place = { field: "p_type", value: 1, ...named === undefined ? {} : { index: named } };
      throw new LoadError("segment-type-refused", place, { cause });
    });
    const own = defaultPipeline.before("map-load", stage);
    const error = await assertRejects(() => loadKernel(FILE, { pipeline: own }), LoadError);
    assertEquals([error.code, error.detail], ["segment-type-refused", { field: "p_type", value: 1, index: expected }]);
    assertStrictEquals(error.cause, cause);
  }
});

Deno.test("bootloader-0.10: a page that is mapped already names the header that owns it, with its range", async () => {
  const segments = [
    { p_flags: PF_R | PF_X, p_vaddr: 0x40_0000n, offset: 0x1000, filesz: 0x1800 },
    { p_type: PT_NOTE, p_vaddr: 0n, offset: 0x3100, filesz: 0x20, p_align: 4n },
    { p_flags: PF_R | PF_W, p_vaddr: 0x40_1800n, offset: 0x2800, filesz: 0x100 },
  ];
  const file = buildElf({ segments, length: 0x3200 });
  const error = await assertRejects(() => loadKernel(file, { rules: "bootloader-0.10" }), LoadError);
  assertStrictEquals(error.code, "page-already-mapped");
  assertEquals(error.detail, {
    field: "page",
    value: 0x40_1000n,
    index: 2,
    otherIndex: 0,
    otherRange: [0x40_0000n, 0x40_1800n],
  });
});

Deno.test("forEachProgramHeader() prepares memory unless it is there, and gives the context and each stage's additions", async () => {
  const sums = segmentStage("sums", { needs: ["sum?"], adds: ["sum", "last"] }, ({ index, p_memsz }, { sum = 0n }) => {
    const added = { sum: sum as bigint + p_memsz };
    return index === 5 ? added : { ...added, last: index };
  });
  const silent = segmentStage("silent", { needs: [] }, () => ({}));
  const { context } = await checkHeaders(FILE);
  const sum = 0x20n + 0x2800n + 0x1000n + 0x38n;
  const first = await forEachProgramHeader([sums, silent])(context);
  assertObjectMatch(first.grown, { ...context, sum, last: 4 });
  assertEquals([...first.additions], [["sums", { sum, last: 4 }]]);

  const second = await forEachProgramHeader([sums])(first.grown);
  assertObjectMatch(second.grown, { ...first.grown, sum: 2n * sum });
  assertStrictEquals(second.grown.addressSpace, first.grown.addressSpace);
});

Deno.test("all the bytes that segments need have arrived when the stages have run, whether a stage waited or not", async () => {
  const own = defaultPipeline.without("bss-fixup").without("map-load").before(
    "tls-extract",
    recorder("idle", () => {}),
  );
  let given = 0;
  const source = {
    read: (into: Uint8Array) => {
      const piece = FILE.subarray(given, given + Math.min(into.length, 500));
      into.set(piece);
      given += piece.length;
      return piece.length || null;
    },
  };
  const kernel = await loadKernel(source, { pipeline: own });
  assertStrictEquals(kernel.bytesRead, 0x2321);
  const [file] = kernel.frameRuns();
  assertEquals(kernel.memory.bytes(file.phys, 0x2321), FILE.subarray(0, 0x2321));
});

Deno.test("a stage that asks for more of the file once memory is laid out cannot overwrite what follows it", async () => {
  const asks = [
    ({ intake }: Pick<Base, "intake">) => intake.length(),
    ({ intake }: Pick<Base, "intake">) => intake.require(FILE.length),
  ];
  const expected = await loadKernel(FILE, { kernelOffset: 0 });
  for (const ask of asks) {
    const stage = segmentStage("greedy", { needs: ["intake"] }, async ({ index }, context) => {
      if (index === 5) await quietly(() => ask(context));
      return {};
    });
    const long = new Uint8Array(FILE.length + 0x9000).fill(0xee);
    long.set(FILE);
    const pipeline = defaultPipeline.after("bss-fixup", stage);
    const kernel = await loadKernel(new Blob([long]), { kernelOffset: 0, pipeline });
    assertEquals([...kernel.mappings()], [...expected.mappings()]);
    for (const { phys, size, owner } of expected.frameRuns()) {
      assertEquals(kernel.memory.bytes(phys, size), expected.memory.bytes(phys, size), owner);
    }
  }
});
