import { assert, assertEquals, assertNotEquals, assertObjectMatch, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { type ErrorCode, LoadError, loadKernel } from "../../mod.ts";
import { WRITABLE } from "../../core/paging/mod.ts";
import { presets } from "../../plugins/presets.ts";
import { relocate } from "../../plugins/relocate.ts";
import { relro } from "../../plugins/relro.ts";
import { ET_DYN, PT_LOAD } from "../../core/elf/constants.ts";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import {
  kernelFile,
  type KernelSpec,
  RELA,
  type RelaEntry,
  STRINGS,
  SYMBOLS,
  type Tags,
  word,
  WORDS,
} from "./relocate/kernel_file.ts";

const FIRST_FREE = 0x80_0000_0000n;

async function assertRefused(spec: KernelSpec, code: ErrorCode, detail: Record<string, unknown>): Promise<void> {
  const load = () => loadKernel(kernelFile(spec), { plugins: [relocate()] });
  const error = await assertRejects(load, LoadError);
  assertEquals(error.code, code, error.message);
  assertObjectMatch(error.detail, { index: 2, ...detail });
}

Deno.test("a position-independent kernel gets the first free level-4 entry", async () => {
  const kernel = await loadKernel(kernelFile({}), { plugins: [relocate()] });
  assertEquals(kernel.virtualAddressOffset, FIRST_FREE - 0x1000n);
  assertEquals(kernel.entryPoint, FIRST_FREE);
  assertEquals([...kernel.usedLevel4Entries], [0, 1]);
});

Deno.test("the lowest address is rounded down to the largest p_align, which the place keeps", async () => {
  const base = 0xffff_ffff_8000_0000n;
  const kernel = await loadKernel(kernelFile({ base, p_align: 0x20_0000n }), { plugins: [relocate()] });
  assertEquals(kernel.entryPoint, FIRST_FREE + 0x1000n);
  assertEquals(kernel.virtualAddressOffset, BigInt.asUintN(64, FIRST_FREE - base));
});

Deno.test("a kernel of more than 512 GiB gets neighbouring entries on one side of the hole", async () => {
  const spread = buildElf({
    header: { e_type: ET_DYN, e_entry: 0n },
    segments: [
      { offset: 0x1000, p_vaddr: 0n, filesz: 0x1000 },
      { offset: 0x2000, p_vaddr: 254n << 39n, filesz: 0x1000 },
    ],
  });
  const kernel = await loadKernel(spread, { plugins: [relocate()] });
  assertEquals(kernel.entryPoint, FIRST_FREE);
  const wider = buildElf({
    header: { e_type: ET_DYN, e_entry: 0n },
    segments: [
      { offset: 0x1000, p_vaddr: 0n, filesz: 0x1000 },
      { offset: 0x2000, p_vaddr: 255n << 39n, filesz: 0x1000 },
    ],
  });
  const high = await loadKernel(wider, { plugins: [relocate()] });
  assertEquals(high.entryPoint, 0xffff_8000_0000_0000n);
});

Deno.test("kernelBase goes before any place that is chosen", async () => {
  const kernelBase = 0xffff_ffff_8000_0000n;
  const kernel = await loadKernel(kernelFile({}), { plugins: [relocate({ seed: 1n })], kernelBase });
  assertEquals(kernel.entryPoint, kernelBase + 0x1000n);
});

Deno.test("a seed places the kernel at random: aligned, canonical, above entry 0, and the same each time", async () => {
  const places = new Set<bigint>();
  for (let seed = 0n; seed < 200n; seed++) {
    const load = () => loadKernel(kernelFile({ p_align: 0x20_0000n }), { plugins: [relocate({ seed })] });
    const { virtualAddressOffset: base, entryPoint } = await load();
    assertEquals(base % 0x20_0000n, 0n);
    assert(base >= FIRST_FREE);
    assertEquals(BigInt.asUintN(64, BigInt.asIntN(48, entryPoint)), entryPoint);
    if (seed < 5n) assertEquals((await load()).virtualAddressOffset, base);
    places.add(base);
  }
  assertEquals(places.size, 200);
  assert([...places].some((base) => base >> 63n === 1n) && [...places].some((base) => base >> 63n === 0n));
});

Deno.test("relocations are applied where they stand, symbols and all", async () => {
  const rela: readonly RelaEntry[] = [
    [WORDS, 8, 0, 0x1010n], // RELATIVE
    [WORDS + 8, 8, 0, -0x10n], // RELATIVE, addend below zero
    [WORDS + 16, 1, 1, 0x20n], // 64 of "alpha"
    [WORDS + 24, 6, 1, 0x99n], // GLOB_DAT: no addend
    [WORDS + 32, 7, 2, 0n], // JUMP_SLOT of a weak symbol that is missing
    [WORDS + 40, 1, 3, 1n], // 64 of an absolute symbol
    [WORDS + 48, 1, 0, 5n], // 64 of no symbol
    [0x2ffc, 8, 0, 0n], // across the end of the file part into the bss
  ];
  const symbols = [[1, 0x11, 5, 0x1100n], [7, 0x20, 0, 0n], [7, 0x10, 0xfff1, 0x1234n]] as const;
  const kernel = await loadKernel(kernelFile({ rela, symbols }), { plugins: [relocate()] });
  const base = kernel.virtualAddressOffset;
  const at = (linked: number) => word(kernel.read(base + BigInt(linked), 8));
  assertEquals([0, 8, 16, 24, 32, 40, 48].map((offset) => at(WORDS + offset)), [
    base + 0x1010n,
    base - 0x10n,
    base + 0x1120n,
    base + 0x1100n,
    0n,
    0x1235n,
    5n,
  ]);
  assertEquals(at(0x2ffc), base);
  assertEquals(kernel.results.relocate?.counts, {
    R_X86_64_RELATIVE: 3,
    R_X86_64_64: 3,
    R_X86_64_GLOB_DAT: 1,
    R_X86_64_JUMP_SLOT: 1,
  });
  const { memory, bytesRead } = kernel;
  assertEquals(memory.bytes(0x20_0000, bytesRead), kernelFile({ rela, symbols }).subarray(0, bytesRead));
  assertEquals(kernel.diagnostics, []);
});

Deno.test("a relocation in the bss takes no frame more", async () => {
  const plain = await loadKernel(kernelFile({}), { plugins: [relocate()] });
  const kernel = await loadKernel(kernelFile({ rela: [[0x3100, 8, 0, 1n]] }), { plugins: [relocate()] });
  assertEquals(word(kernel.read(kernel.virtualAddressOffset + 0x3100n, 8)), kernel.virtualAddressOffset + 1n);
  // The data page is the file's own until a relocation is written to it; the page of the bss is fresh already.
  assertEquals(kernel.framesAllocated, plain.framesAllocated);
});

Deno.test("RELR entries are addresses and bitmaps of words that the offset is added to", async () => {
  const linked = [0x1000n, 0x1008n, 0x1010n, 0x1018n, 0x1020n, 0x1028n];
  const words = [...linked, ...Array<bigint>(70).fill(7n)];
  // WORDS itself; then, of the 63 words behind: the first, third and last; then the first of the next 63.
  const relr = [BigInt(WORDS), 1n | (1n << 1n) | (1n << 3n) | (1n << 63n), 1n | (1n << 1n)];
  const kernel = await loadKernel(kernelFile({ words, relr }), { plugins: [relocate()] });
  const base = kernel.virtualAddressOffset;
  const moved = [0, 1, 3, 63, 64];
  words.forEach((before, at) => {
    const after = word(kernel.read(base + BigInt(WORDS + at * 8), 8));
    assertEquals(after, moved.includes(at) ? before + base : before, `word ${at}`);
  });
  assertEquals(kernel.results.relocate?.counts, { RELR: 5 });
});

Deno.test("tables at DT_JMPREL are applied too, and nothing after DT_NULL is read", async () => {
  const tags: Tags = [[23n, BigInt(RELA)], [2n, 24n], [20n, 7n], [0n, 0n], [7n, 1n], [99n, 99n]];
  const kernel = await loadKernel(kernelFile({ tags, rela: [[WORDS, 8, 0, 2n]] }), { plugins: [relocate()] });
  assertEquals(word(kernel.read(kernel.virtualAddressOffset + BigInt(WORDS), 8)), kernel.virtualAddressOffset + 2n);
});

Deno.test("relocations of types that need a run-time linker are refused by name and place", async () => {
  const place = FIRST_FREE - 0x1000n + BigInt(WORDS);
  const symbols = [[1, 0x1a, 5, 0x1100n], [7, 0x10, 0, 0n]] as const;
  const cases: readonly [RelaEntry, ErrorCode, object][] = [
    [[WORDS, 37, 0, 0n], "relocation-unsupported", { type: "R_X86_64_IRELATIVE", value: 37, symbol: "" }],
    [[WORDS, 18, 0, 0n], "relocation-unsupported", { type: "R_X86_64_TPOFF64", value: 18 }],
    [[WORDS, 5, 2, 0n], "relocation-unsupported", { type: "R_X86_64_COPY", symbol: "beta" }],
    [[WORDS, 250, 0, 0n], "relocation-unsupported", { type: "250" }],
    [[WORDS, 6, 1, 0n], "relocation-unsupported", { type: "R_X86_64_GLOB_DAT", symbol: "alpha" }], // an ifunc
    [[WORDS, 1, 2, 0n], "symbol-undefined", { type: "R_X86_64_64", symbol: "beta", value: "beta" }],
  ];
  for (const [entry, code, detail] of cases) {
    await assertRefused({ rela: [entry], symbols }, code, { place, ...detail });
  }
});

Deno.test("R_X86_64_NONE does nothing, wherever it stands; v0.11 of the original refuses it", async () => {
  const rela: readonly RelaEntry[] = [[0xdead_beef, 0, 0, 0n], [WORDS, 0, 7, 3n], [WORDS + 8, 8, 0, 1n]];
  const file = kernelFile({ rela, words: [5n] });
  const kernel = await loadKernel(file, { plugins: [relocate()] });
  assertEquals(kernel.results.relocate?.counts, { R_X86_64_RELATIVE: 1 });
  const at = (linked: number) => word(kernel.read(kernel.virtualAddressOffset + BigInt(linked), 8));
  assertEquals([at(WORDS), at(WORDS + 8)], [5n, kernel.virtualAddressOffset + 1n]);
  const tags: Tags = [[7n, BigInt(RELA)], [8n, 72n], [9n, 24n], [0n, 0n]];
  const plain = kernelFile({ rela: [[WORDS, 0, 0, 0n], ...rela.slice(2), ...rela.slice(2)], tags });
  const error = await assertRejects(() => loadKernel(plain, presets["bootloader-0.11"]), LoadError);
  assertObjectMatch(error, { code: "relocation-unsupported", detail: { index: 2, type: "R_X86_64_NONE" } });
});

Deno.test("a relocation table in zeroed memory is refused, however large", async () => {
  const field = "the end of a relocation table, past its segment's file bytes,";
  const cases: readonly (readonly [Tags, bigint])[] = [
    [[[7n, 0x3000n], [8n, 24n], [9n, 24n]], 0x3018n],
    [[[7n, 0x2ff0n], [8n, 24n], [9n, 24n]], 0x3008n],
    [[[23n, 0x3000n], [2n, 24n], [20n, 7n]], 0x3018n],
    [[[36n, 0x3000n], [35n, 0x1000n]], 0x4000n],
  ];
  for (const [tags, value] of cases) await assertRefused({ tags }, "dynamic-malformed", { field, value });
});

Deno.test("names that cannot be read do not keep a kernel from being relocated", async () => {
  const rela: readonly RelaEntry[] = [[WORDS, 1, 1, 0n]];
  const tags: Tags = [[7n, BigInt(RELA)], [8n, 24n], [9n, 24n], [6n, BigInt(SYMBOLS)], [5n, 0x9_0000n], [10n, 64n], [
    1n,
    3n,
  ]];
  const kernel = await loadKernel(kernelFile({ tags, rela, symbols: [[1, 0x11, 5, 0x1100n]] }), {
    plugins: [relocate()],
  });
  assertEquals(
    word(kernel.read(kernel.virtualAddressOffset + BigInt(WORDS), 8)),
    kernel.virtualAddressOffset + 0x1100n,
  );
  assertEquals(kernel.results.relocate?.needed, ["#3"]);
  const missing = { tags, rela, symbols: [[1, 0x10, 0, 0n]] } as const;
  await assertRefused(missing, "symbol-undefined", { symbol: "#1" });
});

Deno.test("a relocation outside every segment is refused", async () => {
  for (const place of [0x9000, 0x3ffc, 0x0ffc]) {
    await assertRefused({ rela: [[place, 8, 0, 0n]] }, "relocation-out-of-segment", { value: BigInt(place) });
  }
});

Deno.test("a dynamic table that contradicts itself is refused", async () => {
  const rela = BigInt(RELA);
  const cases: readonly [Tags, object][] = [
    [[[7n, rela], [9n, 24n]], { field: "DT_RELA (without DT_RELASZ)" }],
    [[[8n, 24n]], { field: "DT_RELASZ (without DT_RELA)", value: 24n }],
    [[[9n, 24n]], { field: "DT_RELAENT (without DT_RELA)" }],
    [[[7n, rela], [8n, 24n]], { field: "DT_RELAENT", value: "missing" }],
    [[[7n, rela], [8n, 24n], [9n, 16n]], { field: "DT_RELAENT", value: 16n }],
    [[[7n, rela], [8n, 24n], [8n, 48n], [9n, 24n]], { field: "a second DT_RELASZ", value: 48n }],
    [[[17n, rela], [18n, 16n]], { field: "DT_RELSZ", value: 16n }],
    [[[23n, rela], [2n, 24n], [20n, 17n]], { field: "DT_PLTREL", value: 17n }],
    [[[23n, rela], [2n, 24n]], { field: "DT_PLTREL", value: "missing" }],
    [[[7n, rela], [8n, 24n], [9n, 0n]], { field: "DT_RELAENT", value: 0n }],
  ];
  for (const [tags, detail] of cases) await assertRefused({ tags }, "dynamic-malformed", { ...detail });
});

Deno.test("a table outside every segment is refused without a walk over it", async () => {
  const field = "the address of a relocation table, outside every segment,";
  const cases: readonly (readonly [Tags, bigint])[] = [
    [[[7n, 0x10_0000n], [8n, 1n << 60n], [9n, 24n]], 0x10_0000n],
    [[[36n, 0x10_0000n], [35n, 1n << 60n]], 0x10_0000n],
    [[[23n, 0x0ff8n], [2n, 24n], [20n, 7n]], 0x0ff8n],
    [[[7n, 1n << 60n], [8n, 24n], [9n, 24n]], 1n << 60n],
  ];
  for (const [tags, value] of cases) await assertRefused({ tags }, "dynamic-malformed", { field, value });
  const error = await assertRejects(() => loadKernel(kernelFile({ tags: cases[0][0] }), { plugins: [relocate()] }));
  assertEquals(
    (error as Error).message,
    "Cannot relocate using program header 2: the address of a relocation table, outside every segment, is 0x100000",
  );
});

Deno.test("under v0.11, a table that lies in no page is refused by its first entry", async () => {
  const tags: Tags = [[7n, 0x10_0000n], [8n, 1n << 60n], [9n, 24n]];
  const error = await assertRejects(() => loadKernel(kernelFile({ tags }), presets["bootloader-0.11"]), LoadError);
  assertObjectMatch(error, { code: "page-not-mapped", detail: { index: 2, field: "the relocation of DT_RELA at" } });
  assertEquals(
    error.message,
    "Cannot use the relocation of DT_RELA at 0x80000ff000 of program header 2: it is not mapped",
  );
  const hole: Tags = [[7n, 1n << 60n], [8n, 24n], [9n, 24n]];
  const refused = await assertRejects(
    () => loadKernel(kernelFile({ tags: hole }), presets["bootloader-0.11"]),
    LoadError,
  );
  assertObjectMatch(refused, { code: "address-not-canonical", detail: { index: 2 } });
});

Deno.test("shared libraries and text relocations are reported", async () => {
  const tags: Tags = [[5n, BigInt(STRINGS)], [10n, 0x100n], [1n, 12n], [22n, 0n], [0n, 0n]];
  const kernel = await loadKernel(kernelFile({ tags }), { plugins: [relocate()] });
  assertEquals(kernel.results.relocate?.needed, ["libc.so"]);
  const rules = kernel.diagnostics.map(({ code, index }) => [code, index]);
  assertEquals(rules, [["shared-libraries-needed", 2], ["text-relocations", 2]]);
});

Deno.test("text relocations that were not applied are not reported as applied", async () => {
  const tags: Tags = [[7n, 0x40_0000n + BigInt(RELA)], [8n, 24n], [9n, 24n], [22n, 0n], [0n, 0n]];
  const kernel = await loadKernel(kernelFile({ e_type: 2, base: 0x40_0000n, tags }), { plugins: [relocate()] });
  assertEquals(kernel.diagnostics.map(({ code }) => code), ["relocations-of-fixed-kernel"]);
});

Deno.test("the relocations of a kernel with fixed addresses are left alone", async () => {
  const file = kernelFile({ e_type: 2, base: 0x40_0000n, rela: [[WORDS, 37, 0, 0n]], words: [7n] });
  const kernel = await loadKernel(file, { plugins: [relocate()] });
  assertEquals(word(kernel.read(0x40_0000n + BigInt(WORDS), 8)), 7n);
  assertEquals(kernel.results.relocate?.counts, {});
  assertEquals(kernel.diagnostics.map(({ code, index }) => [code, index]), [["relocations-of-fixed-kernel", 2]]);
});

/** What `readelf -rW` lists: the relocated words of RELA with their values, and those of RELR. */
function parseRelocations(text: string): { readonly rela: Map<bigint, bigint>; readonly relr: readonly bigint[] } {
  const rela = [...text.matchAll(/^([0-9a-f]{16}) {2}[0-9a-f]{16} R_X86_64_RELATIVE +([0-9a-f]+)$/gm)];
  const relr = [...text.matchAll(/^([0-9a-f]{16})$/gm)];
  const number = (digits: string) => BigInt(`0x${digits}`);
  return {
    rela: new Map(rela.map(([, place, value]) => [number(place), number(value)])),
    relr: relr.map(([, place]) => number(place)),
  };
}

const BASES: readonly bigint[] = [0x20_0000n, 0x7fff_0000_0000n, 0xffff_ffff_8000_0000n];

for (const packed of [false, true]) {
  const how = packed ? "RELR" : "RELA";
  testWithTools(["gcc", "readelf"], `a static-PIE of gcc with ${how} has every word right at three bases`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/kernel.elf`;
      const source = fromFileUrl(new URL("../fixtures/static_pie/kernel.c", import.meta.url));
      const flags = "-O1 -static-pie -nostdlib -fPIE -ffreestanding -fno-stack-protector -Wl,-z,relro,-z,now".split(
        " ",
      );
      const pack = packed ? ["-Wl,-z,pack-relative-relocs"] : [];
      await runTool("gcc", [...flags, ...pack, source, "-o", path]);
      const { rela, relr } = parseRelocations(await runTool("readelf", ["-rW", path]));
      const file = await Deno.readFile(path);
      assert(packed ? relr.length > 5 && rela.size === 0 : rela.size > 5 && relr.length === 0);
      const unmoved = await loadKernel(file);
      for (const kernelBase of BASES) {
        const kernel = await loadKernel(file, { plugins: [relocate(), relro()], kernelBase });
        const at = (linked: bigint) => word(kernel.read(kernelBase + linked, 8));
        for (const [place, value] of rela) assertEquals(at(place), value + kernelBase, `word ${place.toString(16)}`);
        for (const place of relr) assertEquals(at(place), word(unmoved.read(place, 8)) + kernelBase);
        assertOthersUnmoved(kernel.read, unmoved, kernelBase, [...rela.keys(), ...relr]);
        assert(kernel.tlsTemplate && kernel.tlsTemplate.startAddr > kernelBase);
        assertEquals(kernel.tlsTemplate.memSize, 8n);
        const [sealed] = [...rela.keys(), ...relr];
        const leaf = kernel.pageTable.translate(kernelBase + sealed);
        assertEquals(leaf.mapped && (leaf.flags & WRITABLE), 0n);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Every byte of the segments that no relocation changes is as it was linked. */
function assertOthersUnmoved(
  read: (virt: bigint, length: number) => Uint8Array,
  unmoved: Awaited<ReturnType<typeof loadKernel>>,
  base: bigint,
  places: readonly bigint[],
): void {
  for (const { p_type, p_vaddr, p_memsz } of unmoved.programHeaders) {
    if (p_type !== PT_LOAD) continue;
    const [before, after] = [unmoved.read(p_vaddr, Number(p_memsz)), read(base + p_vaddr, Number(p_memsz))];
    for (const place of places) {
      const at = Number(place - p_vaddr);
      if (at < 0 || at >= before.length) continue;
      assertNotEquals(after.slice(at, at + 8), before.slice(at, at + 8));
      after.fill(0, at, at + 8);
      before.fill(0, at, at + 8);
    }
    assertEquals(after, before);
  }
}

Deno.test("the flags of pages stay what they are when words in them are relocated", async () => {
  const kernel = await loadKernel(kernelFile({ rela: [[0x1800, 8, 0, 0n]] }), { plugins: [relocate()] });
  const leaf = kernel.pageTable.translate(kernel.entryPoint);
  assertEquals(leaf.mapped && leaf.flags & (WRITABLE | (1n << 63n)), 0n);
  assertEquals(word(kernel.read(kernel.virtualAddressOffset + 0x1800n, 8)), kernel.virtualAddressOffset);
});
