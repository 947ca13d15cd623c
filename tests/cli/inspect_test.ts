import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { buildElf } from "../elf_builder.ts";
import { gzip, HELLO, kload, kloadJson, ONLY_HELLO, pathOf, withFile } from "./kload.ts";

const hello = await Deno.readFile(HELLO);
const AARCH64 = buildElf({ header: { e_machine: 183 }, segments: [{ filesz: 0x100 }] });

Deno.test("inspect shows the headers and reads nothing after them", async () => {
  const cut = hello.slice(0, 64 + 5 * 56);
  const { status, stdout, stderr } = await kload(["inspect", "-"], { stdin: cut, permissions: [] });
  assertEquals([status, stderr], [0, ""]);
  assertStringIncludes(stdout, "standard input: ELF64 EXEC x86-64, nothing in its headers to refuse\n");
  assertStringIncludes(stdout, "bytes read       344\n");
  assertStringIncludes(stdout, "3  TLS        R--    0x3000..0x3010  0xffffffff80002000..0xffffffff80002038  0x40");
  assertStringIncludes(stdout, "p_paddr 0x200000");
});

Deno.test("inspect takes a file, with the permission for it, and gzip", async () => {
  const { json } = await kloadJson(["inspect", HELLO], ONLY_HELLO);
  assertEquals([json.bytesRead, json.programHeaders.length, json.objection], [344, 5, null]);
  assertEquals((await kloadJson(["inspect", "-"], { stdin: await gzip(hello) })).json, {
    ...json,
    name: "standard input",
  });
});

Deno.test("inspect shows a file of another machine, and what the default rules object to", async () => {
  await withFile("other.elf", AARCH64, async (path) => {
    const { status, stdout } = await kload(["inspect", path]);
    assertEquals(status, 0);
    assertStringIncludes(stdout, "ELF64 EXEC AArch64, refused by the default rules\n");
    assertStringIncludes(stdout, "refused[machine-unsupported]");
    assertEquals((await kloadJson(["inspect", path])).json.objection.code, "machine-unsupported");
  });
});

const OBJECTIONS: readonly (readonly [string, string])[] = [
  ["hdr-elf32-well-formed.elf", "class-unsupported"],
  ["hdr-type-rel.elf", "type-unsupported"],
  ["hdr-phnum-0.elf", "no-load-segment"],
  ["bss-overlaps-next-segment.elf", "segments-overlap"],
];

for (const [name, code] of OBJECTIONS) {
  Deno.test(`inspect finds ${code} in the headers of ${name}`, async () => {
    const { status, json } = await kloadJson(["inspect", pathOf(`tests/fixtures/original/corpus/${name}`)]);
    assertEquals([status, json.objection?.code], [0, code]);
  });
}

Deno.test("inspect tells what the default rules remark on", async () => {
  const bytes = buildElf({ header: { e_entry: 0x1234n }, segments: [{ filesz: 0x100 }] });
  const { json } = await kloadJson(["inspect", "-"], { stdin: bytes });
  // deno-lint-ignore no-explicit-any
  assertEquals(json.diagnostics.map(({ code }: any) => code), ["entry-not-executable"]);
});

Deno.test("inspect --strict exits with 1 for an objection or a warning, and the report stays the same", async () => {
  const warned = buildElf({ header: { e_entry: 0x1234n }, segments: [{ filesz: 0x100 }] });
  for (const [stdin, expected] of [[hello, 0], [AARCH64, 1], [warned, 1]] as const) {
    const lax = await kload(["inspect", "-"], { stdin });
    const strict = await kload(["inspect", "-", "--strict"], { stdin });
    assertEquals([lax.status, strict], [0, { ...lax, status: expected }]);
  }
});

Deno.test("inspect refuses what has no headers", async () => {
  const { status, stdout, stderr } = await kload(["inspect", pathOf("deno.json")]);
  assertEquals([status, stdout], [1, ""]);
  assertStringIncludes(stderr, "deno.json: headers not read\nerror[not-elf]");
  assertEquals(await kload(["inspect", HELLO, "--quiet"]), { status: 0, stdout: "", stderr: "" });
  const usage = await kload(["inspect"]);
  assert(usage.status === 2 && usage.stderr.includes("Cannot run kload inspect"));
});
