import { assert, assertEquals, assertGreater, assertLessOrEqual, assertMatch, assertStringIncludes } from "@std/assert";
import { presets } from "../../plugins/presets.ts";
import { loadByPreset } from "../../cli/commands/load_by_preset.ts";
import { terminalPage } from "../../cli/output/page.ts";
import { paintFor } from "../../cli/output/paint.ts";
import { quoted } from "../../cli/output/shell_quote.ts";
import { inspectReport } from "../../cli/report/inspect_report.ts";
import type { Kernel } from "../../cli/report/kernel.ts";
import { type About, loadReport } from "../../cli/report/load_report.ts";
import { ET_DYN } from "../../core/elf/constants.ts";
import { segmentOutcomes } from "../../cli/report/segment_outcomes.ts";
import { type ByteReader, loadKernel, type RuleSetName } from "../../mod.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { type Answer, answeredFiles, readOriginal } from "../original.ts";
import { runTool, testWithTools } from "../tools.ts";
import { inspected } from "./inspected.ts";
import { HELLO, pathOf, withFile } from "./kload.ts";

const PLAIN = paintFor(false);
const ABOUT: About = {
  name: "kernel.elf",
  recognized: { layers: [], protocols: [] },
  rules: "default",
  plugins: presets.default.plugins,
  verbose: false,
  strict: false,
};
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
    "ignored: p_memsz is 0",
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
    ["1 page mapped from the file", "TLS template: 16 bytes, then 40 zero bytes", "ignored", "ignored", "ignored"],
  ],
  [
    "types that plugins handle, and an unknown one",
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
  Deno.test(`the outcome of ${what}`, async () => {
    const kernel = await loadSegments(segments, rules);
    assertEquals(kernel.programHeaders.map(segmentOutcomes(kernel, rules, presets[rules].plugins)), words);
  });
}

/** What is printed, to compare layouts: all the numbers, and the words once, as a narrow table repeats its titles. */
function words(text: string): readonly string[] {
  const all = text.split(/\s+/).map((word) => word.replace(/[;,]$/, "")).filter((word) => !/^-?$/.test(word)).sort();
  return all.filter((word, at) => /\d/.test(word) || word !== all[at - 1]);
}

Deno.test("the outcomes of segments count every mapped page of a file", async () => {
  for (const { name, "bootloader-0.10": answer } of answeredFiles()) {
    if (!(answer as Answer | undefined)?.ok) continue;
    const kernel = await loadByPreset(readerOf(readOriginal(name)), { rules: "default" }).catch(() => undefined);
    if (!kernel) continue;
    const merged = kernel.diagnostics.filter(({ code }) => code === "pages-merged").length;
    const counted = kernel.programHeaders.map(segmentOutcomes(kernel, "default", presets.default.plugins))
      .filter((words) => words.includes("page"))
      .flatMap((words) => words.match(/[\d,]+(?= )/g) ?? [])
      .reduce((sum, number) => sum + Number(number.replaceAll(",", "")), 0);
    const mapped = [...kernel.mappings()].reduce((sum, { size }) => sum + size, 0) / 4096;
    assertEquals(counted, mapped + merged, name);
  }
});

Deno.test("reports fit a terminal of 60, 80 or 200 columns, and break no word, number or range", async () => {
  for (const { name } of answeredFiles()) {
    const file = readOriginal(name);
    const found = await inspected(file);
    const kernel = await loadByPreset(readerOf(file), { rules: "default" }).catch(() => undefined);
    const reports = [
      (width: number) => inspectReport(found, { name, path: name, verbose: true }, pageOf(width)),
      ...(kernel ? [(width: number) => loadReport(kernel, { ...ABOUT, verbose: true }, pageOf(width))] : []),
    ];
    for (const report of reports) {
      for (const width of [60, 80, 200]) {
        const text = report(width);
        const lines = text.split("\n").filter((line) => line.trim().includes(" ")); // one word may be longer
        for (const line of lines) assertLessOrEqual(line.length, width, `${name}: ${line}`);
        assertEquals(words(text), words(report(1000)), name);
      }
    }
  }
});

function pageOf(width: number) {
  return paintFor(false, terminalPage(width));
}

Deno.test("a report that goes to a pipe has each row of a table on one line, and prose of 100 columns", async () => {
  const base = 0xffff_ffff_8000_0000n;
  const segments = Array.from({ length: 3 }, (_, at): SegmentSpec => {
    const p_vaddr = base + BigInt(at) * 0x10_0000n;
    return { offset: 0x10_0000 * at, filesz: 0x9_9999, p_vaddr, p_memsz: 0xf_0000n, p_paddr: 0x10_0000n, p_flags: 7 };
  });
  const kernel = await loadKernel(buildElf({ header: { e_entry: base }, segments }));
  const report = loadReport(kernel, { ...ABOUT, verbose: true }, PLAIN);
  const row = "2  LOAD  RWX    0x200000..0x299999  0xffffffff80200000..0xffffffff802f0000  0x1000\n";
  assertStringIncludes(report, row);
  for (const line of report.split("\n")) assertLessOrEqual(line.length, 100);
});

Deno.test("at 80 columns the alignment of a program header stands with its outcome", async () => {
  const kernel = await loadByPreset(readerOf(await Deno.readFile(HELLO)), { rules: "default" });
  const [, table] = loadReport(kernel, ABOUT, pageOf(80)).split("\n\n");
  assertEquals(table.split("\n").slice(0, 4), [
    "Program headers",
    "  #  type       flags  file range      virtual range",
    "  0  LOAD       R-X    0x1000..0x1c9c  0xffffffff80000000..0xffffffff80000c9c",
    "       align 0x1000; 1 page mapped from the file",
  ]);
});

testWithTools(["script"], "kload asks the terminal that it prints to for its width", async () => {
  const words = ["run", "--no-prompt", "-A", "--config", pathOf("deno.json"), pathOf("cli.ts"), HELLO];
  const run = [Deno.execPath(), ...words].map(quoted).join(" ");
  for (const width of [60, 200]) {
    const text = await runTool("script", ["-qc", `stty cols ${width}; NO_COLOR=1 ${run}`, "/dev/null"]);
    const lines = text.trimEnd().split("\r\n");
    const longest = Math.max(...lines.slice(1).map(({ length }) => length));
    assertLessOrEqual(longest, width);
    assertGreater(longest, width / 2);
    const range = "0x3000..0x3028  0xffffffff80002000..0xffffffff80005640  0x1000  1 page copied, 3 zeroed";
    assertEquals(text.includes(range), width === 200, text);
  }
});

Deno.test("the report on the example says what readelf says, and what was made of it", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO));
  const report = loadReport(kernel, { ...ABOUT, name: "hello.elf", dump: { path: "m", size: 8192 } }, PLAIN);
  const expected = [
    "file             ELF64 EXEC x86-64, 12,328 bytes read",
    "rules            default",
    "entry point      0xffffffff80000000, physical 0x201000",
    "kernel base      none: the file's addresses are fixed",
    "TLS template     0xffffffff80002000: 16 bytes, 56 in memory, align 0x40",
    "entries in use: 0, 511",
    "2  LOAD       RW-    0x3000..0x3028  0xffffffff80002000..0xffffffff80005640  0x1000",
    "0xffffffff80000000..0xffffffff80001000  0x201000",
    "level 4: 1, level 3: 1, level 2: 1, level 1: 1",
    "dump             m, 8 KiB",
  ];
  for (const text of expected) assertStringIncludes(report, text);
});

const STACK: SegmentSpec = { p_type: PT_GNU_STACK, filesz: 0, p_flags: 7, p_vaddr: 0n };
const VERDICTS: readonly (readonly [string, readonly SegmentSpec[], boolean, string])[] = [
  ["nothing to say of", [{ filesz: 0x100 }], true, "loads"],
  ["a remark of severity info", [{ filesz: 0x100, p_paddr: 0x20_0000n }], true, "loads"],
  ["a warning", [{ filesz: 0x100 }, STACK], false, "loads, 1 warning"],
  ["a warning, and --strict", [{ filesz: 0x100 }, STACK], true, "loads, 1 warning, exit status 1 because of --strict"],
  ["two warnings", [{ filesz: 0x100, p_vaddr: 0x50_0000n }, STACK], false, "loads, 2 warnings"],
];

for (const [what, segments, strict, verdict] of VERDICTS) {
  Deno.test(`the report on a kernel with ${what} starts with "${verdict}"`, async () => {
    const report = loadReport(await loadSegments(segments), { ...ABOUT, strict }, PLAIN);
    assertEquals(report.split("\n")[0], `kernel.elf: ${verdict}`);
  });
}

Deno.test("remarks of severity info are counted, and shown with -v", async () => {
  const kernel = await loadSegments([{ filesz: 0x100, offset: 0x1010, p_vaddr: 0x40_0000n, p_align: 1n }]);
  const hidden = loadReport(kernel, ABOUT, PLAIN);
  assert(hidden.endsWith("\n\n  1 remark of severity info hidden; -v shows it\n"), hidden);
  const shown = loadReport(kernel, { ...ABOUT, verbose: true }, PLAIN);
  assertStringIncludes(shown, "\nDiagnostics\n  info[segment-copied]: Program header 0: p_vaddr 0x400000 ");
  assert(!shown.includes("hidden"));
});

Deno.test("the report says that a kernel base is added, and names one that --kernel-base takes", async () => {
  const file = await Deno.readFile(pathOf("examples/hello/hello-pie.elf"));
  const kernel = await loadByPreset(readerOf(file), { rules: "default" });
  const report = loadReport(kernel, ABOUT, PLAIN);
  const [, base] = /kernel base +(0x[0-9a-f]+), added to every p_vaddr \(automatic; --kernel-base overrides it\)\n/
    .exec(report) ?? [];
  const again = await loadByPreset(readerOf(file), { rules: "default", kernelBase: BigInt(base) });
  assertEquals(again.entryPoint, kernel.entryPoint);
  const about = { ...ABOUT, kernelBase: BigInt(base) };
  assertMatch(
    loadReport(again, about, PLAIN),
    /kernel base +0x[0-9a-f]+, added to every p_vaddr \(set by --kernel-base\)\n/,
  );
});

for (const rules of ["default", "bootloader-0.11"] as const) {
  Deno.test(`every base that a report offers to --kernel-base is taken by it (${rules})`, async () => {
    const corpus = new URL("../fixtures/original/corpus/", import.meta.url);
    let offered = 0;
    for await (const { name } of Deno.readDir(corpus)) {
      const file = await Deno.readFile(new URL(name, corpus));
      const kernel = await loadByPreset(readerOf(file), { rules }).catch(() => undefined);
      if (kernel?.fileHeader.e_type !== ET_DYN) continue;
      const isOffered = /--kernel-base overrides\s+it/.test(loadReport(kernel, { ...ABOUT, rules }, PLAIN));
      const kernelBase = kernel.virtualAddressOffset;
      const again = await loadByPreset(readerOf(file), { rules, kernelBase }).catch(() => undefined);
      assertEquals(again?.entryPoint, isOffered ? kernel.entryPoint : undefined, name);
      if (isOffered) offered++;
    }
    assert(offered > 10);
  });
}

Deno.test("ranges end at most at the last byte of the address space, and addresses have 64 bits", async () => {
  const top = 0xffff_ffff_ffff_f000n;
  const last = { filesz: 0x1000, p_vaddr: top };
  const report = loadReport(await loadSegments([{ ...last, offset: 0x1000 }]), ABOUT, PLAIN);
  assertStringIncludes(report, "0x1000..0x2000  0xfffffffffffff000..=0xffffffffffffffff  0x1000");
  assertStringIncludes(report, "0xfffffffffffff000..=0xffffffffffffffff  0x201000");
  const moved = { ...await loadSegments([{ filesz: 0x1000 }]), virtualAddressOffset: top } as Kernel;
  assertStringIncludes(loadReport(moved, ABOUT, PLAIN), "  0x3ff000..0x400000  ");
  const wrapping = await inspected(buildElf({ segments: [{ ...last, p_memsz: 0x3000n }] }));
  const text = inspectReport(wrapping, { name: "a", verbose: false }, PLAIN);
  assertStringIncludes(text, "0xfffffffffffff000..0x2000  0x1000\n       its virtual range wraps around 2^64\n");
});

Deno.test("the report escapes what a file's name could do to a terminal, and breaks no name", async () => {
  const kernel = await loadSegments([{ filesz: 0x100 }]);
  const report = loadReport(kernel, { ...ABOUT, name: "\x1b]0;title\x07.elf\n" }, PLAIN);
  assert(report.startsWith("\\u001b]0;title\\u0007.elf\\u000a: loads\n"));
  const name = `${"a folder/".repeat(12)}kernel.elf`;
  const dump = { path: `${"a folder/".repeat(12)}memory.bin`, size: 4096 };
  const long = loadReport(kernel, { ...ABOUT, name, dump }, PLAIN);
  assert(long.startsWith(`${name}:\n  loads\n`), long);
  assertStringIncludes(long, `dump             ${dump.path},\n`);
});

Deno.test("the report stays short for a file with thousands of segments, and quick", async () => {
  const segments = Array.from({ length: 20_000 }, (_, at): SegmentSpec => {
    const p_vaddr = 0x40_0000n + BigInt(at) * 0x2000n;
    return { offset: 0, filesz: 1, p_vaddr, p_paddr: p_vaddr + 1n, p_flags: 7 };
  });
  const kernel = await loadKernel(buildElf({ segments }));
  const started = performance.now();
  const lines = loadReport(kernel, { ...ABOUT, verbose: true }, PLAIN).split("\n");
  assertLessOrEqual(lines.length, 250);
  assertLessOrEqual(performance.now() - started, 2000);
});

Deno.test("a dumped file with spaces in its name can be found in the report", async () => {
  await withFile("a kernel.elf", await Deno.readFile(HELLO), async (path) => {
    const found = await inspected(await Deno.readFile(path));
    const report = inspectReport(found, { name: path, path, verbose: false }, paintFor(false, terminalPage(60)));
    assertStringIncludes(report, path);
    assertStringIncludes(report, "ELF64 EXEC x86-64, nothing in its headers to refuse");
  });
});
