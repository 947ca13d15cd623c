import { assertEquals } from "@std/assert";
import { loadKernel } from "../../mod.ts";
import { ET_DYN, PT_PHDR } from "../../core/elf/constants.ts";
import { phdr } from "../../plugins/phdr.ts";
import { relocate } from "../../plugins/relocate.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { GCC_TOOLS, withProgram } from "./gcc.ts";

/** The builder puts the table of two headers at file offset 64. */
const TABLE = { p_type: PT_PHDR, offset: 64, p_vaddr: 0x40_0040n, filesz: 112, p_align: 8n };
const WHOLE: SegmentSpec = { offset: 0, filesz: 0x1000 };

async function load(table: SegmentSpec, segment: SegmentSpec) {
  // The builder fills segments before it writes the table, so that both may lie at one place.
  const file = buildElf({ segments: [table, segment] });
  const { results, diagnostics } = await loadKernel(file, { plugins: [phdr()] });
  const ours = diagnostics.filter(({ code }) => code.startsWith("phdr"));
  const rules = ours.map(({ code, index }) => `${code} ${index}`);
  return [results.phdr, rules] as const;
}

Deno.test("phdr gives the table's address where a segment brings it there", async () => {
  assertEquals(await load(TABLE, WHOLE), [{ address: 0x40_0040n, covered: true }, []]);
});

Deno.test("of two PT_PHDR headers, phdr takes the first", async () => {
  const table = { ...TABLE, filesz: 168 };
  const file = buildElf({ segments: [table, { ...table, offset: 72, p_vaddr: 0x40_0048n }, WHOLE] });
  const { results, diagnostics } = await loadKernel(file, { plugins: [phdr()] });
  assertEquals(results.phdr, { address: 0x40_0040n, covered: true });
  assertEquals(diagnostics.filter(({ code }) => code.startsWith("phdr")), []);
});

Deno.test("phdr reports a table that no segment brings to its address", async () => {
  const cases: readonly (readonly [string, typeof TABLE, SegmentSpec])[] = [
    ["no bytes of it", TABLE, { offset: 0x1000, p_vaddr: 0x40_1000n, filesz: 16 }],
    ["other bytes of the file", TABLE, { offset: 0x1000, filesz: 0x1000 }],
    ["not its last byte", TABLE, { offset: 0, filesz: 64 + 111 }],
    ["an address beside it", { ...TABLE, p_vaddr: 0x40_0048n }, WHOLE],
    ["the bss", TABLE, { offset: 0, filesz: 16, p_memsz: 0x1000n }],
    ["an address below", { ...TABLE, p_vaddr: 0x3f_f040n }, WHOLE],
  ];
  for (const [what, table, segment] of cases) {
    const [found, rules] = await load(table, segment);
    assertEquals([found, rules], [{ address: table.p_vaddr, covered: false }, ["phdr-outside-load 0"]], what);
  }
});

Deno.test("phdr reports a table that is not where e_phoff says, or of another size", async () => {
  const cases: readonly (typeof TABLE)[] = [
    { ...TABLE, offset: 128, p_vaddr: 0x40_0080n },
    { ...TABLE, filesz: 56 },
    { ...TABLE, filesz: 168 },
  ];
  for (const table of cases) {
    assertEquals(await load(table, WHOLE), [{ address: table.p_vaddr, covered: true }, ["phdr-mismatch 0"]]);
  }
});

Deno.test("phdr adds the virtual address offset, and takes any address for what it is", async () => {
  const file = buildElf({ header: { e_type: ET_DYN }, segments: [TABLE, WHOLE] });
  const kernel = await loadKernel(file, { plugins: [phdr()], kernelBase: 0x1000_0000n });
  assertEquals(kernel.results.phdr, { address: 0x1040_0040n, covered: true });
  const strange = { ...TABLE, p_vaddr: (1n << 64n) - 1n, p_memsz: 0n };
  assertEquals((await load(strange, WHOLE))[0], { address: strange.p_vaddr, covered: false });
});

testWithTools(GCC_TOOLS, "phdr gives the address that readelf -l gives, where the kernel was placed", async () => {
  await withProgram({ flags: ["-pie", "-fPIE"] }, async (path) => {
    const row = /PHDR +0x\w+ (0x\w+)/.exec(await runTool("readelf", ["-lW", path]));
    const kernel = await loadKernel(await Deno.readFile(path), { plugins: [phdr(), relocate()] });
    const address = BigInt(row?.[1] ?? 0) + kernel.virtualAddressOffset;
    assertEquals(kernel.results.phdr, { address, covered: true });
    assertEquals(kernel.diagnostics.filter(({ code }) => code.startsWith("phdr")), []);
  });
});
