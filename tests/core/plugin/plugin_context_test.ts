/** What handlers see and can do: the documented context, and memory through it. */

import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { PF_R, PF_W, PF_X } from "../../../core/elf/constants.ts";
import type { Segment } from "../../../core/elf/program_header.ts";
import type { AnyPlugin, Handler, Plugin } from "../../../core/plugin/plugin.ts";
import type { PluginContext } from "../../../core/plugin/plugin_context.ts";
import { type LoadedKernel, LoadError, loadKernel, type LoadOptions, type RuleSetName } from "../../../mod.ts";
import { NO_EXECUTE, PRESENT } from "../../../core/paging/mod.ts";
import { RULES } from "../../../core/rules.ts";
import { buildElf, fileByte } from "../../elf_builder.ts";

const MINE = 0x6000_0001;
const RULE_SETS = Object.keys(RULES) as readonly RuleSetName[];
const BASE = 0x10_0000;
const TEXT = { p_flags: PF_R | PF_X, p_vaddr: 0x40_0000n, offset: 0x1000, filesz: 0x2000 };
const DATA = { p_flags: PF_R | PF_W, p_vaddr: 0x40_2000n, offset: 0x3000, filesz: 0x800, p_memsz: 0x1800n };
const HEADER = { p_type: MINE, p_vaddr: 0x40_0000n, offset: 0x1000, filesz: 0x10, p_align: 1n };
const FILE = buildElf({ segments: [HEADER, TEXT, DATA], length: 0x4000 });

/** Loads the file with a handler that does this, once all segments are loaded. */
async function inHandler(
  handle: (context: PluginContext, phdr: Segment) => unknown,
  options: LoadOptions = {},
  phase: Handler<unknown>["phase"] = "seal",
): Promise<LoadedKernel<readonly [Plugin<"mine">]>> {
  const plugin: Plugin<"mine"> = {
    name: "mine",
    handlers: [{ type: MINE, phase, handle: (phdr, context) => handle(context, phdr) as undefined }],
  };
  const { pipeline: _, plugins: __, ...rest } = options;
  return await loadKernel(FILE, {
    memory: { base: BASE, size: 2 ** 21 },
    kernelOffset: BASE,
    ...rest,
    plugins: [plugin],
  });
}

const errorOf = (work: () => unknown): LoadError => assertThrows(work, LoadError);

/** What the builder put at these file offsets. */
const fromFile = (offset: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => fileByte(offset + at));

const KEYS = [
  "rules",
  "fileHeader",
  "programHeaders",
  "segments",
  "virtualAddressOffset",
  "signedOffset",
  "entryPoint",
  "addressSpace",
  "fileBytes",
  "pause",
  "report",
  "results",
];

for (const phase of ["load", "relocate", "seal"] as const) {
  Deno.test(`a handler of phase ${phase} sees the documented context, frozen`, async () => {
    let seen = 0;
    const kernel = await inHandler(
      (context, phdr) => {
        assertEquals(Object.keys(context).toSorted(), KEYS.toSorted());
        assert(Object.isFrozen(context) && Object.isFrozen(context.results));
        assertEquals(context.results, {});
        assertEquals(context.rules, RULES.default);
        assertEquals(context.segments[0], phdr);
        assertEquals(context.programHeaders.map(({ index }) => index), [0, 1, 2]);
        assert(context.programHeaders.every((header) => !("load" in header) && !("claim" in header)));
        const loaded = context.segments.map(({ load, claim }) => [load?.memSize, claim]);
        assertEquals(loaded, [[undefined, { readsFile: false }], [0x2000, undefined], [0x1800, undefined]]);
        assertEquals([context.virtualAddressOffset, context.signedOffset, context.entryPoint], [0n, 0n, 0x40_0000n]);
        seen++;
      },
      {},
      phase,
    );
    assertEquals([seen, kernel.results], [1, {}]);
  });
}

for (const rules of RULE_SETS) {
  const copyOnWrite = `write() under ${rules} crosses pages, and leaves the file's bytes in memory as they are`;
  Deno.test(copyOnWrite, async () => {
    const bytes = Uint8Array.from({ length: 0x1004 }, (_, at) => 0xa0 + at % 16);
    const kernel = await inHandler((context) => {
      context.addressSpace.write(0x40_0ffen, bytes);
      assertEquals(context.addressSpace.read(0x40_0ffen, bytes.length), bytes);
    }, { rules });
    assertEquals(kernel.read(0x40_0ffen, bytes.length), bytes);
    assertEquals(kernel.read(0x40_0000n, 0xffe), fromFile(0x1000, 0xffe));
    assertEquals(kernel.read(0x40_2002n, 0x7fe), fromFile(0x3002, 0x7fe));
    assertEquals(kernel.memory.bytes(BASE + 0x1000, 0x2800), fromFile(0x1000, 0x2800));
    // What may be done with the pages stays.
    const flags = [0x40_0000n, 0x40_1000n, 0x40_2000n].map((virt) => {
      const page = kernel.pageTable.translate(virt);
      return page.mapped ? page.flags : undefined;
    });
    assertEquals(flags, [PRESENT, PRESENT, PRESENT | 2n | NO_EXECUTE]);
  });

  Deno.test(`write() under ${rules} to a page that is not mapped fails before anything is written`, async () => {
    const kernel = await inHandler(({ addressSpace }) => {
      const error = errorOf(() => addressSpace.write(0x40_3ffcn, new Uint8Array(8).fill(0xee)));
      assertEquals([error.code, error.detail.value], ["page-not-mapped", 0x40_4000n]);
      assertEquals(errorOf(() => addressSpace.unshare(0x50_0000n)).code, "page-not-mapped");
      assertEquals(errorOf(() => addressSpace.read(0x3f_ffffn, 2)).code, "page-not-mapped");
      assertEquals(errorOf(() => addressSpace.write(1n << 47n, new Uint8Array(1))).code, "address-not-canonical");
    }, { rules });
    assertEquals(kernel.read(0x40_3ffcn, 4), new Uint8Array(4));
  });

  Deno.test(`unshare() under ${rules} gives a page a frame of its own, once`, async () => {
    const kernel = await inHandler(({ addressSpace: { memory, pageTable, unshare } }) => {
      const phys = unshare(0x40_0123n);
      assertEquals(unshare(0x40_0000n), phys - 0x123);
      assertEquals(memory.bytes(phys, 0x10), fromFile(0x1123, 0x10));
      const found = pageTable.translate(0x40_0123n);
      assertEquals(found.mapped && found.phys, phys);
      memory.bytes(phys, 1)[0] = 0xee;
    }, { rules });
    assertEquals(kernel.read(0x40_0122n, 3), new Uint8Array([fileByte(0x1122), 0xee, fileByte(0x1124)]));
    assertEquals(kernel.memory.bytes(BASE + 0x1123, 1)[0], fileByte(0x1123));
  });
}

Deno.test("frames that a handler takes lie together, are zero, and appear under their owner", async () => {
  let phys = 0;
  const memory = { base: BASE, size: 2 ** 21 };
  const kernel = await inHandler(({ addressSpace }) => {
    phys = addressSpace.allocateFrames(3, "kernel-stack");
    assertEquals(addressSpace.memory.bytes(phys, 0x3000), new Uint8Array(0x3000));
  }, { memory });
  assertEquals(kernel.frameRuns().filter(({ owner }) => owner === "kernel-stack"), [
    { phys, size: 0x3000, owner: "kernel-stack" },
  ]);
  assert(kernel.nextFrame >= phys + 0x3000);
});

Deno.test("more frames than there are: frames-exhausted, with the header's index", async () => {
  const take = ({ addressSpace }: PluginContext) => addressSpace.allocateFrames(2 ** 20, "big");
  const error = await assertRejects(() => inHandler(take), LoadError);
  assertEquals([error.code, error.detail], ["frames-exhausted", { index: 0, field: "big", value: 2 ** 32 }]);
});

for (const rules of RULE_SETS) {
  Deno.test(`level-4 entries that a handler takes under ${rules} are in use in the kernel`, async () => {
    const taken: bigint[] = [];
    const kernel = await inHandler(({ addressSpace: { usedLevel4Entries } }) => {
      usedLevel4Entries.mark(300, 301);
      taken.push(usedLevel4Entries.getFreeAddress());
    }, { rules });
    assertEquals(taken, [0x80_0000_0000n]);
    assertEquals([...kernel.usedLevel4Entries], [0, 1, 300, 301]);
    assertEquals(kernel.usedLevel4Entries.getFreeEntry(), 2);
  });
}

/** A `read(buffer)` source of a file. */
function reader(file: Uint8Array) {
  let at = 0;
  return {
    read: (into: Uint8Array) => {
      if (at === file.length) return null;
      const piece = file.subarray(at, at + into.length);
      into.set(piece);
      at += piece.length;
      return piece.length;
    },
  };
}

const BEHIND = { p_type: MINE, p_vaddr: 0n, p_memsz: 0n, offset: 0x6010, filesz: 0x20, p_align: 1n };
const FAR = buildElf({ segments: [BEHIND, TEXT], length: 0x9000 });

Deno.test("readsFile has bytes kept that lie in no PT_LOAD, and read no further than they need", async () => {
  const found: Uint8Array[] = [];
  const handle = async (phdr: Segment, { fileBytes }: PluginContext) => {
    found.push((await fileBytes(phdr)).slice());
  };
  const reads: Plugin = { name: "reads", handlers: [{ type: MINE, readsFile: true, handle }] };
  const kernel = await loadKernel(reader(FAR), { plugins: [reads] });
  assertEquals(found, [fromFile(0x6010, 0x20)]);
  assertEquals(kernel.bytesRead, 0x6030);

  const ignores: Plugin = { name: "ignores", handlers: [{ type: MINE, handle: () => undefined }] };
  assertEquals((await loadKernel(reader(FAR), { plugins: [ignores] })).bytesRead, 0x3000);
});

Deno.test("without readsFile, bytes that lie in no PT_LOAD are refused", async () => {
  const plugin: Plugin = {
    name: "blind",
    handlers: [{ type: MINE, handle: async (phdr, { fileBytes }) => void await fileBytes(phdr) }],
  };
  const error = await assertRejects(() => loadKernel(reader(FAR), { plugins: [plugin] }), LoadError);
  assertEquals([error.code, error.detail], ["plugin-failed", { index: 0, field: "plugin", value: "blind" }]);
  assert(error.cause instanceof RangeError && error.cause.message.includes("program header 0"));
});

Deno.test("fileBytes of a header that the file ends before: segment-out-of-file", async () => {
  const plugin: Plugin = {
    name: "reads",
    handlers: [{ type: MINE, readsFile: true, handle: async (phdr, { fileBytes }) => void await fileBytes(phdr) }],
  };
  const cut = FAR.subarray(0, 0x6020);
  const error = await assertRejects(() => loadKernel(cut, { plugins: [plugin] }), LoadError);
  assertEquals(error.code, "segment-out-of-file");
  assertEquals(error.detail, { index: 0, field: "p_offset + p_filesz", value: 0x6030n, limit: 0x6020 });
});

Deno.test("what a handler reports is among the diagnostics, as it was reported", async () => {
  const remark = { code: "my-rule", severity: "info", index: 0, addresses: [1n], message: "M.", hint: "H." } as const;
  const { diagnostics } = await inHandler(({ report }) => report(remark));
  assertEquals(diagnostics.filter(({ code }) => code === "my-rule"), [remark]);
});

Deno.test("pages that a handler maps are the kernel's", async () => {
  const kernel = await inHandler(({ addressSpace }) => {
    const virt = addressSpace.reserve(0x2000);
    const phys = addressSpace.allocateFrames(2, "kernel-stack");
    addressSpace.map(virt, phys, PRESENT | 2n | NO_EXECUTE, { size: 0x2000 });
    addressSpace.write(virt + 0xffen, new Uint8Array([1, 2, 3, 4]));
  });
  assertEquals(kernel.read(0x80_0000_0ffen, 4), new Uint8Array([1, 2, 3, 4]));
  const run = [...kernel.mappings()].find(({ virt }) => virt === 0x80_0000_0000n);
  assertEquals([run?.size, run?.writable, run?.executable], [0x2000, true, false]);
  assertNotEquals(run?.phys, undefined);
});

Deno.test("a handler that reports something malformed, or asks for half a frame or none, has failed", async () => {
  const wrongs: readonly ((context: PluginContext) => unknown)[] = [
    ({ report }) => report(null as never),
    ({ report }) => report({ code: "mine" } as never),
    ({ addressSpace }) => addressSpace.allocateFrames(1.5, "mine"),
    ({ addressSpace }) => addressSpace.allocateFrames(0, "mine"),
  ];
  for (const wrong of wrongs) {
    const mine: AnyPlugin = { name: "mine", handlers: [{ type: 1, handle: (_phdr, context) => void wrong(context) }] };
    const error = await assertRejects(() => loadKernel(buildElf({ segments: [{ filesz: 1 }] }), { plugins: [mine] }));
    assertEquals((error as LoadError).code, "plugin-failed");
  }
});
