/** `kload walk`: its answers are those of readelf, nm, addr2line and the file itself. */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { walk } from "../../cli/commands/walk.ts";
import type { Arguments } from "../../cli/arguments/parse_arguments.ts";
import { parseArguments } from "../../cli/arguments/parse_arguments.ts";
import { WALK } from "../../cli/arguments/walk_command.ts";
import type { Output } from "../../cli/output/output.ts";
import { terminalPage, UNBOUNDED } from "../../cli/output/page.ts";
import { paintFor } from "../../cli/output/paint.ts";
import { runTool, testWithTools } from "../tools.ts";
import { gzip, HELLO, kload, kloadJson, pathOf, withFile, withFolder } from "./kload.ts";

const PIE = pathOf("examples/hello/hello-pie.elf");

/** Runs the command in this process, for a terminal of a width or for a pipe, and returns what it prints. */
async function printed(
  args: readonly string[],
  width?: number,
  signal = new AbortController().signal,
): Promise<string> {
  let text = "";
  const paint = paintFor(false, width === undefined ? UNBOUNDED : terminalPage(width));
  const output: Output = {
    json: args.includes("--json"),
    quiet: args.includes("-q"),
    verbose: args.includes("-v"),
    paint,
    paintError: paint,
    print: (piece) => Promise.resolve(void (text += piece)),
    printError: (piece) => Promise.reject(new Error(`on standard error: ${piece}`)),
  };
  const parsed: Arguments = parseArguments(WALK, args);
  assertEquals(await walk(parsed, output, signal), 0);
  return text;
}

// deno-lint-ignore no-explicit-any
async function answer(...args: readonly string[]): Promise<any> {
  return JSON.parse(await printed([...args, "--json"]));
}

interface ReadSymbol {
  readonly address: bigint;
  readonly size: number;
  readonly name: string;
  readonly section: string;
}

/** The symbols of a file that have a size, and the sections that they are in, as readelf lists them. */
async function readelf(path: string) {
  const sections = [...(await runTool("readelf", ["-SW", path])).matchAll(
    /^ +\[ *(\d+)\] (\S+) +(\S+) +([0-9a-f]{16}) ([0-9a-f]+)/gm,
  )].map(([, index, name, type, address, offset]) => {
    return { index, name, type, address: BigInt(`0x${address}`), offset: parseInt(offset, 16) };
  });
  const symbols = [...(await runTool("readelf", ["-sW", path])).matchAll(
    /^ +\d+: ([0-9a-f]{16}) +(\d+) (?:FUNC|OBJECT) +\w+ +\w+ +(\d+) (\S+)$/gm,
  )].map(([, address, size, section, name]): ReadSymbol => {
    return { address: BigInt(`0x${address}`), size: Number(size), name, section };
  });
  return { sections, symbols };
}

testWithTools(
  ["readelf"],
  "every symbol of the example kernel is where readelf says, with the bytes of the file",
  async () => {
    const { sections, symbols } = await readelf(HELLO);
    const file = await Deno.readFile(HELLO);
    assert(symbols.length > 15);
    for (const { address, size, name, section: index } of symbols) {
      const section = sections.find((each) => each.index === index)!;
      const into = Math.min(1, size - 1);
      const found = await answer(HELLO, `${name}+${into}`);
      assertEquals(BigInt(found.address), address + BigInt(into));
      assertEquals(found.symbol, { name, offset: into, size: `0x${size.toString(16)}` });
      const inSection = Number(address - section.address) + into;
      assertEquals(found.section, { name: section.name, offset: inSection });
      if (section.type === "NOBITS") {
        assertEquals([found.fileOffset, found.bytes.slice(0, 2)], [null, "00"]);
        continue;
      }
      const offset = section.offset + inSection;
      assertEquals(found.fileOffset, offset);
      assertEquals(found.bytes.slice(0, 2), file.subarray(offset, offset + 1).toHex());
    }
  },
);

Deno.test("each level's table is where the entry above says, and the last one leads to the physical address", async () => {
  const { levels, physical, address, end } = await answer(HELLO, "kernel_main+0x10");
  const { level4Frame } = (await kloadJson(["load", HELLO])).json;
  assertEquals(levels.map(({ level }: { readonly level: number }) => level), [4, 3, 2, 1]);
  let table = BigInt(level4Frame);
  for (const { level, table: shown, index, entry } of levels) {
    assertEquals(BigInt(shown), table);
    assertEquals(index, Number((BigInt(address) >> BigInt(level * 9 + 3)) % 512n));
    table = BigInt(entry) & 0xf_ffff_ffff_f000n;
  }
  assertEquals(BigInt(physical), table + BigInt(address) % 4096n);
  assertEquals([end.kind, end.phys], ["page", physical]);
});

Deno.test("a moved kernel's symbols are at the base plus what the file says", async () => {
  for (const base of ["0xffffffff80000000", "0x7000000000"]) {
    const { address, symbol } = await answer(PIE, "kernel_main", "--kernel-base", base);
    const fixed = await answer(PIE, "kernel_main", "--kernel-base", "0xffff800000000000");
    assertEquals(BigInt(address) - BigInt(base), BigInt(fixed.address) - 0xffff_8000_0000_0000n);
    assertEquals([symbol.name, symbol.offset], ["kernel_main", 0]);
  }
});

Deno.test("physical memory is mapped by large pages, with an offset that has the lower bits of the address", async () => {
  const direct = await answer(HELLO, "0xffff900000345678", "--physical-memory=0xffff900000000000");
  assertEquals([direct.pageSize, direct.physical, direct.levels.length], [0x20_0000, "0x345678", 3]);
  assert(direct.levels[2].flags.includes("HUGE_PAGE"));
  const identity = await answer(HELLO, "0xb8000", "--identity");
  assertEquals([identity.mapped, identity.physical, identity.permissions], [true, "0xb8000", "RW-"]);
  assertEquals((await answer(HELLO, "0xb8000")).mapped, false);
});

Deno.test("with --as-run, there is a stack above a page that is not mapped", async () => {
  const below = await answer(HELLO, "0x8000000000", "--as-run");
  assertEquals([below.mapped, below.why.at(-1).kind], [false, "guard"]);
  const stack = await answer(HELLO, "0x8000001000", "--as-run", "--stack-size", "8K");
  assertEquals([stack.owner, stack.permissions], ["kernel-stack", "RW-"]);
});

Deno.test("a file from standard input or in containers has its symbols, too", async () => {
  const hello = await Deno.readFile(HELLO);
  const words = (text: string): string => text.split(/\s+/).join(" ");
  const same = (text: string): string => {
    return words(text.replace(/\n {2}unpacked from .*/, ""))
      .replaceAll(/(?:file )?offset (0x[0-9a-f]+) of the unpacked kernel/g, "file offset $1");
  };
  const expected = await printed([HELLO, "kernel_main"]);
  const { stdout, status } = await kload(["walk", "-", "kernel_main"], { stdin: hello });
  assertEquals([status, words(stdout).replace("standard input", HELLO)], [0, words(expected)]); // the path may be folded
  await withFile("kernel.gz", await gzip(hello), async (path) => {
    const unpacked = await printed([path, "kernel_main"]);
    assertEquals(same(unpacked).replace(path, HELLO), words(expected));
    assertMatch(unpacked, /^ {2}unpacked from +gzip data$/m);
    assertMatch(unpacked, /^ {2}file offset +0x[0-9a-f]+ of the unpacked kernel$/m);
    assertMatch(words(unpacked), / the byte is at offset 0x[0-9a-f]+ of the unpacked kernel\. /);
    const packed = await kload(["walk", "-", "kernel_main"], { stdin: await gzip(hello) });
    assertEquals(same(packed.stdout).replace("standard input", HELLO), words(expected));
    assertEquals([(await answer(path, "kernel_main")).format, (await answer(HELLO, "_start")).format], ["gzip", "elf"]);
    const physical = await printed([path, "0x201000", "--physical"]);
    assertStringIncludes(physical, "this one is at offset 0x1000 of the unpacked kernel.");
  });
});

Deno.test("a packed file that is damaged after the kernel is refused", async () => {
  const bytes = await gzip(await Deno.readFile(HELLO));
  bytes[bytes.length - 8] ^= 1; // RFC 1952: the CRC-32 of the contents
  await withFile("kernel.gz", bytes, async (path) => {
    const { status, stdout, stderr } = await kload(["walk", path, "kernel_main"]);
    assertEquals([status, stdout], [1, ""]);
    assertStringIncludes(stderr, "error[source-failed]");
  });
});

Deno.test("the permission to read the file is enough, for instructions too", async () => {
  const run = await kload(["walk", "examples/hello/hello.elf", "kernel_main"], {
    cwd: pathOf("."),
    permissions: ["--allow-read=examples/hello/hello.elf"],
  });
  assertEquals([run.status, run.stderr], [0, ""]);
  assertMatch(run.stdout, /\nInstructions\n> 0xffffffff800005f0 .* push r12\n/);
});

Deno.test("--physical lists as many addresses as --limit says, and counts the others", async () => {
  const flags = ["0x301000", "--physical", "--physical-memory", "--identity"];
  const all = await answer(HELLO, ...flags);
  assertEquals([all.count, all.addresses.length, all.mayHaveMore], [3, 3, false]);
  const [, ...addresses] = all.addresses;
  assertEquals(addresses.map(({ address }: { readonly address: string }) => BigInt(address) % 4096n), [0n, 0n]);
  const text = await printed([HELLO, ...flags, "--limit", "1"]);
  assertStringIncludes(text, "is mapped at 3 addresses\n");
  assertStringIncludes(text, "  ... and 2 more\n");
  assertEquals((await answer(HELLO, "1G", "--physical")).count, 0);
});

Deno.test("where kload run adds something, the hint is to add it, too", async () => {
  const hint = (...args: readonly string[]) => printed([HELLO, ...args]).then((text) => text.includes("--as-run"));
  assertEquals(await hint("0x8000000ff8"), true);
  assertEquals(await hint("0x8000000ff8", "--as-run"), false);
  assertEquals([await hint("0x1000"), await hint("_start"), await hint("0xffffffff90000000")], [false, false, false]);
});

const REFUSED: readonly (readonly [line: string, message: string, hint: string])[] = [
  ["FILE", "Cannot run kload walk: ADDRESS or SYMBOL is missing", "kload walk --help"],
  ["", "Cannot run kload walk: FILE is missing", "kload walk --help"],
  ["FILE 0 1", "Cannot use 1: kload walk takes FILE and ADDRESS", "kload walk --help"],
  ["FILE kernel_mian", "Cannot find kernel_mian: no symbol in .symtab has that name", "Did you mean kernel_main?"],
  ["FILE Kernel_Main+8", "Cannot find Kernel_Main+8: no symbol", "Did you mean kernel_main?"],
  ["FILE ffffffff80000000", "no symbol has that name", "For the address, write 0xffffffff80000000: hex"],
  ["FILE 0000000000201000+8", "no symbol has that name", "For the address, write 0x201000+8: hex"],
  ["FILE 0x12zz", "Cannot find 0x12zz: it is not a number", "decimal or hex"],
  ["FILE 0 --identity --memory-base 2M", "Cannot use --memory-base", "Leave it out"],
  ["FILE 0x10000000000000000", "it must fit in 64 bits", ""],
  ["FILE _start+0xffffffffffffffff", "Cannot use _start+0xffffffffffffffff as an address: it must fit in 64 bits", ""],
  ["FILE _start-0xffffffffffffffff", "it must fit in 64 bits", ""],
  ["FILE main --physical", "symbols have virtual ones", "kload walk without --physical"],
  ["FILE 0x10000000000000 --physical", "a physical address is below 2^52", ""],
  ["FILE 0 --limit 3", "Cannot use --limit", ""],
  ["FILE 0 --cr3 0x1000", "Cannot use --cr3", "--memory DUMP or --gdb HOST:PORT"],
  [
    "main --memory nowhere.bin --cr3 0x1000",
    "Cannot find main: it is not an address, and no FILE is given for its symbols",
    "0xffffffff80000000",
  ],
  [
    "FILE 0 --memory a --identity",
    "Cannot use --identity: --memory reads page tables as they are",
    "a FILE only names",
  ],
  ["0 --gdb a:1 --rules default", "Cannot use --rules: --gdb reads page tables as they are", "a FILE only names"],
  ["FILE 0 --memory a --gdb b:1", "Cannot use --gdb: --memory was already given", ""],
];

for (const [line, message, hint] of REFUSED) {
  Deno.test(`kload walk ${line} is wrong usage`, async () => {
    const args = line.split(" ").filter(Boolean).map((word) => word === "FILE" ? HELLO : word);
    const { status, stdout, stderr } = await kload(["walk", ...args]);
    assertEquals([status, stdout], [2, ""]);
    assertStringIncludes(stderr.replaceAll(/\n +/g, " "), message);
    assertStringIncludes(stderr.replaceAll(/\n +/g, " "), hint);
  });
}

Deno.test("a file without symbols says so", async () => {
  const stripped = pathOf("tests/fixtures/field/multiboot2-32bit-entry.elf");
  const { status, stderr } = await kload(["walk", stripped, "main"]);
  assertEquals(status, 2);
  assertStringIncludes(stderr, "Cannot find main: the file has no symbols");
});

Deno.test("a file that is refused is refused as by load, and a hint names flags of walk", async () => {
  const broken = pathOf("tests/fixtures/original/corpus/align-7-ok.elf");
  const [walked, loaded] = await Promise.all([kload(["walk", broken, "0"]), kload(["load", broken])]);
  assertEquals(walked, loaded);
});

Deno.test("an abort ends it with its reason", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  controller.abort(reason);
  assertEquals(await assertRejects(() => printed([HELLO, "0"], undefined, controller.signal)), reason);
});

Deno.test("with -q, nothing is printed, and a wrong symbol is still an error", async () => {
  assertEquals(await printed([HELLO, "kernel_main", "-q"]), "");
  assertEquals((await kload(["walk", HELLO, "kernel_mian", "-q"])).status, 2);
});

for (const width of [100, 80, 60]) {
  Deno.test(`the report fits in ${width} columns`, async () => {
    const lines = [
      [HELLO, "kernel_main+3", "-v"],
      [HELLO, "0xb8000", "--identity", "-v"],
      [HELLO, "0"],
      [HELLO, "0x8000000000000000"],
      [PIE, "pointers"],
      [HELLO, "0x301000", "--physical", "--physical-memory"],
    ];
    for (const args of lines) {
      for (const line of (await printed(args, width)).split("\n")) {
        assert(line.length <= width || line.startsWith(`${args[0]}:`), `${line.length}: ${line}`);
      }
    }
  });
}

/** Two files with a function of the same name each, and one that calls it. */
const SOURCES: Readonly<Record<string, string>> = {
  "one.c":
    "static __attribute__((noinline)) int init(int x) { return x * 3; }\nint one(int x) { return init(x) + 1; }\n",
  "two.c":
    "static __attribute__((noinline)) int init(int x) { return x * 5; }\nint one(int);\nint _start(int x) { return init(x) + one(x); }\n",
};

async function withKernel(test: (path: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    for (const [name, text] of Object.entries(SOURCES)) await Deno.writeTextFile(`${folder}/${name}`, text);
    const flags = ["-g", "-O1", "-ffreestanding", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x400000"];
    const path = `${folder}/my kernel.elf`;
    await runTool("gcc", [
      ...flags,
      "-Wl,--build-id=none",
      ...Object.keys(SOURCES).map((name) => `${folder}/${name}`),
      "-o",
      path,
    ]);
    await test(path);
  });
}

testWithTools(["gcc", "addr2line"], "the printed command finds the function and the line of the address", async () => {
  await withKernel(async (path) => {
    for (const width of [100, 60]) {
      const text = await printed([path, "one+2"], width);
      const [, command] = text.match(/^ {2}find the source line with\n {4}(.*)$/m)!;
      const { stdout } = await new Deno.Command("sh", { args: ["-c", command], stdin: "null" }).output();
      assertMatch(new TextDecoder().decode(stdout), /^one\n.*\/one\.c:2\b/);
    }
    const rest = await printed([path, "0x400ff8"]); // after the code, in its page
    assertEquals([rest.includes("is mapped, R-X"), rest.includes("addr2line")], [true, false]);
    // Standard input has no path, and a packed file is none for addr2line.
    const bytes = await Deno.readFile(path);
    assertEquals((await kload(["walk", "-", "one"], { stdin: bytes })).stdout.includes("addr2line"), false);
  });
});

testWithTools(["gcc", "nm"], "of several functions with one name, none is chosen, and all are listed", async () => {
  await withKernel(async (path) => {
    const found = [...(await runTool("nm", [path])).matchAll(/^([0-9a-f]+) t init$/gm)].map(([, hex]) =>
      BigInt(`0x${hex}`)
    );
    assertEquals(found.length, 2);
    const { status, json } = await kloadJson(["walk", path, "init"]);
    assertEquals([status, json.error.code], [2, "usage"]);
    assertEquals(json.error.detail.addresses.map(BigInt).sort(), [...found].sort());
    for (const address of found) assertStringIncludes(json.error.hint, `0x${address.toString(16)} (a local function)`);
    const [first] = found;
    assertEquals((await answer(path, `0x${first.toString(16)}`)).symbol.name, "init");
  });
});
