/** Every JSON object of the command line is one that docs/json.schema.json describes, and has no other fields. */

import { Ajv2020 } from "ajv/dist/2020.js";
import { assert, assertEquals } from "@std/assert";
import type { Arguments } from "../../cli/arguments/parse_arguments.ts";
import { check } from "../../cli/commands/check.ts";
import { inspect } from "../../cli/commands/inspect.ts";
import { load } from "../../cli/commands/load.ts";
import type { Output } from "../../cli/output/output.ts";
import { paintFor } from "../../cli/output/paint.ts";
import { errorJson } from "../../cli/report/json.ts";
import { problemOf } from "../../cli/report/problem.ts";
import { ERROR_CODES } from "../../core/errors.ts";
import { RULES } from "../../core/rules.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { HELLO, kloadJson, pathOf, withFile, withFolder } from "./kload.ts";

const DOCS = new URL("../../docs/", import.meta.url);
const CORPUS = pathOf("tests/fixtures/original/corpus/");

const schema = JSON.parse(await Deno.readTextFile(new URL("json.schema.json", DOCS)));
const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
ajv.addSchema(schema, "kload");
const isKnown = ajv.getSchema("kload")!;

/** Fails unless an object is what its definition says, and the whole schema has it too. */
function assertIs(definition: string, json: unknown, what: string): void {
  const isDefined = ajv.getSchema(`kload#/$defs/${definition}`)!;
  assert(isDefined(json), `${what}: ${ajv.errorsText(isDefined.errors)}`);
  assert(isKnown(json), `${what}: ${ajv.errorsText(isKnown.errors)}`);
}

/** Runs a command in this process, and returns what it prints. */
async function printed(command: typeof load, source: string, rules?: string): Promise<unknown> {
  let text = "";
  const paint = paintFor(false);
  const output: Output = {
    json: true,
    quiet: false,
    verbose: false,
    paint,
    paintError: paint,
    print: (piece) => Promise.resolve(void (text += piece)),
    printError: (piece) => Promise.reject(new Error(`on standard error: ${piece}`)),
  };
  const values = new Map(rules === undefined ? [] : [["rules", rules]]);
  const args: Arguments = { source, values, lists: new Map(), switches: new Set(["json"]) };
  await command(args, output, new AbortController().signal);
  assertEquals(text.indexOf("\n"), text.length - 1);
  return JSON.parse(text);
}

const FILES = [...Deno.readDirSync(CORPUS)].map(({ name }) => CORPUS + name)
  .concat(HELLO, pathOf("examples/hello/hello-pie.elf"), pathOf("examples/custom_handler/kernel.elf"));

for (const rules of Object.keys(RULES)) {
  Deno.test(`load --json of every file of the corpus is in the schema, by the ${rules} rules`, async () => {
    const codes = new Set<string>();
    for (const file of FILES) {
      const json = await printed(load, file, rules) as { readonly error?: { readonly code: string } };
      assertIs(json.error ? "error" : "load", json, file);
      codes.add(json.error?.code ?? "none");
    }
    assert(codes.has("none") && codes.size > 10, [...codes].join());
  });
}

Deno.test("inspect --json of every file of the corpus is in the schema", async () => {
  for (const file of FILES) {
    const json = await printed(inspect, file) as object;
    assertIs("error" in json ? "error" : "inspect", json, file);
  }
});

Deno.test("check --json of every file of the corpus, and of those of other loaders, is in the schema", async () => {
  const folders = ["tests/fixtures/field/", "tests/fixtures/loaders/", "tests/fixtures/loaders/probes/"];
  const others = folders.flatMap((folder) =>
    [...Deno.readDirSync(pathOf(folder))].map(({ name }) => pathOf(folder) + name)
  );
  const outcomes = new Set<string>();
  for (const file of [...FILES, ...others.filter((path) => /\.(elf|o|a|bin|xz|zst|lz4)$/.test(path))]) {
    const json = await printed(check, file) as { readonly verdicts?: readonly { readonly outcome: string }[] };
    assertIs(json.verdicts ? "check" : "error", json, file);
    for (const { outcome } of json.verdicts ?? []) outcomes.add(outcome);
  }
  assertEquals([...outcomes].sort(), ["boots", "fails", "refuses"]);
});

Deno.test("check --json with --fix, and explain --json, are in the schema", async () => {
  const file = buildElf({ segments: [{ filesz: 0x100, p_align: 0n }] });
  await withFile("kernel.elf", file, async (path, folder) => {
    const { json } = await kloadJson(["check", path, "--fix", "-o", `${folder}/fixed.elf`]);
    assertEquals(json.fix.changes.length, 1);
    assertIs("check", json, "check --fix");
  });
  for (const args of [["explain"], ["explain", "not-elf"], ["explain", "alignment-mismatch"]]) {
    assertIs("explain", (await kloadJson(args)).json, args.join(" "));
  }
});

Deno.test("diff --json is in the schema, whatever differs", async () => {
  const PIE = pathOf("examples/hello/hello-pie.elf");
  const lines: readonly (readonly [verdict: string, ...args: string[]])[] = [
    ["same", HELLO, HELLO],
    ["different", HELLO, PIE],
    ["different", HELLO, "--as-run", "--physical-memory", "--limit", "2"],
    ["different", PIE, "--no-plugin", "relro"],
    ["different", PIE, "--rules", "bootloader-0.11", "--physical"],
    ["moved", PIE, "--kernel-base", "0", "--kernel-base", "0x1000"],
    ["different", PIE, "--kernel-base", "0", "--kernel-base", "0x1000", "--absolute"],
  ];
  for (const [verdict, ...args] of lines) {
    const { json, status } = await kloadJson(["diff", ...args]);
    assertIs("diff", json, args.join(" "));
    assertEquals([json.verdict, status], [verdict, verdict === "same" ? 0 : 1]);
  }
});

Deno.test("plugins --json is in the schema, for each rule set and with a plugin of one's own", async () => {
  for (const rules of Object.keys(RULES)) {
    assertIs("plugins", (await kloadJson(["plugins", "--rules", rules])).json, rules);
  }
  const plugin = `export const plugin = {
    name: "mine",
    dependsOn: ["relocate"],
    handlers: [{ type: 0x60000001, machine: 62, phase: "seal", handle: () => 1 }],
    stages: [{ after: "parse", stage: { name: "mine", needs: [], adds: [], run: () => ({}) } }],
  };`;
  await withFile("mine.ts", new TextEncoder().encode(plugin), async (path) => {
    const { json } = await kloadJson(["plugins", "--plugin", path]);
    assertIs("plugins", json, "mine");
    assertIs("load", (await kloadJson([HELLO, "--plugin", path])).json, "mine");
  });
});

Deno.test("image and dump --json are in the schema, and have the warnings for which --strict fails", async () => {
  const executable: SegmentSpec = { p_type: 0x6474_e551, p_flags: 7, filesz: 0, p_vaddr: 0n };
  await withFile("kernel.elf", buildElf({ segments: [{ filesz: 0x100 }, executable] }), async (path, folder) => {
    for (const [definition, ...args] of [["image"], ["dump", "--core"]]) {
      const { status, json } = await kloadJson([definition, ...args, path, "-o", `${folder}/out`, "--strict"]);
      assertIs(definition, json, definition);
      const codes = json.diagnostics.map(({ code }: { readonly code: string }) => code);
      assertEquals([status, codes], [1, ["stack-executable"]]);
    }
  });
});

/** Addresses of the example kernels that are answered in different ways, and the flags that they need. */
const WALKS: readonly string[] = [
  ...["HELLO _start", "HELLO kernel_main+0x10", "HELLO 0xffffffff80002020", "HELLO 0xffffffff80002030", "HELLO 0"],
  ...["HELLO 0x8000000000000000", "HELLO 0xb8000 --identity", "HELLO 0xffffffff80000000 --physical-memory"],
  ...["HELLO 0x8000000000 --as-run", "HELLO 0x201000 --physical", "HELLO 0x204008 --physical", "HELLO 1G --physical"],
  ...[
    "HELLO 0x201000 --physical --physical-memory --identity --limit 1",
    "PIE 0x3010",
    "PIE 0x8000003010",
    "PIE 0xb8000",
  ],
  ...["HELLO 0xffffffff80000000 --rules bootloader-0.10", "PIE 0x8000003010 --rules bootloader-0.11"],
];

for (const line of WALKS) {
  Deno.test(`walk ${line} --json is in the schema`, async () => {
    const files: Readonly<Record<string, string>> = { HELLO, PIE: pathOf("examples/hello/hello-pie.elf") };
    const args = line.split(" ").map((word) => files[word] ?? word);
    const { status, json } = await kloadJson(["walk", ...args]);
    assertEquals(status, 0, JSON.stringify(json));
    assertIs(args.includes("--physical") ? "walkPhysical" : "walk", json, line);
  });
}

Deno.test("walk --json of page tables in a memory dump is in the schema", async () => {
  await withFolder(async (folder) => {
    const { json: { level4Frame } } = await kloadJson(["load", HELLO, "--dump", `${folder}/memory.bin`]);
    const flags = ["--memory", `${folder}/memory.bin`, "--cr3", level4Frame];
    for (const operands of [["0xffffffff80000000"], [HELLO, "kernel_main"], ["0x1000"]]) {
      const { status, json } = await kloadJson(["walk", ...operands, ...flags]);
      assertEquals([status, json.foreign?.kind, json.namesFrom], [0, "dump", operands.length > 1 ? HELLO : undefined]);
      assertIs("walk", json, operands.join(" "));
    }
    const { json } = await kloadJson(["walk", "0x201000", "--physical", ...flags]);
    assertIs("walkPhysical", json, "--physical");
  });
});

Deno.test("map --json is in the schema: of kernels, of foreign page tables, with filters, limits and entries", async () => {
  await withFolder(async (folder) => {
    const dump = `${folder}/memory.bin`;
    const { level4Frame } = (await kloadJson([HELLO, "--dump", dump])).json;
    const lines: readonly (readonly string[])[] = [
      [HELLO],
      [pathOf("examples/hello/hello-pie.elf"), "--rules", "bootloader-0.11"],
      [HELLO, "--as-run", "--physical-memory", "--identity", "--level", "1"],
      [HELLO, "--filter", "section:.text | !w", "--limit", "1"],
      ["--memory", dump, "--cr3", level4Frame],
      [HELLO, "--memory", dump, "--cr3", level4Frame, "--base", "0x1000", "--levels", "5"],
    ];
    for (const line of lines) {
      const { json } = await kloadJson(["map", ...line]);
      assertIs("error" in json ? "error" : "map", json, line.join(" "));
    }
  });
});

const FAILING: readonly (readonly [readonly string[], string])[] = [
  [["load"], "usage"],
  [[HELLO, "--frobnicate"], "usage"],
  [[HELLO, "--kernel-offset", "12zz"], "usage"],
  [[HELLO, "--kernel-offset", "1M", "--memory-base", "2M"], "usage"],
  [[HELLO, "--level4-frame", "2M"], "usage"],
  [[HELLO, "second"], "usage"],
  [[HELLO, "--no-plugin", "none"], "usage"],
  [["help", "nothing"], "usage"],
  [["image", HELLO], "usage"],
  [["dump", HELLO], "usage"],
  [["check", HELLO, "--for", "grub"], "usage"],
  [["check", HELLO, "--fix"], "usage"],
  [["diff", HELLO], "usage"],
  [["diff", HELLO, "nowhere.elf"], "source-failed"],
  [["diff", pathOf("deno.json"), HELLO], "not-elf"],
  [["explain", "nothing"], "usage"],
  [["walk", HELLO], "usage"],
  [["walk", HELLO, "no_such_symbol"], "usage"],
  [["walk", "nowhere.elf", "0"], "source-failed"],
  [["walk", "0", "--memory", "nowhere.bin", "--cr3", "0x1000"], "source-failed"],
  [["walk", pathOf("deno.json"), "0"], "not-elf"],
  [["map"], "usage"],
  [["map", HELLO, "--filter", "w&"], "usage"],
  [["map", HELLO, "--svg", "-o", "/nowhere/map.svg"], "image-failed"],
  [["check", "nowhere.elf"], "source-failed"],
  [["check", HELLO, "--fix", "-o", "/nowhere/fixed.elf"], "fix-failed"],
  [["nowhere.elf"], "source-failed"],
  [["inspect", "nowhere.elf"], "source-failed"],
  [[HELLO, "--plugin", "./nowhere.ts"], "plugin-failed"],
  [[HELLO, "--dump", "/nowhere/memory.bin"], "dump-failed"],
  [["image", HELLO, "-o", "/nowhere/boot.elf"], "image-failed"],
  [["dump", "--core", HELLO, "-o", "/nowhere/core"], "dump-failed"],
  [[HELLO, "--kernel-base", "0x1000"], "kernel-base-refused"],
  [[pathOf("examples/hello/hello-pie.elf"), "--kernel-base", "0x1001"], "kernel-base-misaligned"],
  [[HELLO, "--memory-size", "0x201000"], "memory-too-small"],
  [[HELLO, "--max-memory", "0x100000"], "memory-limit-exceeded"],
  [["image", pathOf("deno.json"), "-o", "x"], "not-elf"],
  [["load", pathOf("deno.json")], "not-elf"],
];

const ABOUT_FLAGS: readonly (readonly [line: string, detail: Record<string, string>])[] = [
  ["FILE --frobnicate", { flag: "frobnicate" }],
  ["FILE --frobnicate=1", { flag: "frobnicate" }],
  ["FILE --json=1", { flag: "json", value: "1" }],
  ["FILE --strict --strict", { flag: "strict" }],
  ["FILE --color sometimes", { flag: "color", value: "sometimes" }],
  ["FILE --kernel-offset 12zz", { flag: "kernel-offset", value: "12zz" }],
  ["FILE --kernel-offset 1M --memory-base 2M", { flag: "kernel-offset", value: "0x100000" }],
  ["FILE --no-plugin none", { flag: "no-plugin", value: "none" }],
  ["FILE --plugin ./nowhere.ts", { flag: "plugin", value: "./nowhere.ts" }],
  ["FILE --dump /nowhere/memory.bin", { flag: "dump", value: "/nowhere/memory.bin" }],
  ["FILE --dump -", { flag: "dump", value: "-" }],
  ["image FILE", { flag: "output" }],
  ["image FILE -o -", { flag: "output", value: "-" }],
  ["image FILE -o /nowhere/boot.elf", { flag: "output", value: "/nowhere/boot.elf" }],
  ["image FILE -o x --ramdisk nowhere", { flag: "ramdisk", value: "nowhere" }],
  ["dump FILE", { flag: "core" }],
  ["check FILE --for grub", { flag: "for", value: "grub" }],
  ["check FILE -o x", { flag: "output", value: "x" }],
  ["map FILE -o x", { flag: "output", value: "x" }],
  ["map FILE --filter (w", { flag: "filter", value: "(w" }],
  ["map FILE --limit 0", { flag: "limit", value: "0" }],
];

for (const [line, detail] of ABOUT_FLAGS) {
  Deno.test(`the JSON of ${line} names the flag without dashes, and its value`, async () => {
    const { json } = await kloadJson(line.split(" ").map((word) => word === "FILE" ? HELLO : word));
    assertEquals(json.error.detail, detail);
  });
}

for (const [args, code] of FAILING) {
  Deno.test(`the JSON of ${args.join(" ").replaceAll(pathOf(""), "")} is in the schema`, async () => {
    await withFolder(async (cwd) => {
      const { json } = await kloadJson(args, { cwd });
      assertEquals(json.error?.code, code, JSON.stringify(json));
      assertIs("error", json, code);
    });
  });
}

Deno.test("a bug in kload is in the schema too", () => {
  assertIs("error", JSON.parse(errorJson(problemOf(new TypeError("x is not a function")))), "internal");
});

Deno.test("the schema knows the codes of the loader and the rule sets, and no others", () => {
  assertEquals([...schema.$defs.loadCode.enum].sort(), [...ERROR_CODES].sort());
  assertEquals(schema.$defs.rules.enum, Object.keys(RULES));
});

Deno.test("the schema refuses fields that it does not describe, and lacks none", () => {
  const example = { version: 1, name: "a", image: "b", size: 1, entry: "0x1", memory: 4096, diagnostics: [] };
  assertIs("image", example, "image");
  const protocols = [{ name: "pvh", summary: "PVH", entry: "0x1" }];
  assertIs("image", { ...example, format: "elf", protocols }, "image with protocols");
  const isImage = ajv.getSchema("kload#/$defs/image")!;
  for (const field of Object.keys(example)) assertEquals(isImage({ ...example, [field]: undefined }), false, field);
  for (const wrong of [{ extra: 1 }, { version: 2 }, { entry: 1 }, { entry: "0xABC" }, { size: -1 }, { format: "x" }]) {
    assertEquals(isImage({ ...example, ...wrong }), false, JSON.stringify(wrong));
  }
});

Deno.test("the examples of docs/json.md are in the schema, one for each definition", async () => {
  const text = await Deno.readTextFile(new URL("json.md", DOCS));
  const examples = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json]) => JSON.parse(json));
  const order = [
    ...[
      "load",
      "inspect",
      "check",
      "map",
      "walk",
      "walkPhysical",
      "diff",
      "plugins",
      "image",
      "run",
      "dump",
      "explain",
    ],
    ...["error", "error"],
  ];
  assertEquals(examples.length, order.length);
  examples.forEach((example, at) => assertIs(order[at], example, `example ${at}`));
});
