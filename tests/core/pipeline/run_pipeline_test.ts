/** Loads whose pipeline is not the default one: stages wrapped, added, and left out. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { PF_R, PF_W, PF_X, PT_NOTE, PT_TLS } from "../../../core/elf/constants.ts";
import type { ErrorPlace } from "../../../core/error_details.ts";
import { LoadError } from "../../../core/errors.ts";
import { loadKernel } from "../../../core/load_kernel.ts";
import { defaultPipeline } from "../../../core/stages/default_pipeline.ts";
import type { LoadedKernel } from "../../../core/loaded_kernel.ts";
import { type Pipeline, pipeline } from "../../../core/pipeline/pipeline.ts";
import { imageStage, segmentStage, type Stage } from "../../../core/pipeline/stage.ts";
import type { RuleSetName } from "../../../core/rules.ts";
import { buildElf } from "../../elf_builder.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const RULE_SETS = ["default", "bootloader-0.10"] as const satisfies readonly RuleSetName[];
const BASE = 0x10_0000;
const TEXT = { p_flags: PF_R | PF_X, p_vaddr: 0x40_0000n, offset: 0x1000, filesz: 0x1000 };
const DATA = { p_flags: PF_R | PF_W, p_vaddr: 0x40_1000n, offset: 0x2000, filesz: 0x321, p_memsz: 0x2800n };
const TLS = { p_type: PT_TLS, p_vaddr: 0x40_1000n, offset: 0x2000, filesz: 0x10, p_memsz: 0x38n, p_align: 8n };
const NOTE = { p_type: PT_NOTE, p_vaddr: 0n, offset: 0x2340, filesz: 0x20, p_align: 4n };
const FILE = buildElf({ segments: [NOTE, TEXT, TLS, DATA], length: 0x2400 });
const TEMPLATE = { startAddr: 0x40_1000n, fileSize: 0x10n, memSize: 0x38n, align: 8n };

const options = (rules: RuleSetName) => ({ rules, memory: { base: BASE, size: 2 ** 20 }, kernelOffset: BASE } as const);

/** What a pipeline can make a difference to. */
type Facts = Pick<
  LoadedKernel,
  "entryPoint" | "tlsTemplate" | "framesAllocated" | "nextFrame" | "usedLevel4Entries" | "mappings" | "memory"
>;

function assertSameKernel(kernel: Facts, expected: Facts): void {
  const facts = ({ entryPoint, tlsTemplate, framesAllocated, nextFrame, ...rest }: Facts) => {
    return [entryPoint, tlsTemplate, framesAllocated, nextFrame, [...rest.usedLevel4Entries], [...rest.mappings()]];
  };
  assertEquals(facts(kernel), facts(expected));
  const [one, other] = [kernel, expected].map(({ memory, nextFrame }) => memory.bytes(BASE, nextFrame - BASE));
  assert(equals(one, other), "memory differs");
}

/** A pipeline whose stages the compiler does not know. */
const loose = (...stages: readonly Stage[]): Pipeline => pipeline(...stages);

function streamOf(chunks: readonly Bytes[]): { readonly stream: ReadableStream<Bytes>; readonly cancels: unknown[] } {
  let at = 0;
  const cancels: unknown[] = [];
  const stream = new ReadableStream<Bytes>({
    pull: (controller) => at < chunks.length ? controller.enqueue(chunks[at++]) : controller.close(),
    cancel: (reason) => void cancels.push(reason),
  }, { highWaterMark: 0 });
  return { stream, cancels };
}

// Every stage can be replaced and preceded

for (const rules of RULE_SETS) {
  Deno.test(`a wrapper in place of any stage runs in its place and gives the same kernel (${rules})`, async () => {
    for (const [index, stage] of defaultPipeline.stages.entries()) {
      let calls = 0;
      const wrapper: Stage = "segment" in stage
        ? { ...stage, segment: (segment, context: never) => (calls++, stage.segment(segment, context)) }
        : { ...stage, run: async (context: never) => (calls++, await stage.run(context)) };
      const wrapped = loose(...(defaultPipeline.stages as readonly Stage[]).with(index, wrapper));
      const kernel = await loadKernel(FILE, { ...options(rules), pipeline: wrapped });
      assertStrictEquals(calls, "segment" in stage ? 4 : 1, stage.name);
      assertSameKernel(kernel, await loadKernel(FILE, options(rules)));
      assertEquals(kernel.results, {});
    }
  });

  Deno.test(`an image stage before any stage runs once, and what it adds is in the results (${rules})`, async () => {
    for (const index of defaultPipeline.stages.keys()) {
      let calls = 0;
      const own = imageStage("own-stage", { needs: [], adds: ["calls"] }, () => ({ calls: ++calls }));
      const longer = loose(...(defaultPipeline.stages as readonly Stage[]).toSpliced(index, 0, own));
      const kernel = await loadKernel(FILE, { ...options(rules), pipeline: longer });
      assertEquals([calls, kernel.results], [1, { "own-stage": { calls: 1 } }]);
      assertEquals(kernel.tlsTemplate, TEMPLATE);
      assert(equals(kernel.read(TEXT.p_vaddr, 0x1000), FILE.subarray(0x1000, 0x2000)));
      assert(equals(kernel.read(DATA.p_vaddr, 0x321), FILE.subarray(0x2000, 0x2321)));
      assert(kernel.read(DATA.p_vaddr + 0x321n, 0x2800 - 0x321).every((byte) => byte === 0));
    }
  });

  Deno.test(`a segment stage before any later one runs for each header and changes nothing else (${rules})`, async () => {
    for (const name of ["map-load", "bss-fixup", "tls-extract", "l4-usage"]) {
      const seen: number[] = [];
      const own = segmentStage("own-stage", { needs: ["addressSpace"] }, ({ index }) => {
        seen.push(index);
        return {};
      });
      const longer = loose(...defaultPipeline.stages).before(name, own);
      const kernel = await loadKernel(FILE, { ...options(rules), pipeline: longer });
      assertEquals([seen, kernel.results], [[0, 1, 2, 3], { "own-stage": {} }]);
      assertSameKernel(kernel, await loadKernel(FILE, options(rules)));
    }
  });
}

// Stages that are left out

Deno.test("without bss-fixup only the pages of the file are mapped, with the file's own bytes after the segment's", async () => {
  for (const rules of RULE_SETS) {
    const shorter = defaultPipeline.without("bss-fixup");
    const kernel = await loadKernel(FILE, { ...options(rules), pipeline: shorter });
    const mapped = [...kernel.mappings()].map(({ virt, phys, size }) => [virt, phys, size]);
    assertEquals(mapped, [[0x40_0000n, BASE + 0x1000, 0x1000], [0x40_1000n, BASE + 0x2000, 0x1000]]);
    assert(equals(kernel.read(DATA.p_vaddr, 0x321), FILE.subarray(0x2000, 0x2321)));
    assertEquals(kernel.framesAllocated, 4); // tables alone
    assertEquals(kernel.frameRuns().map(({ owner }) => owner), ["file", "table"]);
    assertEquals(kernel.tlsTemplate, TEMPLATE);
  }
});

Deno.test("without tls-extract there is no template, and a second PT_TLS is not refused", async () => {
  const twice = buildElf({ segments: [NOTE, TEXT, TLS, TLS, DATA], length: 0x2400 });
  for (const rules of RULE_SETS) {
    assertStrictEquals((await assertRejects(() => loadKernel(twice, options(rules)), LoadError)).code, "tls-repeated");
    const kernel = await loadKernel(twice, { ...options(rules), pipeline: defaultPipeline.without("tls-extract") });
    assertStrictEquals("tlsTemplate" in kernel, false);
    assert(kernel.read(DATA.p_vaddr + 0x321n, 0x2800 - 0x321).every((byte) => byte === 0));
  }
});

Deno.test("without l4-usage there are no used level-4 entries, and all else is the same", async () => {
  for (const rules of RULE_SETS) {
    const expected = await loadKernel(FILE, options(rules));
    const kernel = await loadKernel(FILE, { ...options(rules), pipeline: defaultPipeline.without("l4-usage") });
    assertStrictEquals(kernel.usedLevel4Entries, undefined);
    const { usedLevel4Entries } = expected;
    assertSameKernel({ ...kernel, usedLevel4Entries }, expected);
  }
});

Deno.test("without map-load a kernel that is bss alone is the same", async () => {
  const file = buildElf({ segments: [{ ...DATA, filesz: 0 }], length: 0x2400 });
  for (const rules of RULE_SETS) {
    const kernel = await loadKernel(file, { ...options(rules), pipeline: defaultPipeline.without("map-load") });
    assert(kernel.read(DATA.p_vaddr, 0x2800).every((byte) => byte === 0));
    assertSameKernel(kernel, await loadKernel(file, options(rules)));
  }
});

// What stages add

Deno.test("what an image stage adds is in the context of later stages, and in the results under its name", async () => {
  const counts = imageStage("count-notes", { needs: ["programHeaders"], adds: ["notes"] }, ({ programHeaders }) => {
    return { notes: programHeaders.filter(({ p_type }) => p_type === PT_NOTE).length };
  });
  const doubles = imageStage(
    "double",
    { needs: [counts, "addressSpace"], adds: ["twice"] },
    ({ notes, addressSpace }) => ({ twice: 2 * notes + addressSpace.memory.base }),
  );
  const longer = defaultPipeline.after("parse", counts).after("l4-usage", doubles);
  const { results } = await loadKernel(FILE, { ...options("default"), pipeline: longer });
  assertEquals(results, { "count-notes": { notes: 1 }, "double": { twice: 2 + BASE } });
});

Deno.test("a segment stage sees what it added for earlier headers, and its last additions are its result", async () => {
  const seen: (bigint | undefined)[] = [];
  const sums = segmentStage("sum-sizes", { needs: ["sum?"], adds: ["sum", "last"] }, ({ index, p_memsz }, context) => {
    const sum = (context.sum ?? 0n) as bigint;
    seen.push(sum);
    return index === 3 ? { sum: sum + p_memsz } : { sum: sum + p_memsz, last: index };
  });
  const longer = defaultPipeline.after("bss-fixup", sums);
  const { results } = await loadKernel(FILE, { ...options("default"), pipeline: longer });
  assertEquals(seen, [0n, 0x20n, 0x1020n, 0x1058n]);
  assertEquals(results, { "sum-sizes": { sum: 0x3858n, last: 2 } });
});

Deno.test("a stage in place of a core stage may find something else, which the kernel then has", async () => {
  const own = segmentStage("tls-extract", { needs: [], adds: ["tlsTemplate"] }, ({ p_type }) => {
    return p_type === PT_NOTE ? { tlsTemplate: { ...TEMPLATE, align: 64n } } : {};
  });
  const kernel = await loadKernel(FILE, {
    ...options("default"),
    pipeline: defaultPipeline.replace("tls-extract", own),
  });
  assertEquals(kernel.tlsTemplate, { ...TEMPLATE, align: 64n });
  assertEquals(kernel.results, {});
});

Deno.test("results and kernel are frozen", async () => {
  const kernel = await loadKernel(FILE);
  assert(Object.isFrozen(kernel) && Object.isFrozen(kernel.results) && Object.isFrozen(kernel.diagnostics));
});

Deno.test("what a stage reports is among the kernel's diagnostics", async () => {
  const remark = { code: "own-rule", severity: "info", addresses: [], message: "Seen.", hint: "None." } as const;
  const reports = imageStage("report", { needs: ["report"] }, ({ report }) => {
    report(remark);
    return {};
  });
  const { diagnostics } = await loadKernel(FILE, { pipeline: defaultPipeline.before("parse", reports) });
  assertEquals(diagnostics.filter(({ code }) => code === "own-rule"), [remark]);
});

// Asynchronous stages, and stages that fail

Deno.test("asynchronous stages are waited for, one after the other", async () => {
  const order: string[] = [];
  const wait = (name: string) => async () => {
    order.push(`${name} starts`);
    await new Promise((resolve) => setTimeout(resolve, 1));
    order.push(`${name} ends`);
    return {};
  };
  const [parse, sanityCheck, ...rest] = defaultPipeline.stages;
  const own = loose(
    { name: "first", needs: [], adds: [], run: wait("first") },
    parse,
    sanityCheck,
    { name: "second", needs: [], adds: [], segment: ({ index }) => wait(`second ${index}`)() },
    { name: "third", needs: [], adds: [], segment: ({ index }) => wait(`third ${index}`)() },
    ...rest,
  );
  assertSameKernel(
    await loadKernel(FILE, { ...options("default"), pipeline: own }),
    await loadKernel(FILE, options("default")),
  );
  const names = ["first", ...[0, 1, 2, 3].flatMap((index) => [`second ${index}`, `third ${index}`])];
  assertEquals(order, names.flatMap((name) => [`${name} starts`, `${name} ends`]));
});

const FAILING: readonly (readonly [string, (cause: unknown) => Pipeline])[] = [
  ["first", (cause) => loose(failing("run", cause), ...defaultPipeline.stages)],
  ["after the headers", (cause) => loose(...defaultPipeline.stages).after("sanity-check", failing("run", cause))],
  ["for a header", (cause) => loose(...defaultPipeline.stages).after("sanity-check", failing("segment", cause))],
  ["last", (cause) => loose(...defaultPipeline.stages, failing("run", cause))],
];

function failing(kind: "run" | "segment", cause: unknown): Stage {
  const fail = () => {
    throw cause;
  };
  return { name: "fails", needs: [], adds: [], [kind]: fail } as unknown as Stage;
}

for (const [where, make] of FAILING) {
  Deno.test(`an error that a stage throws ${where} ends the load with it, and the source is cancelled with it`, async () => {
    class OwnError extends Error {}
    for (const cause of [new OwnError("from the caller"), "a string", undefined]) {
      const { stream, cancels } = streamOf([FILE.slice(0, 100), FILE.slice(100, 0x1800), FILE.slice(0x1800)]);
      const thrown = await loadKernel(stream, { pipeline: make(cause) }).then(
        () => new Error("the load succeeded"),
        (error: unknown) => error,
      );
      assertStrictEquals(thrown, cause);
      assertEquals([stream.locked, cancels.length], [false, 1]);
      assertStrictEquals(cancels[0], cause);
    }
  });

  Deno.test(`a promise that a stage rejects ${where} ends the load with its reason`, async () => {
    const cause = new Error("from the caller");
    const made = make(cause);
    const rejects = loose(...made.stages.map((stage): Stage => {
      if (stage.name !== "fails") return stage;
      const reject = () => Promise.reject(cause);
      return "segment" in stage ? { ...stage, segment: reject } : { ...stage, run: reject };
    }));
    assertStrictEquals(await assertRejects(() => loadKernel(FILE, { pipeline: rejects })), cause);
  });
}

Deno.test("a stage that refuses the file does so with its own LoadError", async () => {
  const refusal = new LoadError("no-load-segment", { field: "e_phnum", value: 7 });
  for (const [where, make] of FAILING) {
    const error = await assertRejects(() => loadKernel(FILE, { pipeline: make(refusal) }), LoadError);
    const { field, value } = error.detail as ErrorPlace;
    assertEquals([error.code, field, value], ["no-load-segment", "e_phnum", 7], where);
  }
});

Deno.test("a stage can wait for bytes that no segment needs, and they are kept", async () => {
  const asks = imageStage(
    "read-note",
    { needs: ["intake", "programHeaders"], adds: ["note"] },
    async ({ intake, programHeaders }) => {
      const { p_offset, p_filesz } = programHeaders.find(({ p_type }) => p_type === PT_NOTE)!;
      await intake.require(Number(p_offset + p_filesz));
      return { note: [...intake.bytes(Number(p_offset), 4)].join(" ") };
    },
  );
  const expected = [...FILE.subarray(0x2340, 0x2344)].join(" ");
  const size = 700;
  const chunks = Array.from(
    { length: Math.ceil(FILE.length / size) },
    (_, at) => FILE.slice(at * size, (at + 1) * size),
  );
  for (const source of [FILE, streamOf(chunks).stream]) {
    const pipeline = defaultPipeline.after("parse", asks);
    const kernel = await loadKernel(source, { ...options("default"), pipeline });
    assertEquals(kernel.results["read-note"], { note: expected });
    assert(equals(kernel.memory.bytes(BASE, 0x2360), FILE.subarray(0, 0x2360)));
    assert(equals(kernel.read(DATA.p_vaddr, 0x321), FILE.subarray(0x2000, 0x2321)));
  }
});
