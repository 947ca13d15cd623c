import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { loadKernel } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { type Answer, answeredFiles } from "../original.ts";
import { gzip, HELLO, kload, kloadJson, ONLY_HELLO, pathOf, start, withFile, withFolder } from "./kload.ts";

const hello = await Deno.readFile(HELLO);
const POSIX = Deno.build.os !== "windows";

/** Refused by the default rules, loaded rightly by the original's. */
const ODDLY_ALIGNED = buildElf({
  header: { e_entry: 0x40_3800n },
  segments: [{ offset: 0x1800, filesz: 0x100, p_align: 3n, p_vaddr: 0x40_3800n }],
  length: 0x2000,
});

const ORIGINALS = ["real-higher-half.elf", "dyn-tls.elf", "bss-32-pages.elf", "seg-two-share-file-frame.elf"];

for (const { name, "bootloader-0.10": recorded } of answeredFiles().filter(({ name }) => ORIGINALS.includes(name))) {
  Deno.test(`kload loads ${name} as the original did`, async () => {
    const answer = recorded as Answer;
    assert(answer.ok);
    const layout = ["--memory-base", "0x10000000", "--memory-size=1G", "--level4-frame=0x10000000"];
    const flags = [...layout, "--kernel-offset", "0x10001000", "--rules", "bootloader-0.10"];
    const { status, json } = await kloadJson([pathOf(`tests/fixtures/original/corpus/${name}`), ...flags]);
    assertEquals(status, 0);
    assertEquals(json.memorySha256, answer.memorySha256);
    assertEquals(json.entryPoint, answer.entryPoint);
    assertEquals(json.usedLevel4Entries, answer.usedLevel4);
    assertEquals(json.framesAllocated, answer.framesAllocated);
    assertEquals([json.nextFrame, json.level4Frame], [answer.nextFrame, "0x10000000"]);
    assertEquals(json.mappings, answer.mappings.map(({ pages, ...rest }) => ({ ...rest, size: pages * 4096 })));
    assertEquals(json.tlsTemplate?.startAddr, answer.tls?.startAddr);
  });
}

Deno.test("the permission to read the file is all that a load needs", async () => {
  const { status, stdout } = await kload(["load", HELLO], ONLY_HELLO);
  assertEquals(status, 0);
  assertStringIncludes(stdout, "ELF64 EXEC x86-64");
});

Deno.test("standard input takes no permission", async () => {
  const { status, json } = await kloadJson(["load", "-"], { permissions: [], stdin: hello });
  assertEquals([status, json.entryPoint], [0, "0xffffffff80000000"]);
});

Deno.test("load is the default command, wherever its flags stand", async () => {
  const json = await kloadJson(["load", HELLO]);
  assertEquals(await kloadJson([HELLO]), json);
  const first = await kload(["--json", "--no-color", HELLO]);
  assertEquals(JSON.parse(first.stdout), json.json);
});

Deno.test("the same kernel comes out of a file, standard input and gzip, and no more is read than it needs", async () => {
  const packed = await gzip(hello);
  const { json } = await kloadJson([HELLO]);
  assertEquals(json.bytesRead, 0x3028);
  await withFile("kernel", packed, async (path) => {
    assertEquals((await kloadJson([path])).json, { ...json, name: path, format: "gzip" });
  });
  const fromStdin = { ...json, name: "standard input" };
  assertEquals((await kloadJson(["-"], { stdin: hello })).json, fromStdin);
  assertEquals((await kloadJson(["-"], { stdin: packed })).json, { ...fromStdin, format: "gzip" });
});

Deno.test("--quiet prints nothing, and leaves JSON as it is", async () => {
  assertEquals(await kload([HELLO, "--quiet"]), { status: 0, stdout: "", stderr: "" });
  assertEquals(await kloadJson([HELLO, "--quiet"]), await kloadJson([HELLO]));
});

Deno.test("--kernel-base moves a position-independent kernel", async () => {
  const { json } = await kloadJson([pathOf("examples/hello/hello-pie.elf"), "--kernel-base", "0xffffffff80000000"]);
  assertEquals([json.virtualAddressOffset, json.entryPoint], ["0xffffffff80000000", "0xffffffff800001d0"]);
  assertEquals(json.results.relocate.counts, { R_X86_64_RELATIVE: 5 });
});

Deno.test("the dump is the memory from its base to the next free frame", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/memory.bin`;
    await Deno.writeFile(path, new Uint8Array(2 ** 23).fill(0xee));
    const permissions = [...ONLY_HELLO.permissions, `--allow-read=${folder}`, `--allow-write=${folder}`];
    const flags = ["--dump", path, "--memory-base", "1M", "--kernel-offset", "0x123000"];
    const { status, stderr } = await kload([HELLO, ...flags, "--quiet"], { ...ONLY_HELLO, permissions });
    assertEquals([status, stderr], [0, ""]);
    const kernel = await loadKernel(hello, { memory: { base: 2 ** 20 }, kernelOffset: 0x12_3000 });
    assertEquals(await Deno.readFile(path), kernel.memory.bytes(2 ** 20, kernel.nextFrame - 2 ** 20));
  });
});

const UNWRITABLE: readonly (readonly [string, (folder: string) => string, readonly string[]])[] = [
  ["into a folder that is not there", (folder) => `${folder}/nowhere/memory.bin`, ["-A"]],
  ["in place of a folder", (folder) => folder, ["-A"]],
  ["without the permission", (folder) => `${folder}/memory.bin`, ["--allow-read"]],
];

for (const [how, path, permissions] of UNWRITABLE) {
  Deno.test(`a dump ${how} fails, and there is no report`, async () => {
    await withFolder(async (folder) => {
      const { status, stdout, stderr } = await kload([HELLO, "--dump", path(folder)], { permissions });
      assertEquals([status, stdout], [1, ""]);
      assertMatch(stderr, /^error\[dump-failed\]: Cannot write the dump /);
    });
  });
}

Deno.test("a dump does not overwrite the kernel that it comes from", async () => {
  await withFile("kernel.elf", hello, async (path, folder) => {
    if (POSIX) await Deno.link(path, `${folder}/other.elf`);
    const { status, stderr } = await kload(["kernel.elf", "--dump", POSIX ? "other.elf" : "kernel.elf"], {
      cwd: folder,
    });
    assertEquals(status, 1);
    assertStringIncludes(stderr, "it is the kernel file\nhint: Give --dump the path of another file.\n");
    assertEquals(await Deno.readFile(path), hello);
  });
});

const USAGE: readonly (readonly [readonly string[], string])[] = [
  [[HELLO, "--frobnicate"], "--frobnicate"],
  [[HELLO, "--dump", "-"], "--dump -"],
  [[HELLO, "--kernel-offset", "12zz"], "--kernel-offset 12zz"],
  [[HELLO, "--kernel-offset", "1M", "--memory-base", "2M"], "--kernel-offset"],
  [[HELLO, "--level4-frame", "2M"], "--level4-frame"],
  [[HELLO, "--max-memory", "1M", "--memory-size", "2M"], "--max-memory"],
  [["load"], "FILE"],
  [[HELLO, "second"], "second"],
];

for (const [args, name] of USAGE) {
  Deno.test(`wrong usage names ${name} and exits with 2, also in JSON`, async () => {
    const { status, stdout, stderr } = await kload(args);
    assertEquals([status, stdout], [2, ""]);
    assert(stderr.split("\n")[0].includes(name), stderr);
    const asked = await kloadJson(args);
    assertEquals([asked.status, asked.json.error.code], [2, "usage"]);
    assertEquals(Object.keys(asked.json), ["version", "error"]);
  });
}

Deno.test("a refusal names code, hint, and the rule set that would accept the file", async () => {
  await withFile("odd.elf", ODDLY_ALIGNED, async (path) => {
    const { status, stdout, stderr } = await kload([path]);
    assertEquals([status, stdout], [1, ""]);
    const [verdict, error, , hint, ...notes] = stderr.trimEnd().split("\n");
    assertEquals(verdict, `${path}: not loaded`);
    assertMatch(error, /^error\[alignment-invalid\]: Cannot load program header 0: p_align is 0x3, /);
    assertMatch(hint, /^hint: /);
    assert(notes.includes("note: --rules bootloader-0.10 would accept this file"), stderr);
    for (const source of [[path], ["-"]]) {
      const { json } = await kloadJson(source, { stdin: ODDLY_ALIGNED });
      assertEquals([json.error.code, json.error.acceptedBy[0]], ["alignment-invalid", "bootloader-0.10"]);
      assertEquals(json.error.detail, { index: 0, field: "p_align", value: "0x3" });
    }
    const packed = await gzip(ODDLY_ALIGNED);
    assertEquals((await kloadJson(["-"], { stdin: packed })).json.error.acceptedBy[0], "bootloader-0.10");
  });
});

Deno.test("a file that is not ELF is named, and other rule sets are not mentioned", async () => {
  const { status, stderr } = await kload([pathOf("deno.json")]);
  assertEquals(status, 1);
  assertStringIncludes(stderr, "deno.json: not loaded\nerror[not-elf]: Cannot load the file, which is not ELF: text");
  assert(!stderr.includes("note:"), stderr);
  const { json } = await kloadJson([pathOf("deno.json"), "--rules", "bootloader-0.10"]);
  assertEquals(json.error.acceptedBy, []);
});

for (const option of [["--kernel-base", "0x1000"], ["--max-memory", "64K"], ["--memory-size", "1M"]]) {
  Deno.test(`rule sets are not mentioned if ${option[0]} is what is refused`, async () => {
    const { status, stderr } = await kload([HELLO, ...option]);
    assertEquals(status, 1);
    assert(!stderr.includes("rule set"), stderr);
    assert(!("acceptedBy" in (await kloadJson([HELLO, ...option])).json.error));
  });
}

const UNREADABLE: readonly (readonly [string, string, readonly string[], string])[] = [
  ["that is not there", "nowhere.elf", ["-A"], ""],
  ["that is a folder", ".", ["-A"], POSIX ? "it is a directory" : ""],
  ["without the permission", "my kernel.elf", [], "hint: Give Deno the permission:\n  --allow-read='my kernel.elf'\n"],
  // Deno splits the value at commas.
  ["without the permission, and with a comma", "a,b.elf", [], "hint: Give Deno the permission:\n  --allow-read\n"],
  ["that a file URL names", "file:///a%20b.elf", [], "hint: Give Deno the permission:\n  --allow-read='/a b.elf'\n"],
  ["by a name with control characters", "\x1b[31m.elf", ["-A"], "Cannot read \\u001b[31m.elf"],
];

for (const [what, name, permissions, text] of UNREADABLE) {
  Deno.test(`a file ${what} cannot be read, and rule sets are not mentioned`, async () => {
    await withFolder(async (cwd) => {
      const { status, stdout, stderr } = await kload([name], { permissions, cwd });
      assertEquals([status, stdout], [1, ""]);
      assertMatch(stderr, /^error\[source-failed\]: Cannot read /);
      assertStringIncludes(stderr, text);
      assert(!stderr.includes("rule set"), stderr);
    });
  });
}

Deno.test("gzip that is cut off or damaged fails as a source", async () => {
  const packed = await gzip(hello);
  const damaged = packed.slice();
  damaged[damaged.length - 5] ^= 1;
  for (const bytes of [packed.slice(0, packed.length >> 1), packed.slice(0, -4), damaged]) {
    const { status, json } = await kloadJson(["-"], { stdin: bytes });
    assertEquals([status, json.error.code], [1, "source-failed"]);
  }
});

Deno.test("a bomb costs neither time nor memory", async () => {
  const bomb = await gzip(new Uint8Array(2 ** 26));
  const { status, json } = await kloadJson(["-"], { stdin: bomb });
  assertEquals([status, json.error.code, json.error.acceptedBy], [1, "not-elf", []]);
});

Deno.test({
  name: "a named pipe is read once, also for the note on other rule sets",
  ignore: !POSIX,
  fn: async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/pipe`;
      await new Deno.Command("mkfifo", { args: [path] }).output();
      const run = kloadJson([path]);
      await Deno.writeFile(path, ODDLY_ALIGNED);
      assertEquals((await run).json.error.acceptedBy[0], "bootloader-0.10");
    });
  },
});

Deno.test("a reader that goes away is no error", async () => {
  const child = start([pathOf("tests/fixtures/original/corpus/hdr-phnum-600-loads.elf"), "--json"]);
  await child.stdout.cancel();
  const { code } = await child.status;
  assertEquals([code, await new Response(child.stderr).text()], [0, ""]);
});

Deno.test({
  name: "a link to a kernel loads with the permission to read the link alone",
  ignore: Deno.build.os === "windows", // where making links takes rights of its own
  fn: () =>
    withFolder(async (folder) => {
      await Deno.symlink(HELLO, `${folder}/link.elf`);
      const permissions = [`--allow-read=${folder}/link.elf`];
      const { status, stderr } = await kload(["load", `${folder}/link.elf`, "--quiet"], { permissions });
      assertEquals([status, stderr], [0, ""]);
    }),
});
