import { assertEquals, assertStringIncludes } from "@std/assert";
import { buildElf } from "../elf_builder.ts";
import { HELLO, kload, kloadJson, pathOf, withFolder } from "./kload.ts";

const PIE = pathOf("examples/hello/hello-pie.elf");

const MINE = `
export const plugin = {
  name: "boot-options",
  handlers: [{
    type: 0x60000001,
    readsFile: true,
    handle: async (phdr, { fileBytes }) => ({ text: new TextDecoder().decode(await fileBytes(phdr)) }),
  }],
};
`;

const OPTIONS = {
  p_type: 0x6000_0001,
  offset: 0x2000,
  p_vaddr: 0n,
  data: new TextEncoder().encode("quiet"),
  p_align: 1n,
};

Deno.test("--plugin adds the plugin that a module exports", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/mine.ts`, MINE);
    await Deno.writeFile(`${folder}/kernel.elf`, buildElf({ segments: [{ filesz: 0x100 }, OPTIONS] }));
    const { status, json } = await kloadJson(["load", "kernel.elf", "--plugin", "./mine.ts"], { cwd: folder });
    assertEquals([status, json.results["boot-options"]], [0, { text: "quiet" }]);
    const report = await kload(["kernel.elf", "--plugin", `${folder}/mine.ts`], { cwd: folder });
    assertStringIncludes(report.stdout, "handled by boot-options");
    assertStringIncludes(report.stdout, "quiet");
  });
});

Deno.test("--no-plugin leaves a built-in plugin out, and the report no longer names it", async () => {
  const whole = await kloadJson(["load", PIE]);
  assertEquals(whole.json.results.relocate.counts, { R_X86_64_RELATIVE: 5 });
  const without = await kloadJson(["load", PIE, "--no-plugin", "relocate", "--no-plugin", "relro"]);
  assertEquals([without.status, without.json.results.relocate], [0, undefined]);
  const rules = without.json.diagnostics.map((diagnostic: { code: string }) => diagnostic.code);
  assertEquals(rules.includes("relocations-unapplied"), true);
});

Deno.test("a plugin that cannot be used is wrong usage or a failed source, and says which", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/mine.ts`, MINE);
    await Deno.writeTextFile(`${folder}/empty.ts`, "export const other = 1;\n");
    await Deno.writeTextFile(`${folder}/broken.ts`, "throw new Error('half done');\n");
    const cases: readonly [readonly string[], number, string][] = [
      [["--no-plugin", "relocat"], 2, "relocate"],
      [["--plugin", "./empty.ts"], 2, "does not export an object named plugin"],
      [["--plugin", "./broken.ts"], 1, "half done"],
      [["--plugin", "./missing.ts"], 1, "missing.ts"],
      [["--plugin", "./mine.ts", "--plugin", "./mine.ts"], 2, "boot-options"],
      [["--plugin", ""], 2, "--plugin"],
    ];
    for (const [flags, status, text] of cases) {
      const run = await kload(["load", HELLO, ...flags], { cwd: folder });
      assertEquals([run.status, run.stdout], [status, ""], run.stderr);
      assertStringIncludes(run.stderr, text);
    }
  });
});

Deno.test("kload plugins lists the plugins of a rule set with what they claim", async () => {
  const { json } = await kloadJson(["plugins"]);
  const relro = json.plugins.find(({ name }: { name: string }) => name === "relro");
  assertEquals(relro, {
    name: "relro",
    builtIn: true,
    claims: [{ type: "GNU_RELRO", machine: null, phase: "seal" }],
    stages: [],
    dependsOn: [],
  });
  assertEquals((await kloadJson(["plugins", "--rules", "bootloader-0.10"])).json.plugins, []);
  const report = await kload(["plugins", "--no-plugin", "relro"]);
  assertStringIncludes(report.stdout, "place before sanity-check");
  assertEquals(report.stdout.includes("relro"), false);
  assertEquals((await kload(["plugins", HELLO])).status, 2);
});
