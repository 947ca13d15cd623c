import { assert, assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import { fates } from "../../cli/report/segment_outcomes.ts";
import { paintFor } from "../../cli/output/paint.ts";
import { loadReport } from "../../cli/report/load_report.ts";
import { WIDTH } from "../../cli/output/table.ts";
import { type Kernel, loadByPreset } from "../../cli/commands/load_by_preset.ts";
import { PRESET_PLUGINS } from "../../cli/arguments/plugin_choice.ts";
import { type ByteReader, loadKernel, type RuleSetName } from "../../mod.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { type Answer, answeredFiles, readOriginal } from "../original.ts";
import { HELLO } from "./kload.ts";

const PLAIN = paintFor(false);
const [PT_NULL, PT_NOTE, PT_TLS, PT_GNU_STACK, PT_GNU_RELRO] = [0, 4, 7, 0x6474e551, 0x6474e552];

function readerOf(bytes: Uint8Array): ByteReader {
  let at = 0;
  return {
    read: (buffer) => {
      const piece = bytes.subarray(at, at += buffer.length);
      buffer.set(piece);
      return piece.length || null;
    },
  };
}

async function loadSegments(segments: readonly SegmentSpec[], rules: RuleSetName = "default"): Promise<Kernel> {
  return await loadByPreset(readerOf(buildElf({ segments, length: 0x8000 })), { rules });
}

const LOADS: readonly (readonly [string, RuleSetName, readonly SegmentSpec[], readonly string[]])[] = [
  ["a file part", "default", [{ offset: 0x1000, filesz: 0x1800 }], ["2 pages mapped from the file"]],
  [
    "a file part that ends in a page, and a bss",
    "default",
    [{ offset: 0x1000, filesz: 0x1800, p_memsz: 0x4000n }],
    ["1 page mapped from the file, 1 copied, 2 zeroed"],
  ],
  ["a bss alone", "default", [{ filesz: 0, p_memsz: 0x2001n }], ["3 pages zeroed"]],
  [
    "a bss that ends on a page boundary, as the original takes it",
    "bootloader-0.10",
    [{ offset: 0x1000, filesz: 0x1000, p_memsz: 0x3000n }],
    ["1 page mapped from the file, 3 zeroed"],
  ],
  ["misaligned bytes", "default", [{ offset: 0x1234, filesz: 0x100 }], ["1 page copied"]],
  [
    "neighbours in one frame",
    "default",
    [{ offset: 0x1000, filesz: 0x800 }, { offset: 0x1800, filesz: 0x800, p_vaddr: 0x40_1800n }],
    ["1 page mapped from the file", "1 page mapped from the file"],
  ],
  [
    "a page that two segments share",
    "default",
    [{ offset: 0x1000, filesz: 0x1800 }, { offset: 0x3900, filesz: 0x1000, p_vaddr: 0x40_1900n }],
    ["1 page mapped from the file, 1 copied", "1 page copied, 1 mapped from the file"],
  ],
  ["no memory", "default", [{ filesz: 1 }, { filesz: 0 }], [
    "1 page mapped from the file",
    "ignored: it asks for no memory",
  ]],
  ["no memory, as the original takes it", "bootloader-0.10", [{ filesz: 0 }], ["nothing mapped"]],
  [
    "other types",
    "bootloader-0.10",
    [
      { filesz: 0x100 },
      { p_type: PT_TLS, filesz: 0x10, p_memsz: 0x38n },
      { p_type: PT_NOTE, filesz: 0x10 },
      { p_type: PT_NULL, filesz: 0 },
      { p_type: PT_GNU_STACK, filesz: 0 },
    ],
    ["1 page mapped from the file", "TLS template: 16 bytes, then 40 of zero", "ignored", "ignored", "ignored"],
  ],
  [
    "types that plugins handle, and one that nobody knows",
    "default",
    [
      { filesz: 0x100 },
      { p_type: PT_GNU_RELRO, filesz: 0x10 },
      { p_type: PT_TLS + 1, filesz: 0x10 },
    ],
    ["1 page mapped from the file", "handled by relro", "ignored: unknown type"],
  ],
];

for (const [what, rules, segments, words] of LOADS) {
  Deno.test(`the fate of ${what}`, async () => {
    const kernel = await loadSegments(segments, rules);
    assertEquals(kernel.programHeaders.map(fates(kernel, rules, PRESET_PLUGINS(rules))), words);
  });
}

Deno.test("the fates of segments count every mapped page of a file, in lines of 100 columns", async () => {
  for (const { name, "bootloader-0.10": answer } of answeredFiles()) {
    if (!(answer as Answer | undefined)?.ok) continue;
    const kernel = await loadByPreset(readerOf(readOriginal(name)), { rules: "default" }).catch(() => undefined);
    if (!kernel) continue;
    const merged = kernel.diagnostics.filter(({ code }) => code === "pages-merged").length;
    const told = kernel.programHeaders.map(fates(kernel, "default", PRESET_PLUGINS("default")))
      .filter((words) => words.includes("page"))
      .flatMap((words) => words.match(/[\d,]+(?= )/g) ?? [])
      .reduce((sum, number) => sum + Number(number.replaceAll(",", "")), 0);
    const mapped = [...kernel.mappings()].reduce((sum, { size }) => sum + size, 0) / 4096;
    assertEquals(told, mapped + merged, name);
    for (
      const line of loadReport(kernel, { name, rules: "default", plugins: PRESET_PLUGINS("default") }, PLAIN).split(
        "\n",
      )
    ) {
      assertLessOrEqual(line.length, WIDTH, `${name}: ${line}`);
    }
  }
});

Deno.test("the report on the example says what readelf says, and what was made of it", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO));
  const report = loadReport(kernel, {
    name: "hello.elf",
    rules: "default",
    plugins: PRESET_PLUGINS("default"),
    dump: { path: "m", size: 8192 },
  }, PLAIN);
  const expected = [
    "hello.elf: ELF64 EXEC x86-64",
    "entry point      0xffffffff80000000, physical 0x201000",
    "TLS template     0xffffffff80002000: 16 bytes, 56 in memory, align 0x40",
    "entries in use: 0, 511",
    "2  LOAD       RW-    0x3000..0x3028  0xffffffff80002000..0xffffffff80005640  0x1000",
    "0xffffffff80000000..0xffffffff80001000  0x201000",
    "level 4: 1, level 3: 1, level 2: 1, level 1: 1",
    "dump             m, 8 KiB",
  ];
  for (const text of expected) assertStringIncludes(report, text);
});

Deno.test("the report escapes what a file's name could do to a terminal", async () => {
  const kernel = await loadSegments([{ filesz: 0x100 }]);
  const report = loadReport(kernel, {
    name: "\x1b]0;title\x07.elf\n",
    rules: "default",
    plugins: PRESET_PLUGINS("default"),
  }, PLAIN);
  assert(report.startsWith("\\u001b]0;title\\u0007.elf\\u000a: "));
});

Deno.test("the report tells what plugins found, whatever it is", async () => {
  const kernel = await loadSegments([{ filesz: 0x100 }]);
  const results = {
    relocate: { counts: { R_X86_64_RELATIVE: 5 }, needed: [], at: 0x80_0000_0000n },
    "kernel-stack": { size: 65536, executable: false },
    notes: [{ owner: "GNU\x1b", desc: new Uint8Array([1, 0xab]) }, { owner: "Xen", desc: new Uint8Array(40) }],
    many: { pages: Array.from({ length: 100 }, (_, at) => at), find: () => 1 },
    long: "word ".repeat(1000),
    nothing: { placement: undefined },
  };
  const report = loadReport({ ...kernel, results } as unknown as Kernel, {
    name: "a",
    rules: "default",
    plugins: PRESET_PLUGINS("default"),
  }, PLAIN);
  const expected = [
    "relocate      counts (R_X86_64_RELATIVE 5), needed none, at 0x8000000000",
    "kernel-stack  size 65,536, executable false",
    "(owner GNU\\u001b, desc 01ab), (owner Xen, desc",
    "... of 40 bytes",
    "many          pages (0, 1, 2, 3, 4, 5, 6, 7 and 92 more)\n",
    "which --json has",
  ];
  for (const text of expected) assertStringIncludes(report, text);
  assert(!report.includes("nothing"));
});

Deno.test("the report stays short for a file with thousands of segments, and quick", async () => {
  const segments = Array.from({ length: 20_000 }, (_, at): SegmentSpec => {
    return { offset: 0, filesz: 1, p_vaddr: 0x40_0000n + BigInt(at) * 0x2000n };
  });
  const kernel = await loadKernel(buildElf({ segments }));
  const started = performance.now();
  const lines = loadReport(kernel, { name: "many", rules: "default", plugins: PRESET_PLUGINS("default") }, PLAIN).split(
    "\n",
  );
  assertLessOrEqual(lines.length, 110);
  assertLessOrEqual(performance.now() - started, 2000);
});
