/** `kload map`: what it draws, and what it refuses. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { paintFor } from "../../cli/output/paint.ts";
import { terminalPage, UNBOUNDED } from "../../cli/output/page.ts";
import { mapDrawing } from "../../cli/report/map_drawing.ts";
import { mapReport } from "../../cli/report/map_report.ts";
import { physicalMemory } from "../../core/memory/physical_memory.ts";
import { mapModel, type MapModelOptions } from "../../explain/map/map_model.ts";
import { readSymbols } from "../../explain/symbols/read_symbols.ts";
import { openTableSet } from "../../explain/tables/open_table_set.ts";
import { putEntry } from "../core/paging/bits.ts";
import { addRecursiveEntry } from "../../boot/recursive_entry.ts";
import { loadKernel } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { gzip, HELLO, kload, kloadJson, pathOf, withFile, withFolder } from "./kload.ts";

/** The report on hello, on a terminal of a width. */
async function reportOn(width: number, options: MapModelOptions = {}, more: object = {}): Promise<readonly string[]> {
  const bytes = await Deno.readFile(HELLO);
  const kernel = await loadKernel(bytes);
  const model = await mapModel(kernel, { symbols: await readSymbols(bytes), ...options });
  const about = { name: "hello.elf", facts: [], holes: false, verbose: false, tables: false, limit: 10_000, ...more };
  return mapReport(model, about, paintFor(false, terminalPage(width))).split("\n");
}

Deno.test("a terminal of 80 columns shows hello like this", async () => {
  assertEquals(await reportOn(80), [
    "hello.elf: 24 KiB mapped in 4 runs, nothing writable and executable",
    "  pages        6 of 4 KiB",
    "  permissions  R-- 4 KiB, R-X 4 KiB, RW- 16 KiB",
    "  page tables  4 (level 4: 1, level 3: 1, level 2: 1, level 1: 1); the level-4",
    "               table is at 0x204000",
    "",
    "       virtual range                           size    owner  physical  to scale",
    "  … about 256 TiB not mapped",
    "",
    "Level-4 entry 511: 0xffffff8000000000..=0xffffffffffffffff, 24 KiB in 4 runs",
    "  R-X  0xffffffff80000000..0xffffffff80001000  4 KiB   file   0x201000  =.......",
    "       file offset 0x1000, program header 0, .text,",
    "       _start to kernel_main (16 symbols)",
    "  R--  0xffffffff80001000..0xffffffff80002000  4 KiB   file   0x202000  .==.....",
    "       file offset 0x2000, program header 1, .rodata,",
    "       pointers to tls_layout (3 symbols)",
    "  RW-  0xffffffff80002000..0xffffffff80003000  4 KiB   copy   0x208000  ...=....",
    "       program header 2, .tdata to .bss (3 sections),",
    "       variables to bss_start (3 symbols)",
    "  RW-  0xffffffff80003000..0xffffffff80006000  12 KiB  bss    0x209000  ....====",
    "       program header 2, .bss, zeroes to tls_arena (2 symbols)",
    "  … about 2 GiB not mapped",
    "",
  ]);
});

Deno.test("a wide terminal has the notes next to the runs", async () => {
  const lines = await reportOn(200);
  assertEquals(
    lines.at(-3),
    "  RW-  0xffffffff80003000..0xffffffff80006000  12 KiB  bss    0x209000  ............============  " +
      "program header 2, .bss, zeroes to tls_arena (2 symbols)",
  );
  assertEquals(lines.length, 15);
});

Deno.test("no line is longer than the terminal is wide", async () => {
  for (let width = 48; width <= 220; width += 1) {
    for (const more of [{}, { holes: true, tables: true, verbose: true }]) {
      for (const line of await reportOn(width, {}, more)) assert(line.length <= width, `${width}: ${line}`);
    }
    for (const line of await reportOn(width, { level: 1 })) assert(line.length <= width, `${width}: ${line}`);
  }
});

Deno.test("--holes shows the addresses of each gap; both halves end with one", async () => {
  const gaps = (await reportOn(80, {}, { holes: true })).filter((line) => line.includes("not mapped"));
  assertEquals(gaps, [
    "  ---  0x0..0x800000000000                     128 TiB, not mapped",
    "  ---  0xffff800000000000..0xffffffff80000000  about 128 TiB, not mapped",
    "  ---  0xffffffff80006000..=0xffffffffffffffff  about 2 GiB, not mapped",
  ]);
});

Deno.test("colors change nothing but the colors", async () => {
  const bytes = await Deno.readFile(HELLO);
  const model = await mapModel(await loadKernel(bytes));
  const about = { name: "x", facts: [], holes: false, verbose: true, tables: true, limit: 10 };
  for (const page of [UNBOUNDED, terminalPage(60)]) {
    const colored = mapReport(model, about, paintFor(true, page));
    assertStringIncludes(colored, "\x1b[");
    // deno-lint-ignore no-control-regex
    assertEquals(colored.replaceAll(/\x1b\[[0-9;]*m/g, ""), mapReport(model, about, paintFor(false, page)));
  }
});

Deno.test("kload map prints the report, and nothing with -q", async () => {
  const { status, stdout, stderr } = await kload(["map", HELLO]);
  assertEquals([status, stderr], [0, ""]);
  assertStringIncludes(stdout.replaceAll(/\s+/g, " "), `${HELLO}: 24 KiB mapped in 4 runs`); // the path may be folded
  assertStringIncludes(stdout, "  rules        default\n");
  assertEquals(await kload(["map", HELLO, "-q"]), { status: 0, stdout: "", stderr: "" });
});

Deno.test("a compressed kernel and one from standard input are drawn alike, with their symbols", async () => {
  const file = await Deno.readFile(HELLO);
  const words = (text: string): readonly string[] => text.split(/\s+/);
  const afterVerdict = (text: string): string => text.slice(text.indexOf("\n  rules "));
  const plain = afterVerdict((await kload(["map", HELLO])).stdout);
  await withFile("hello.gz", await gzip(file), async (path) => {
    const packed = (await kload(["map", path])).stdout;
    assertStringIncludes(packed, "\n  unpacked from  gzip data\n");
    assertStringIncludes(packed, " file offset 0x1000 of the unpacked kernel, program header 0,");
    const same = packed.replace(/\n {2}unpacked from .*/, "").replaceAll(" of the unpacked kernel", "");
    assertEquals(words(afterVerdict(same)), words(plain));
    assertEquals(JSON.parse((await kload(["map", path, "--json"])).stdout).format, "gzip");
  });
  assertEquals(afterVerdict((await kload(["map", "-"], { stdin: file })).stdout), plain);
  assertStringIncludes(plain, "_start to kernel_main (16 symbols)");
});

Deno.test("--as-run adds what run adds; a direct map and an identity map are told by their names", async () => {
  const { stdout } = await kload(["map", HELLO, "--as-run", "--physical-memory", "--identity"]);
  for (
    const part of [
      /^ {2}direct map +physical 0x0\.\.0x100000000 at 0x10000000000$/m,
      /^ {2}identity map +physical 0x0\.\.0x100000000 at its own addresses$/m,
      /^ {2}RW- +0x8000001000\.\.0x8000015000 +80 KiB +kernel-stack /m,
      /^ {2}RW- +0x10000000000\.\.0x10100000000 +4 GiB +direct map /m,
      /^ {2}R-X +0x32c000\.\.0x32d000 +4 KiB +identity map /m,
      /^ {7}frames of context-switch$/m,
      /^ {7}pages of 2 MiB$/m,
    ]
  ) assert(part.test(stdout), `${part}: ${stdout}`);
});

Deno.test("a kernel that is writable and executable is said to be that", async () => {
  await withFile("kernel.elf", buildElf({ segments: [{ filesz: 0x1800, p_flags: 7 }] }), async (path) => {
    const { stdout } = await kload(["map", path, "--filter", "w&x"]);
    assertStringIncludes(stdout.replaceAll(/\s+/g, " "), "mapped in 1 run, 2 pages writable and executable");
    assertStringIncludes(stdout, "  filter       w&x: 1 of 1 run\n");
    assertStringIncludes(stdout, "  RWX  0x400000..0x402000  8 KiB ");
  });
});

Deno.test("--filter shows what it chooses, and says what it leaves out", async () => {
  const { stdout } = await kload(["map", HELLO, "--filter", "x | section:.rodata"]);
  assertStringIncludes(stdout, "  filter       x | section:.rodata: 2 of 4 runs\n");
  assertStringIncludes(stdout, "  … 16 KiB in 2 runs left out by the filter\n");
  assertEquals(stdout.match(/^ {2}R/gm)?.length, 2);
});

Deno.test("a filter that chooses nothing shows nothing but that", async () => {
  const { stdout } = await kload(["map", HELLO, "--as-run", "--identity", "--filter", "w & x"]);
  assertStringIncludes(stdout, "  filter        w & x: 0 of 11 runs\n");
  assertEquals(stdout.includes("Level-4 entry"), false);
});

Deno.test("--limit ends the map, and says where", async () => {
  const { stdout } = await kload(["map", HELLO, "--limit", "2"]);
  assertStringIncludes(stdout, "8 KiB mapped up to 0xffffffff80002000 in 2 runs");
  const end =
    "The map ends at 0xffffffff80002000 because of --limit 2. What is mapped from there on is neither shown " +
    "nor counted.";
  assertStringIncludes(stdout.replaceAll("\n", " "), end);
});

Deno.test("of an entry that --limit cuts off, nothing is said that was not read", async () => {
  const { stdout } = await kload(["map", HELLO, "--as-run", "--identity", "--limit", "5"]);
  assertStringIncludes(stdout, "Level-4 entry 1: 0x8000000000..0x10000000000, not listed\n");
  assertEquals(stdout.includes("Level-4 entry 2"), false);
  const cut = await kload(["map", HELLO, "--as-run", "--identity", "--limit", "3"]);
  assertStringIncludes(cut.stdout, "Level-4 entry 0: 0x0..0x8000000000, about 3.16 MiB in 3 runs up to 0x328000\n");
});

Deno.test("--level shows the entries down to it, and --tables the tables", async () => {
  const { stdout } = await kload(["map", HELLO, "--level", "3", "--tables"]);
  const from = stdout.indexOf("Entries");
  assertEquals(stdout.slice(from).split("\n"), [
    "Entries",
    "  level[index]  from                size     entry     what",
    "  4[511]        0xffffff8000000000  512 GiB  0x205003  level-3 table at 0x205000  PRESENT, WRITABLE",
    "    3[510]      0xffffffff80000000  1 GiB    0x206003  level-2 table at 0x206000  PRESENT, WRITABLE",
    "",
    "Page tables",
    "  level  frame     covers                                   in use",
    "  4      0x204000  the whole address space                  1",
    "  3      0x205000  0xffffff8000000000..=0xffffffffffffffff  1",
    "  2      0x206000  0xffffffff80000000..0xffffffffc0000000   1",
    "  1      0x207000  0xffffffff80000000..0xffffffff80200000   6",
    "",
  ]);
});

Deno.test("a recursive entry is drawn as what it is", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO));
  addRecursiveEntry(kernel, { index: 510 });
  const about = { name: "x", facts: [], holes: false, verbose: false, tables: false, limit: 10 };
  const lines = mapReport(await mapModel(kernel), about, paintFor(false, terminalPage(200))).split("\n");
  const at = lines.findIndex((line) => line.startsWith("Level-4 entry 510"));
  assertEquals(lines.slice(at, at + 2), [
    "Level-4 entry 510: 0xffffff0000000000..0xffffff8000000000",
    "  … 512 GiB page tables seen as pages: entry 510 of the level-4 table at 0x204000 points to the level-4 table at " +
    "0x204000",
  ]);
});

/** The drawing of tables in a memory of some frames, the first of which is the root, on a terminal of 100 columns. */
async function drawingOf(
  frames: number,
  levels: 4 | 5,
  entries: readonly (readonly [frame: number, index: number, entry: number])[],
): Promise<readonly string[]> {
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(frames * 0x1000) });
  for (const [frame, index, entry] of entries) putEntry(memory, frame * 0x1000, index, BigInt(entry));
  const model = await mapModel(openTableSet({ memory, cr3: 0, levels }));
  return mapDrawing(model, { holes: false, verbose: false }, paintFor(false, terminalPage(100)));
}

Deno.test("a map of tables that are not in the dump, or that map only themselves, does not say that nothing is mapped", async () => {
  const cases = [[0x9003, "nothing is known to be mapped"], [0x1003, "nothing but page tables is mapped"]] as const;
  for (const [entry, verdict] of cases) {
    const memory = new Uint8Array(0x2000);
    new DataView(memory.buffer).setBigUint64(0x1000, BigInt(entry), true);
    await withFile("memory.bin", memory, async (path) => {
      const { stdout } = await kload(["map", "--memory", path, "--cr3", "0x1018"]);
      assertStringIncludes(stdout, `: ${verdict}\n`);
      assertStringIncludes(stdout, "0x1000, the address in 0x1018, which was given; ");
      assertEquals(stdout.includes("no page is mapped"), false);
    });
  }
});

Deno.test("a filter that names what is not there says so, with what was meant", async () => {
  for (
    const [filter, notes] of [
      ["section:.txt", "0 of 4 runs; there is no section .txt (did you mean .text?)"],
      ["owner:fiel | segment:7", "no frame is for fiel (did you mean file?); there is no segment 7 that is loaded"],
      ["section:.text & owner:file & segment:0", "1 of 4 runs"],
    ]
  ) {
    const words = (await kload(["map", HELLO, "--filter", filter])).stdout.replaceAll(/\s+/g, " ");
    assertStringIncludes(words, notes);
    assertEquals(words.includes("there is no") || words.includes("no frame"), notes.includes(";"));
  }
});

Deno.test("entries in a row without any page are one line; user mode has a letter, and W+X shows", async () => {
  const lines = await drawingOf(4, 4, [
    [0, 5, 0x1007],
    [0, 6, 0x3001],
    [0, 7, 0x3001],
    [0, 8, 0x3001],
    [0, 300, 0x3001],
    [1, 0, 0x2007],
    [2, 0, 0x20_0000 | 0x87],
    [2, 1, 0x60_0000 | 0x83],
  ]);
  assertEquals(lines, [
    "        virtual range                 size   physical  to scale",
    "  … 2.5 TiB not mapped",
    "",
    "Level-4 entry 5: 0x28000000000..0x30000000000, 4 MiB in 2 runs",
    "  RWXU  0x28000000000..0x28000200000  2 MiB  0x200000  ============............  pages of 2 MiB",
    "  RWX   0x28000200000..0x28000400000  2 MiB  0x600000  ............============  pages of 2 MiB",
    "  … about 125.5 TiB not mapped",
    "",
    "Level-4 entries 6-8: 0x30000000000..0x48000000000, no page is mapped",
    "  … 128 TiB not mapped",
    "",
    "Level-4 entry 300: 0xffff960000000000..0xffff968000000000, no page is mapped",
  ]);
});

Deno.test("with five levels, each level-4 entry is named with the one above it", async () => {
  const lines = await drawingOf(4, 5, [[0, 1, 0x1003], [0, 2, 0x1003], [1, 511, 0x2003], [2, 0, 0x4000_0083]]);
  assertEquals(lines.filter((line) => line.startsWith("Level")), [
    "Level-5 entry 1, level-4 entry 511: 0x1ff8000000000..0x2000000000000, 1 GiB in 1 run",
    "Level-5 entry 2, level-4 entry 511: 0x2ff8000000000..0x3000000000000, 1 GiB in 1 run",
  ]);
});

Deno.test("a memory dump is drawn like the kernel that it was made of, without owners", async () => {
  await withFolder(async (folder) => {
    const dump = `${folder}/memory.bin`;
    const { level4Frame } = (await kloadJson([HELLO, "--dump", dump])).json;
    const kernel = (await kloadJson(["map", HELLO])).json;
    const others = ["--memory", dump, "--cr3", level4Frame];
    const named = (await kloadJson(["map", HELLO, ...others])).json;
    assertEquals([named.root, named.gaps, named.totals.bytes], [kernel.root, kernel.gaps, kernel.totals.bytes]);
    assertEquals([named.name, named.namesFrom, named.foreign.kind], [dump, HELLO, "dump"]);
    const [{ runs }] = named.entries;
    const shown = runs.map((
      { segments, owner, symbols }: Record<string, unknown>,
    ) => [segments, owner, symbols !== undefined]);
    assertEquals(shown, [[[0], undefined, true], [[1], undefined, true], [[2], undefined, true]]);
    const alone = (await kloadJson(["map", ...others])).json;
    const bare = alone.entries[0].runs.map(({ segments, symbols }: Record<string, unknown>) => [segments, symbols]);
    assertEquals(bare, [[[], undefined], [[], undefined], [[], undefined]]);
    const { stdout } = await kload(["map", ...others]);
    assertStringIncludes(stdout, `${dump}:`);
    assertStringIncludes(stdout, `  CR3          ${level4Frame}, given; 4 levels, the default\n`);
  });
});

const REFUSED: readonly (readonly [args: readonly string[], message: string, hint: string])[] = [
  [[], "Cannot map anything: no FILE, --memory or --gdb given", "kload map kernel.elf"],
  [[HELLO, "second"], "Cannot use second: the source is already", "--help"],
  [[HELLO, "--filter", "w&"], "Cannot use --filter w&: at its end, something is missing", "'w&x'"],
  [[HELLO, "--filter", "w | stack"], "Cannot use --filter w | stack: at character 5, stack is unexpected", "owner:"],
  [[HELLO, "--level", "5"], "Cannot use --level 5: it must be one of 4, 3, 2, 1", ""],
  [[HELLO, "--limit", "0"], "Cannot use --limit 0: it must be 1 to 2^32", ""],
  [[HELLO, "-o", "x"], "Cannot use --output: without --svg, nothing is written", "--svg"],
  [[HELLO, "--level", "3", "--holes"], "Cannot use --level: --holes is for runs", "take the place of the runs"],
  [[HELLO, "--cr3", "0x1000"], "Cannot use --cr3", "--memory DUMP"],
  [
    [HELLO, "--memory", HELLO, "--identity"],
    "Cannot use --identity: --memory reads page tables as they are",
    "a FILE only names",
  ],
  [
    ["--gdb", "x:1", "--rules", "default"],
    "Cannot use --rules: --gdb reads page tables as they are",
    "a FILE only names",
  ],
  [[HELLO, "--memory", HELLO, "--gdb", "x:1"], "Cannot use --gdb: --memory was already given", "one of them"],
];

for (const [args, message, hint] of REFUSED) {
  const line = args.map((arg) => arg === HELLO ? "FILE" : arg).join(" ");
  Deno.test(`kload map ${line} is wrong usage`, async () => {
    const { status, stdout, stderr } = await kload(["map", ...args]);
    assertEquals([status, stdout], [2, ""]);
    const text = stderr.replaceAll(/\s+/g, " ");
    assertStringIncludes(text, `error[usage]: ${message}`);
    assertStringIncludes(text, hint);
  });
}

Deno.test("an image and JSON cannot both be printed", async () => {
  for (const output of [[], ["-o", "-"]]) {
    const { status, json } = await kloadJson(["map", HELLO, "--svg", ...output]);
    assertEquals([status, json.error.code, json.error.detail], [2, "usage", { flag: "svg" }]);
  }
});

Deno.test("a file that is refused is refused as by load", async () => {
  const { status, stderr } = await kload(["map", pathOf("deno.json")]);
  assertEquals(status, 1);
  assertStringIncludes(stderr, "error[not-elf]");
});
