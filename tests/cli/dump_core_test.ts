import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { HELLO, kload, kloadJson, pathOf, withFile, withFolder } from "./kload.ts";

const PIE = pathOf("examples/hello/hello-pie.elf");

/** Runs the line of a report that starts gdb, as it stands but in batch mode, with more commands. */
async function gdb(report: string, ...commands: string[]): Promise<string> {
  const [line, more] = [...report.matchAll(/^ {4}gdb (.*)$/gm)].map(([, line]) => line);
  assertEquals(more, undefined);
  const added = commands.map((command) => ` -ex '${command}'`).join("");
  return await runTool("sh", ["-c", `gdb -nx -batch ${line}${added}`]);
}

testWithTools(["gdb"], "dump --core writes a file that gdb opens the way the report says", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/hello's core`;
    const { status, stdout, stderr } = await kload(["dump", "--core", HELLO, "-o", path]);
    assertEquals([status, stderr], [0, ""]);
    const text = await gdb(stdout, "info registers rip", "x/i $rip");
    assertMatch(text, /rip +0xffffffff80000000 +0xffffffff80000000 <_start>/);
    assertMatch(text, /=> 0xffffffff80000000 <_start>:\s+xor +%ebp,%ebp/); // start.S
  });
});

for (const base of ["0xffffffff80000000", "0xffff800000000000"]) {
  testWithTools(["gdb"], `gdb finds the symbols of a kernel that was moved to ${base}`, async () => {
    await withFile("my kernel.elf", await Deno.readFile(PIE), async (kernel, folder) => {
      const args = ["dump", "--core", kernel, "-o", `${folder}/kernel.core`, "--kernel-base", base];
      const { status, stdout } = await kload(args);
      assertEquals(status, 0);
      const text = await gdb(stdout, "x/i $rip", "info line kernel_main", "print &kernel_main");
      const entry = (BigInt(base) + 0x1d0n).toString(16); // readelf: e_entry is 0x1d0
      assertMatch(text, new RegExp(`=> 0x${entry} <_start>:\\s+xor +%ebp,%ebp`));
      // nm: where kernel_main is in the file
      const [offset] = /^[0-9a-f]+(?= T kernel_main$)/m.exec(await runTool("nm", [PIE])) ?? ["0"];
      const main = (BigInt(base) + BigInt(`0x${offset}`)).toString(16);
      assertStringIncludes(text, `0x${main} <kernel_main>`);
    });
  });
}

testWithTools(["readelf"], "a core file has what the flags ask for", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/hello.core`;
    const flags = ["--stack-size", "1M", "--physical-memory=0xffff888000000000", "--identity", "--ramdisk", PIE];
    const { status, json } = await kloadJson(["dump", "--core", HELLO, "-o", path, ...flags]);
    assertEquals(status, 0);
    const text = await runTool("readelf", ["--wide", "-l", path]);
    const loads = [...text.matchAll(/LOAD +\S+ (\S+) (\S+) \S+ (\S+)/g)].map(([, virt, phys, size]) => {
      return { virt: BigInt(virt), phys: BigInt(phys), size: Number(size) };
    });
    assert(loads.some(({ virt, phys }) => virt === 0xffff_8880_0000_0000n && phys === 0n));
    assert(loads.some(({ virt, phys }) => virt === 0n && phys === 0n));
    const rsp = BigInt(json.rsp);
    const stack = loads.find(({ virt, size }) => rsp >= virt && rsp < virt + BigInt(size));
    assertEquals(stack?.size, 2 ** 20);
  });
});

Deno.test("dump --core --json describes the file", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/hello.core`;
    const { status, json } = await kloadJson(["dump", "--core", HELLO, "-o", path]);
    assertEquals([status, json.core, json.rip], [0, path, "0xffffffff80000000"]);
    assertEquals([json.version, json.name], [1, HELLO]);
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
  assertStringIncludes(stderr, "Cannot dump the kernel: no dump format given");
  assertStringIncludes(stderr, "kload load --dump FILE");
});

Deno.test("the commands of the reports of dump and image take a path that starts with a dash for a path", async () => {
  await withFolder(async (folder) => {
    await Deno.copyFile(HELLO, `${folder}/-k.elf`);
    const { status, stdout } = await kload(["dump", "--core", "--output=-k.core", "--", "-k.elf"], { cwd: folder });
    assertEquals(status, 0);
    assertStringIncludes(stdout, "gdb ./-k.elf ./-k.core\n");
    const image = await kload(["image", "--output=-k.boot", "--", "-k.elf"], { cwd: folder });
    assertStringIncludes(image.stdout, "-kernel ./-k.boot\n");
  });
});
