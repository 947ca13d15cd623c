import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MACHINES } from "../../core/elf/machines.ts";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { gzip, HELLO, kload, kloadJson, ONLY_HELLO, pathOf, withFile } from "./kload.ts";

const hello = await Deno.readFile(HELLO);
const AARCH64 = buildElf({ header: { e_machine: 183 }, segments: [{ filesz: 0x100 }] });

Deno.test("inspect shows the headers, also of a file that ends after them", async () => {
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
  const { bytesRead, programHeaders, objection, format, protocols } = json;
  assertEquals([bytesRead, programHeaders.length, objection], [hello.length, 5, null]);
  assertEquals([format, protocols], ["elf", []]);
  const packed = await gzip(hello);
  const { version, name, inside, ...outer } = (await kloadJson(["inspect", "-"], { stdin: packed })).json;
  assertEquals([version, name], [1, "standard input"]);
  const description = "gzip data";
  assertEquals(outer, {
    format: "gzip",
    description,
    protocols: [],
    bytesRead: packed.length,
    objection: null,
    diagnostics: [],
  });
  assertEquals({ version, name: json.name, ...inside }, json);
});

Deno.test("inspect names what is compressed twice, and what is damaged", async () => {
  const twice = await gzip(await gzip(hello));
  const { json } = await kloadJson(["inspect", "-"], { stdin: twice });
  assertEquals([json.format, json.inside.format, json.inside.inside.format], ["gzip", "gzip", "elf"]);
  const cut = (await gzip(hello)).slice(0, 1000);
  const { status, stdout } = await kload(["inspect", "-"], { stdin: cut });
  assertEquals(status, 0);
  assertStringIncludes(stdout, "standard input: gzip data, its contents cannot be read\n");
  const found = await kloadJson(["inspect", "-"], { stdin: cut });
  assertEquals([found.json.obstacle.message, found.json.inside, found.json.bytesRead], [
    "the gzip data is truncated",
    undefined,
    1000,
  ]);
  assertEquals((await kload(["inspect", "-", "--strict"], { stdin: cut })).status, 1);
});

Deno.test("inspect reads of a regular file only what it looks at", async () => {
  const [far, length] = [0x100_0000, 0x200_0000];
  const bytes = buildElf({ segments: [{ offset: far, filesz: 0x1000 }], length });
  await withFile("sparse.elf", bytes, async (path) => {
    const { json } = await kloadJson(["inspect", path]);
    assertEquals([json.programHeaders.length, json.unread], [1, undefined]);
    assert(json.bytesRead >= 0x9000 + 0x1000 && json.bytesRead < 0x9000 + 0x3000, `${json.bytesRead} bytes`);
    const stream = await kloadJson(["inspect", "-"], { stdin: bytes });
    assertEquals(stream.json.bytesRead, far + 0x1000);
  });
});

Deno.test("inspect leaves out segments of more than 512 MiB, and says so", async () => {
  const bytes = buildElf({ segments: [{ offset: 0x1000, filesz: 0x1000 }], length: 0x2000 });
  new DataView(bytes.buffer).setBigUint64(0x40 + 32, 600n * 2n ** 20n, true); // p_filesz
  await withFile("large.elf", bytes, async (path) => {
    await Deno.truncate(path, 601 * 2 ** 20); // sparse
    const { status, json } = await kloadJson(["inspect", path]);
    assertEquals([status, json.unread, json.bytesRead], [0, ["image"], 0x9000]);
    assertStringIncludes((await kload(["inspect", path])).stdout, "not read         image: more than the 512 MiB");
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

Deno.test("inspect reads big-endian files, of 32 and 64 bits", async () => {
  const wide = new Uint8Array(0x200);
  const [view, narrow] = [new DataView(wide.buffer), new Uint8Array(0x200)];
  wide.set([0x7f, 0x45, 0x4c, 0x46, 2, 2, 1]);
  view.setUint16(16, 2); // e_type
  view.setUint16(18, 22); // e_machine: S/390
  view.setUint32(20, 1); // e_version
  view.setBigUint64(24, 0x12_3456n); // e_entry
  view.setBigUint64(32, 0x40n); // e_phoff
  view.setUint16(52, 64); // e_ehsize
  view.setUint16(54, 56); // e_phentsize
  view.setUint16(56, 1); // e_phnum
  view.setUint32(0x40, 1); // p_type
  view.setBigUint64(0x40 + 16, 0x10_0000n); // p_vaddr
  narrow.set([0x7f, 0x45, 0x4c, 0x46, 1, 2, 1]);
  new DataView(narrow.buffer).setUint16(16, 2);
  new DataView(narrow.buffer).setUint16(18, 8); // MIPS
  new DataView(narrow.buffer).setUint32(24, 0x8000_0400); // e_entry
  const { json } = await kloadJson(["inspect", "-"], { stdin: wide });
  assertEquals([json.machine, json.class, json.endian, json.fileHeader.e_entry], ["S390", "ELF64", "big", "0x123456"]);
  assertEquals([json.programHeaders[0].p_vaddr, json.programHeaders[0].type], ["0x100000", "LOAD"]);
  assertEquals(json.objection.code, "data-encoding-unsupported");
  assertStringIncludes(json.objection.message, "EI_DATA is 0x2 (big-endian, for S390)");
  const mips = (await kloadJson(["inspect", "-"], { stdin: narrow })).json;
  assertEquals([mips.machine, mips.class, mips.endian], ["MIPS", "ELF32", "big"]);
  assertEquals([mips.fileHeader.e_entry, mips.programHeaders], ["0x80000400", []]);
});

testWithTools(["readelf"], "every machine that has a name here has one in readelf", async () => {
  await withFile("machine.elf", hello, async (path) => {
    for (const [number, name] of MACHINES) {
      const bytes = hello.slice(0, 64);
      new DataView(bytes.buffer).setUint16(18, number, true);
      new DataView(bytes.buffer).setUint16(56, 0, true); // e_phnum
      new DataView(bytes.buffer).setBigUint64(40, 0n, true); // e_shoff
      new DataView(bytes.buffer).setUint16(60, 0, true); // e_shnum
      await Deno.writeFile(path, bytes);
      const machine = /Machine: +(.*)/.exec(await runTool("readelf", ["-h", path]))?.[1] ?? "";
      assert(!machine.startsWith("<unknown>"), `${number} ${name}: ${machine}`);
    }
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
  for (const [stdin, expected] of [[hello, 0], [AARCH64, 1], [warned, 1], [await gzip(AARCH64), 1]] as const) {
    const lax = await kload(["inspect", "-"], { stdin });
    const strict = await kload(["inspect", "-", "--strict"], { stdin });
    assertEquals([lax.status, strict], [0, { ...lax, status: expected }]);
  }
});

Deno.test("inspect exits with 1 for what it cannot name, even inside gzip, and for what it cannot read", async () => {
  const unknown = new Uint8Array([0x80, 1, 0, 0xff, 0xfe, 0x81, 7, 3, 2, 1]);
  for (const stdin of [unknown, await gzip(unknown)]) {
    const { status, stdout, stderr } = await kload(["inspect", "-"], { stdin });
    assertEquals([status, stderr], [1, ""]);
    assertStringIncludes(stdout, "standard input: unknown: starts with 0x800100fffe810703\n");
  }
  const missing = await kload(["inspect", "nowhere.elf"]);
  assertEquals([missing.status, missing.stdout], [1, ""]);
  assertStringIncludes(missing.stderr, "error[source-failed]");
});

Deno.test("inspect names an empty file, and one that is cut off in its file header", async () => {
  const empty = await kloadJson(["inspect", "-"], { stdin: new Uint8Array() });
  assertEquals([empty.status, empty.json.format, empty.json.bytesRead], [0, "empty", 0]);
  const cut = await kloadJson(["inspect", "-"], { stdin: hello.slice(0, 40) });
  assertEquals([cut.status, cut.json.format, cut.json.fileHeader], [0, "elf", undefined]);
  assertEquals(cut.json.objection.code, "file-too-short");
});

Deno.test("inspect prints nothing with --quiet, and needs a file", async () => {
  assertEquals(await kload(["inspect", HELLO, "--quiet"]), { status: 0, stdout: "", stderr: "" });
  const usage = await kload(["inspect"]);
  assert(usage.status === 2 && usage.stderr.includes("Cannot run kload inspect"));
});

Deno.test("a raw binary with a Multiboot header is named by it, with status 0", async () => {
  const words = Uint32Array.of(0x1bad_b002, 0x1_0000, -(0x1bad_b002 + 0x1_0000), 0x10_0000, 0x10_0000, 0, 0, 0x10_0020);
  const stdin = new Uint8Array([...new Uint8Array(words.buffer), 0xf4, 0xff, 0xfe, 0x80]);
  const { status, stdout } = await kload(["inspect", "-"], { stdin });
  assertEquals(status, 0);
  assertStringIncludes(stdout, "standard input: raw binary for Multiboot 1\n");
  assert(!stdout.includes("Perhaps file knows"), stdout);
});

Deno.test("advice on what a compressed file holds goes through a pipe, or is left out", async () => {
  await withFile("initrd.img", await gzip(new TextEncoder().encode("070701" + "0".repeat(200))), async (path) => {
    const { stdout } = await kload(["inspect", path]);
    assertStringIncludes(stdout, `\n    zcat ${path} | cpio -id\n`);
    const { stderr } = await kload(["load", path]);
    assertStringIncludes(stderr, `\n  zcat ${path} | cpio -id\n`);
  });
  await withFile("k.deb.gz", await gzip(new TextEncoder().encode("!<arch>\ndebian-binary   ")), async (path) => {
    const { stdout } = await kload(["inspect", path]);
    assertStringIncludes(stdout, "Unpack it, and use the kernel in it.\n");
    assert(!stdout.includes("dpkg-deb"), stdout);
  });
});

Deno.test("a program without an interpreter is named by the note that says which system it is for", async () => {
  const note = Uint32Array.of(4, 16, 1, 0x554e47, 0, 3, 2, 0); // "GNU", NT_GNU_ABI_TAG: Linux 3.2.0
  const data = new Uint8Array(note.buffer);
  const program = buildElf({ segments: [{ filesz: 0x100 }, { p_type: 4, offset: 0x900, p_align: 4n, data }] });
  const { stdout } = await kload(["inspect", "-"], { stdin: program });
  assert(stdout.replaceAll(/\s+/g, " ").includes("a user program for Linux 3.2.0 or later, by a note in it"), stdout);
  const loaded = await kload(["load", "-"], { stdin: program });
  assertStringIncludes(loaded.stdout, "standard input: a user program for Linux 3.2.0 or later");
});
