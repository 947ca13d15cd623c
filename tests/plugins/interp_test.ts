import { assert, assertEquals } from "@std/assert";
import { loadKernel } from "../../mod.ts";
import { PT_INTERP } from "../../core/elf/constants.ts";
import { interp } from "../../plugins/interp.ts";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { GCC_TOOLS, withProgram } from "./gcc.ts";

async function load(path: Uint8Array) {
  const request = { p_type: PT_INTERP, offset: 0x2000, p_vaddr: 0x40_2000n, data: path, p_align: 1n };
  const file = buildElf({ segments: [{ filesz: 16 }, request] });
  const { results, diagnostics } = await loadKernel(file, { plugins: [interp()] });
  return { path: results.interp?.path, diagnostics };
}

Deno.test("interp reads the path up to its zero byte, or to the segment's end", async () => {
  for (const text of ["/lib/ld.so\0", "/lib/ld.so", "/lib/ld.so\0junk"]) {
    const { path, diagnostics } = await load(new TextEncoder().encode(text));
    assertEquals(path, "/lib/ld.so");
    const [{ code, severity, index, addresses }] = diagnostics;
    assertEquals([code, severity, index, addresses], ["user-program", "warning", 1, [0x40_2000n]]);
  }
});

Deno.test("interp does not call a kernel of FreeBSD a user program", async () => {
  const { path, diagnostics } = await load(new TextEncoder().encode("/red/herring\0"));
  assertEquals([path, diagnostics], ["/red/herring", []]);
});

Deno.test("interp cuts an endless path", async () => {
  assertEquals((await load(new Uint8Array(100_000).fill(0x61))).path, "a".repeat(4096));
});

Deno.test("interp writes no control characters of the file's into its message", async () => {
  const { diagnostics } = await load(new TextEncoder().encode("\x1b[31m\n\0"));
  const { message } = diagnostics[0];
  assert(![...message].some((letter) => letter < " "), message);
});

testWithTools(GCC_TOOLS, "interp names the dynamic linker that readelf -l names", async () => {
  await withProgram({ flags: ["-pie", "-fPIE", "-Wl,-dynamic-linker,/lib64/ld-kload.so.7"] }, async (path) => {
    const printed = /Requesting program interpreter: (.*)\]/.exec(await runTool("readelf", ["-lW", path]))?.[1];
    const { results, diagnostics } = await loadKernel(await Deno.readFile(path), { plugins: [interp()] });
    assertEquals(printed, "/lib64/ld-kload.so.7");
    assertEquals(results.interp, { path: printed! });
    assert(diagnostics.some(({ code }) => code === "user-program"));
  });
});
