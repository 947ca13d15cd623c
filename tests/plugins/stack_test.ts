import { assertEquals } from "@std/assert";
import { loadKernel } from "../../mod.ts";
import { PF_R, PF_W, PF_X, PT_GNU_STACK } from "../../core/elf/constants.ts";
import { stack } from "../../plugins/stack.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { GCC_TOOLS, withProgram } from "./gcc.ts";

function segment(p_flags: number, p_memsz = 0n): SegmentSpec {
  return { p_type: PT_GNU_STACK, offset: 0, p_vaddr: 0n, p_flags, p_memsz, p_align: 16n };
}

async function load(...segments: readonly SegmentSpec[]) {
  const file = buildElf({ segments: [{ filesz: 16 }, ...segments] });
  const { results, diagnostics } = await loadKernel(file, { plugins: [stack()] });
  return [results.stack, diagnostics.map(({ code, severity, index }) => [code, severity, index])];
}

const WARNING = ["stack-executable", "warning", 1];

Deno.test("stack flags an executable stack and gives the size that is asked for", async () => {
  assertEquals(await load(), [undefined, []]);
  assertEquals(await load(segment(PF_R | PF_W)), [{ executable: false }, []]);
  assertEquals(await load(segment(PF_R | PF_W, 0x4000n)), [{ executable: false, sizeHint: 0x4000n }, []]);
  assertEquals(await load(segment(PF_R | PF_W | PF_X)), [{ executable: true }, [WARNING]]);
  // A size is a request; nothing of it is allocated.
  assertEquals(await load(segment(PF_R, 1n << 46n)), [{ executable: false, sizeHint: 1n << 46n }, []]);
});

Deno.test("stack takes what several headers ask for together", async () => {
  const both = [segment(PF_R | PF_X, 0x4000n), segment(PF_R)];
  assertEquals(await load(...both), [{ executable: true, sizeHint: 0x4000n }, [WARNING]]);
});

for (
  const [option, executable, sizeHint] of [["execstack", true, undefined], ["noexecstack", false, 0x8000n]] as const
) {
  testWithTools(GCC_TOOLS, `stack says of ld -z ${option} what readelf -l does`, async () => {
    const size = sizeHint === undefined ? "" : `,-z,stack-size=${sizeHint}`;
    await withProgram({ flags: ["-static", `-Wl,-z,${option}${size}`] }, async (path) => {
      const row = /GNU_STACK +0x\w+ 0x\w+ 0x\w+ 0x\w+ (0x\w+) RW(.)/.exec(await runTool("readelf", ["-lW", path]));
      assertEquals([BigInt(row?.[1] ?? 1), row?.[2]], [sizeHint ?? 0n, executable ? "E" : " "]);
      const { results } = await loadKernel(await Deno.readFile(path), { plugins: [stack()] });
      assertEquals(results.stack, { executable, ...(sizeHint === undefined ? {} : { sizeHint }) });
    });
  });
}
