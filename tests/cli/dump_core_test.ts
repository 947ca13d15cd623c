import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { HELLO, kload, kloadJson, withFile, withFolder } from "./kload.ts";

testWithTools(["gdb"], "dump --core writes a file that gdb opens the way the report says", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/hello.core`;
    const { status, stdout, stderr } = await kload(["dump", "--core", HELLO, "-o", path]);
    assertEquals([status, stderr], [0, ""]);
    const [, line] = /open it with +gdb (.*)\n/.exec(stdout) ?? [];
    assertEquals(line, `${HELLO} ${path}`);
    const commands = ["-ex", "info registers rip", "-ex", "x/i $rip"];
    const text = await runTool("gdb", ["-nx", "-batch", ...commands, ...line.split(" ")]);
    assertMatch(text, /rip +0xffffffff80000000 +0xffffffff80000000 <_start>/);
    assertMatch(text, /=> 0xffffffff80000000 <_start>:\s+xor +%ebp,%ebp/); // start.S
  });
});

Deno.test("dump --core --json tells of the file", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/hello.core`;
    const { status, json } = await kloadJson(["dump", "--core", HELLO, "-o", path]);
    assertEquals([status, json.core, json.rip], [0, path, "0xffffffff80000000"]);
    assertEquals((await Deno.stat(path)).size, json.size);
  });
});

Deno.test("dump --core writes no zeros for .bss where the file can have holes", async () => {
  const segments = [{ p_vaddr: 0xffffffff_80000000n, filesz: 0x100, p_memsz: 2n ** 28n, p_flags: 7 }];
  const kernel = buildElf({ header: { e_entry: 0xffffffff_80000000n }, segments });
  await withFile("kernel.elf", kernel, async (path, folder) => {
    assertEquals((await kload(["dump", "--core", path, "-o", `${folder}/core`, "--quiet"])).status, 0);
    const { size, blocks } = await Deno.stat(`${folder}/core`);
    assert(size > 2 ** 28);
    if (blocks !== null) assert(blocks * 512 < 2 ** 23, `${blocks} blocks`);
  });
});

Deno.test("dump without --core is wrong usage", async () => {
  const { status, stderr } = await kload(["dump", HELLO, "-o", "x"]);
  assertEquals(status, 2);
  assertStringIncludes(stderr, "kload load --dump FILE");
});
