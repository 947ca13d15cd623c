import { assert, assertEquals } from "@std/assert";
import { BUILT_IN, importBuiltIn, isBuiltIn, typesOf } from "../../cli/arguments/built_in_plugins.ts";
import { loadByPreset } from "../../cli/commands/load_by_preset.ts";
import { type AnyPlugin, LoadError, loadKernel, type RuleSetName } from "../../mod.ts";
import { presets } from "../../plugins/presets.ts";
import { answeredFiles, readOriginal } from "../original.ts";
import { byteReader } from "./byte_reader.ts";
import { pathOf } from "./kload.ts";

const RULES = Object.keys(presets) as RuleSetName[];

/** A plugin's name and claims. */
function shape({ name, handlers = [], stages = [], dependsOn = [] }: AnyPlugin): unknown {
  return {
    name,
    claims: handlers.map(({ type, phase }) => [type, phase]),
    stages: stages.map(({ stage }) => stage.name),
    dependsOn,
  };
}

for (const rules of RULES) {
  Deno.test(`without a file, the plugins of ${rules} are those of its preset, in the same order`, async () => {
    const plugins = await importBuiltIn(rules, []);
    assertEquals(plugins.map(shape), presets[rules].plugins.map(shape));
  });
}

Deno.test("the table claims what the plugins claim, and only one of them has a stage", async () => {
  for (const { name, claims, places, create } of BUILT_IN) {
    const plugin = await create();
    assertEquals(plugin.name, name);
    assertEquals(new Set(claims), new Set(plugin.handlers?.map(({ type }) => type)));
    assertEquals(places === true, (plugin.stages ?? []).length > 0, `${name} is left out of files it has a stage for`);
  }
  assertEquals([isBuiltIn("relro"), isBuiltIn("sections"), isBuiltIn(1)], [true, false, false]);
});

Deno.test("a file gets the plugins for its headers, and relocate if its addresses are not fixed", async () => {
  const namesFor = async (e_type: number, ...p_types: number[]) => {
    const plugins = await importBuiltIn("default", [], { e_type, p_types: new Set(p_types) });
    return plugins.map(({ name }) => name);
  };
  assertEquals(await namesFor(2, 1), []); // ET_EXEC with PT_LOAD alone
  assertEquals(await namesFor(2, 1, 4, 0x6474e551), ["stack", "notes"]); // PT_NOTE, PT_GNU_STACK
  assertEquals(await namesFor(2, 2), ["relocate"]); // PT_DYNAMIC
  assertEquals(await namesFor(3, 1, 0x6474e552), ["relocate", "relro"]); // ET_DYN with PT_GNU_RELRO
  const leftOut = await importBuiltIn("default", ["relocate"], { e_type: 3, p_types: new Set([2]) });
  assertEquals(leftOut, []);
});

Deno.test("every file of the corpus loads with them as with its preset's", async () => {
  const files = [
    ...answeredFiles().map(({ name }) => readOriginal(name)),
    ...["hello", "hello-pie"].map((name) => Deno.readFileSync(pathOf(`examples/hello/${name}.elf`))),
  ];
  let loaded = 0;
  for (const file of files) {
    for (const rules of RULES) {
      const outcome = (load: ReturnType<typeof loadKernel<readonly AnyPlugin[]>>) =>
        load.then(
          ({ results, diagnostics, nextFrame, entryPoint }) => ({ results, diagnostics, nextFrame, entryPoint }),
          (error) => error instanceof LoadError ? [error.code, error.detail, error.diagnostics] : Promise.reject(error),
        );
      const expected = await outcome(loadKernel(file, { rules, plugins: presets[rules].plugins }));
      assertEquals(await outcome(loadByPreset(byteReader(file), { rules })), expected);
      loaded += Array.isArray(expected) ? 0 : 1;
    }
  }
  assert(loaded > 100);
});

Deno.test("the types of headers that were read are those of the table", async () => {
  const { fileHeader, programHeaders } = await loadKernel(await Deno.readFile(pathOf("examples/hello/hello.elf")));
  // As readelf -hl prints: EXEC; LOAD, TLS, GNU_STACK
  assertEquals(typesOf({ fileHeader, programHeaders }), { e_type: 2, p_types: new Set([1, 7, 0x6474e551]) });
});
