/** `kload check` as a command: what it reads, prints and writes, and its exit status. */

import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { checkRequest } from "../../cli/arguments/check_options.ts";
import { LOADER_NAMES } from "../../cli/arguments/check_commands.ts";
import { COMMANDS } from "../../cli/arguments/command_table.ts";
import { parseArguments } from "../../cli/arguments/parse_arguments.ts";
import { CliError } from "../../cli/output/cli_error.ts";
import { LOADERS } from "../../loaders/all_loaders.ts";
import { buildElf } from "../elf_builder.ts";
import { gzip, HELLO, kload, kloadJson, ONLY_HELLO, pathOf, start, withFile, withFolder } from "./kload.ts";

const OBJECT = pathOf("tests/fixtures/field/object.o");
const TEXT = { offset: 0x1000, filesz: 0x200, p_vaddr: 0xffff_ffff_8000_0000n };

/** A kernel that loads, with one field that can be mended. */
const UNALIGNED = buildElf({
  header: { e_entry: 0xffff_ffff_8000_0000n },
  segments: [{ ...TEXT, p_align: 0n }],
});

const request = (line: string) => checkRequest(parseArguments(COMMANDS.check, ["FILE", ...line.split(" ")]));

Deno.test("the flags know every loader, in the order of reports", () => {
  assertEquals(
    LOADER_NAMES.filter((name) => LOADERS.some((loader) => loader.name === name)),
    LOADERS.map(({ name }) => name),
  );
});

Deno.test("--for takes names in any number and form, each once", () => {
  assertEquals(request("-q").loaders, undefined);
  assertEquals(request("--for limine-8").loaders, ["limine-8"]);
  assertEquals(request("--for limine-8,kload --for openvmm,limine-8").loaders, ["limine-8", "kload", "openvmm"]);
  const { hint, detail } = assertThrows(() => request("--for grub-multiboot3"), CliError, "must be one of kload, ");
  assertEquals([hint, detail.flag], ["Did you mean --for grub-multiboot?", "for"]);
  assertThrows(() => request("--for kload,"), CliError, `Cannot use --for "": it must be one of`);
});

Deno.test("memory, base, limit and severity are read as elsewhere", () => {
  const { memory, kernelBase, maxMemory, failOn } = request(
    "--memory 1GiB --kernel-base 0xffffffff80000000 --max-memory 64K --fail-on never",
  );
  assertEquals([memory, kernelBase, maxMemory, failOn], [2 ** 30, 0xffff_ffff_8000_0000n, 65536, "never"]);
  assertEquals(request("--strict").failOn, "warning");
  assertEquals(request("-v").failOn, "error");
  assertThrows(() => request("--memory 1023K"), CliError, "must be at least 1048576");
  assertThrows(() => request("--fail-on info"), CliError, "must be one of error, warning, never");
  assertThrows(() => request("--strict --fail-on error"), CliError, "already");
});

Deno.test("--json and --sarif exclude each other, and so do -o and no --fix, --fix and no -o", () => {
  assertThrows(() => request("--json --sarif"), CliError, "Cannot use --sarif: --json was already given");
  assertThrows(() => request("-o fixed.elf"), CliError, "without --fix, nothing is written");
  assertThrows(() => request("--fix"), CliError, "no -o FILE given");
  assertThrows(() => request("--fix -o -"), CliError, "cannot be written to standard output");
  assertEquals(request("--fix -o fixed.elf").fixTo, "fixed.elf");
});

Deno.test("a kernel that loads is fit for kload, with status 0 and its permission alone", async () => {
  const { status, stdout, stderr } = await kload(["check", "examples/hello/hello.elf"], ONLY_HELLO);
  assertEquals([status, stderr], [0, ""]);
  const [first] = stdout.split("\n");
  assert(first.startsWith("examples/hello/hello.elf: kload loads and enters it, "), first);
  assertMatch(stdout, /^ {2}kload +yes +loads and enters it$/m);
});

Deno.test("a file that no loader takes has status 1, unless it never fails", async () => {
  const { status, stdout, stderr } = await kload(["check", OBJECT, "--for", "kload"]);
  assertEquals([status, stderr], [1, ""]);
  assertStringIncludes(stdout, "\nWhy kload refuses it\n  error[type-unsupported]: ");
  assertStringIncludes(stdout, "hint: It is a relocatable object (.o): link it first.\n");
  assertEquals((await kload(["check", OBJECT, "--for", "kload", "--fail-on", "never"])).status, 0);
  assertEquals(await kload(["check", OBJECT, "--for", "kload", "-q"]), { status: 1, stdout: "", stderr: "" });
});

Deno.test("--json has a verdict for each loader that is asked", async () => {
  const { status, json } = await kloadJson(["check", OBJECT, "--for", "bootloader-0.11,kload"]);
  assertEquals([status, json.version, json.name], [1, 1, OBJECT]);
  // deno-lint-ignore no-explicit-any
  assertEquals(json.verdicts.map(({ loader, intended, outcome }: any) => [loader, intended, outcome]), [
    ["kload", true, "refuses"],
    ["bootloader-0.11", true, "refuses"],
  ]);
  const [{ rule, message, hint, offset }] = json.verdicts;
  assertEquals([rule, offset], ["type-unsupported", 0x10]);
  assert(message.includes("e_type") && hint.includes("link it first"));
});

Deno.test("--sarif prints the log alone", async () => {
  const { status, stdout, stderr } = await kload(["check", OBJECT, "--for", "kload", "--sarif"]);
  assertEquals([status, stderr], [1, ""]);
  const [{ ruleId, locations, properties }] = JSON.parse(stdout).runs[0].results;
  assertEquals([ruleId, properties.loader], ["type-unsupported", "kload"]);
  assertEquals(locations[0].physicalLocation.region.byteOffset, 16);
});

Deno.test("what cannot be read is an error, as with other commands", async () => {
  const missing = await kload(["check", "nowhere.elf"]);
  assertEquals([missing.status, missing.stdout], [1, ""]);
  assertStringIncludes(missing.stderr, "error[source-failed]: Cannot read nowhere.elf: ");
  const [cwd, path] = [pathOf("."), "examples/hello/hello.elf"];
  const denied = await kload(["check", path], { cwd, permissions: [] });
  assertStringIncludes(denied.stderr, `hint: Give Deno the permission:\n  --allow-read=${path}\n`);
  const { status, json } = await kloadJson(["check", HELLO, "--max-memory", "100"]);
  assertEquals([status, json.error.code], [1, "memory-limit-exceeded"]);
});

Deno.test("a large file is read only where something is needed of it", async () => {
  await withFile("large.elf", await Deno.readFile(HELLO), async (path) => {
    await Deno.truncate(path, 2 ** 43);
    const { status, json } = await kloadJson(["check", path, "--for", "kload"]);
    assertEquals([status, json.verdicts[0].outcome], [0, "boots"]);
  });
});

Deno.test("a stream is read no further than to the last byte that is needed", async () => {
  const child = start(["check", "-", "--for", "kload"], { stdin: new ReadableStream() });
  const writer = child.stdin.getWriter();
  await writer.write(await Deno.readFile(HELLO)); // and no end
  const { code, stdout } = await child.output();
  assertEquals(code, 0);
  assertStringIncludes(new TextDecoder().decode(stdout), "standard input: kload loads and enters it");
  await writer.close().catch(() => {});
});

Deno.test("--fix writes a fixed copy, says what it changed, and checks that; the input stays as it is", async () => {
  await withFile("kernel.elf", UNALIGNED, async (path, folder) => {
    const fixed = `${folder}/fixed.elf`;
    const { status, stdout, stderr } = await kload([
      "check",
      "kernel.elf",
      "--for",
      "kload",
      "--fix",
      "-o",
      "fixed.elf",
    ], {
      cwd: folder,
    });
    assertEquals([status, stderr], [0, ""]);
    assertEquals(
      stdout,
      `fixed.elf: kernel.elf with 1 field fixed
  fixed[align-zero-only]: Program header 0, file offset 0x70: p_align is 0, which Limine 8
    refuses; p_vaddr and p_offset are congruent modulo 4096 already. The bytes 0000000000000000
    became 0010000000000000.

fixed.elf: kload loads and enters it, no errors or warnings
  boot protocol  none recognized

Loaders
  loader  intended  verdict
  kload   yes       loads and enters it
`,
    );
    assertEquals(await Deno.readFile(path), UNALIGNED);
    const mended = await Deno.readFile(fixed);
    assertEquals([...mended.keys()].filter((at) => mended[at] !== UNALIGNED[at]), [0x71]);
    const again = await kloadJson(["check", fixed, "--for", "kload", "--fix", "-o", `${folder}/same.elf`]);
    assertEquals(again.json.fix, { output: `${folder}/same.elf`, changes: [] });
    assertEquals(await Deno.readFile(`${folder}/same.elf`), mended);
  });
});

Deno.test("--fix --json has the changes, and the verdicts on the fixed file; standard input can be fixed too", async () => {
  await withFolder(async (folder) => {
    const args = ["check", "-", "--for", "kload", "--fix", "-o", `${folder}/fixed.elf`];
    const { status, json } = await kloadJson(args, { stdin: UNALIGNED });
    assertEquals(status, 0);
    assertEquals(json.fix.output, `${folder}/fixed.elf`);
    const [{ why, ...change }] = json.fix.changes;
    assert(why.includes("Limine"));
    assertEquals(change, {
      ...{ rule: "align-zero-only", index: 0, offset: 0x70 },
      ...{ before: "0000000000000000", after: "0010000000000000" },
    });
    assertEquals((await Deno.readFile(`${folder}/fixed.elf`)).length, UNALIGNED.length);
  });
});

Deno.test("--fix never replaces the file that it reads, and leaves nothing behind if it cannot write", async () => {
  await withFile("kernel.elf", UNALIGNED, async (path, folder) => {
    for (const target of [path, `${folder}/../${folder.split("/").at(-1)}/kernel.elf`]) {
      const { status, stderr } = await kload(["check", path, "--fix", "-o", target]);
      assertEquals(status, 1);
      assertStringIncludes(stderr, "error[fix-failed]: ");
      assertStringIncludes(stderr, "it is the kernel file");
    }
    assertEquals(await Deno.readFile(path), UNALIGNED);
    const { status, json } = await kloadJson(["check", path, "--fix", "-o", `${folder}/none/fixed.elf`]);
    assertEquals([status, json.error.code], [1, "fix-failed"]);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["kernel.elf"]);
    const { json: onFolder } = await kloadJson(["check", path, "--fix", "-o", folder]);
    assertEquals(onFolder.error.hint, "The kernel was read; give --output a writable path.");
  });
});

Deno.test("a compressed kernel is fixed and written unpacked", async () => {
  await withFile("kernel.elf.gz", await gzip(UNALIGNED), async (path, folder) => {
    const { status, json } = await kloadJson(["check", path, "--for", "kload", "--fix", "-o", `${folder}/fixed.elf`]);
    assertEquals([status, json.fix.changes.length], [0, 1]);
    const mended = await Deno.readFile(`${folder}/fixed.elf`);
    assertEquals([...mended.keys()].filter((at) => mended[at] !== UNALIGNED[at]), [0x71]);
    const { json: packed } = await kloadJson(["check", path, "--for", "kload"]);
    assertEquals([packed.format, packed.inside.format, packed.verdicts[0].unpacked], ["gzip", "elf", ["gzip"]]);
  });
});
