import { assert, assertEquals, assertMatch } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { loadKernel } from "../../mod.ts";
import { PT_GNU_PROPERTY } from "../../core/elf/constants.ts";
import { property } from "../../plugins/property.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { counted } from "./counted_work.ts";
import { GCC_TOOLS, withProgram } from "./gcc.ts";
import { note, words } from "./note_bytes.ts";

function segment(data: Uint8Array, offset = 0x2000): SegmentSpec {
  return { p_type: PT_GNU_PROPERTY, offset, p_vaddr: 0n, p_memsz: 0n, p_align: 8n, data };
}

async function load(...segments: readonly SegmentSpec[]) {
  const file = buildElf({ segments: [{ filesz: 16 }, ...segments] });
  const { results, diagnostics } = await loadKernel(file, { plugins: [property()] });
  return { found: results.property, diagnostics };
}

function properties(...values: readonly number[]): Uint8Array {
  return note({ owner: "GNU", type: 5, desc: words(...values), align: 8 });
}

Deno.test("property reads protections, levels and stack size", async () => {
  const data = properties(1, 8, 0x10_0000, 0, 0xc0000002, 4, 3, 0, 0xc0008002, 4, 2, 0, 0xc0010002, 4, 7, 0);
  const { found, diagnostics } = await load(segment(data));
  assertEquals(found?.properties.map(({ type }) => type), [1, 0xc0000002, 0xc0008002, 0xc0010002]);
  const { properties: _, ...rest } = found!;
  const levels = { isaNeeded: "x86-64-v2", isaUsed: "x86-64-v3" } as const;
  assertEquals(rest, { ibt: true, shstk: true, ...levels, stackSize: 0x10_0000n });
  assertEquals(diagnostics, []);
});

Deno.test("property reports what is malformed, and never refuses the file", async () => {
  const offset = (text: string) => new RegExp(`at file offset ${text}`);
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["zero bytes", new Uint8Array(32), offset("0x2000 are malformed: there is no note with owner GNU and type 5")],
    ["another note", note({ owner: "GNU", type: 3, desc: words(1) }), offset("0x2000 are malformed: there is no note")],
    ["half a header", words(4, 16), offset("0x2000 are malformed: the segment ends inside its header")],
    ["a long name", words(99, 0, 5), offset("0x2000 are malformed: its name of 99 bytes")],
    ["a long property", properties(0xc0000002, 99, 3, 0), offset("0x2010 are malformed: a property's data of 99")],
    ["a short word", properties(0xc0000002, 2, 3, 0), offset("0x2010 .* has 2 bytes of data instead of 4")],
  ];
  for (const [what, data, message] of cases) {
    const { diagnostics } = await load(segment(data));
    assertEquals(diagnostics.map(({ code, severity, index }) => [code, severity, index]), [
      ["property-malformed", "warning", 1],
    ], what);
    assertMatch(diagnostics[0].message, message);
  }
});

Deno.test("property takes the first header, and reports another", async () => {
  const first = segment(properties(0xc0000002, 4, 1, 0));
  const { found, diagnostics } = await load(first, segment(concat([properties(0xc0000002, 4, 2, 0)]), 0x3000));
  assertEquals([found?.ibt, found?.shstk], [true, false]);
  assertEquals(diagnostics.map(({ code, index }) => [code, index]), [["property-malformed", 2]]);
});

const BUILDS: readonly (readonly [flags: readonly string[], expected: RegExp])[] = [
  [["-fcf-protection=full", "-Wl,-z,ibt,-z,shstk"], /x86 feature: IBT, SHSTK/],
  [["-fcf-protection=branch", "-Wl,-z,ibt"], /x86 feature: IBT$/m],
  [["-Wl,-z,shstk"], /x86 feature: SHSTK$/m],
  [["-Wl,-z,x86-64-baseline"], /x86 ISA needed: x86-64-baseline$/m],
  [["-Wl,-z,x86-64-v4"], /x86 ISA needed: x86-64-v4$/m],
  [["-Wl,-z,x86-64-v2,-z,stack-size=0x4000"], /stack size: 0x4000, x86 ISA needed: x86-64-v2$/m],
];

for (const [flags, expected] of BUILDS) {
  testWithTools(GCC_TOOLS, `property says of gcc ${flags.join(" ")} what readelf -n does`, async () => {
    await withProgram({ flags: ["-static", ...flags] }, async (path) => {
      const printed = await runTool("readelf", ["-nW", path]);
      assertMatch(printed, expected);
      const { results } = await loadKernel(await Deno.readFile(path), { plugins: [property()] });
      const { ibt, shstk, isaNeeded, stackSize } = results.property ?? {};
      const needed = /x86 ISA needed: (.*)$/m.exec(printed)?.[1].split(", ").at(-1);
      assertEquals(ibt, printed.includes("IBT"));
      assertEquals(shstk, printed.includes("SHSTK"));
      assertEquals<string | undefined>(isaNeeded, needed);
      assertEquals(stackSize, printed.includes("stack size") ? 0x4000n : undefined);
    });
  });
}

Deno.test("of headers without properties, no more than 65,536 bytes are read together", async () => {
  const other = note({ owner: "XXX", type: 1, desc: words(1, 2, 3, 4) });
  const notes = concat(Array.from({ length: 0x4000 / other.length }, () => other));
  const segments = Array.from({ length: 100 }, () => segment(notes));
  const file = buildElf({ header: { e_phoff: 0x6000n }, segments: [{ filesz: 16 }, ...segments], length: 0x8000 });
  const { plugin, work } = counted(property());
  const { results, diagnostics } = await loadKernel(file, { plugins: [plugin] });
  assertEquals(results.property, undefined);
  assert(work.fileBytes <= 65_536 + 0x4000, `${work.fileBytes} bytes`);
  assertEquals(diagnostics.length, 100);
  assertMatch(diagnostics[0].message, /there is no note with owner GNU and type 5/);
  assertMatch(diagnostics[99].message, /earlier program headers have 65536 bytes and no properties/);
});

Deno.test("property finds them in a later header", async () => {
  const other = note({ owner: "XXX", type: 1, desc: words(1) });
  const { found, diagnostics } = await load(segment(other), segment(properties(0xc0000002, 4, 3, 0), 0x3000));
  assertEquals([found?.ibt, found?.shstk], [true, true]);
  assertEquals(diagnostics.map(({ index }) => index), [1]);
});
