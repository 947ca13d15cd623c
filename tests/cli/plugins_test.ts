import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { importPlugin } from "../../cli/arguments/import_plugin.ts";
import { COMMANDS } from "../../cli/arguments/command_table.ts";
import { commandHelp } from "../../cli/arguments/help.ts";
import { clashHint } from "../../cli/arguments/plugin_choice.ts";
import { unresolvedImport } from "../../cli/arguments/unresolved_import.ts";
import { CliError } from "../../cli/output/cli_error.ts";
import { flagHint } from "../../cli/report/flag_hints.ts";
import { pluginDiagnostics, presets } from "../../plugins/presets.ts";
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
      [["--no-plugin", "foo"], 2, "hint: kload plugins lists the built-in plugins."],
      [["--no-plugin", "sections"], 2, "Cannot leave out sections: it is not on by default\nhint: "],
      [["--plugin", "./empty.ts"], 2, "it has no export named plugin"],
      [["--plugin", "./broken.ts"], 1, "half done"],
      [["--plugin", "./missing.ts"], 1, "missing.ts"],
      [["--plugin", "./mine.ts", "--plugin", "mine.ts"], 2, "mine.ts: ./mine.ts has a plugin with the same name"],
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
  assertEquals(await kload(["plugins", "-q"]), { status: 0, stdout: "", stderr: "" });
  assertEquals((await kload(["plugins", HELLO])).status, 2);
});

Deno.test("kload plugins has a line for what each plugin claims, of at most 100 columns in a pipe", async () => {
  const { stdout } = await kload(["plugins"]);
  const lines = stdout.trimEnd().split("\n");
  for (const line of lines) assert(line.length <= 100, line);
  assertEquals(lines.slice(0, 5).map((line) => line.replaceAll(/ {3,}/g, " | ").trim()), [
    "Plugins of the default rules",
    "name | claims",
    "relocate  DYNAMIC (relocate)",
    "| adds the stage place before sanity-check",
    "relro | GNU_RELRO (seal)",
  ]);
});

const FAULTS: readonly (readonly [what: string, source: string, message: string, hint: string])[] = [
  ["no exports", "export {};", "it has no export named plugin", "Write: export const plugin = {"],
  ["a default export", "export default { name: 'a' };", "it has no export named plugin", "instead of the default one"],
  [
    "a plugin of another name",
    "export const mine = { name: 'a', handlers: [] };",
    "it has no export named plugin",
    "export { mine as plugin };",
  ],
  [
    "a factory",
    "const mine = () => ({ name: 'a' }); export { mine as plugin };",
    "plugin is a function, not a plugin",
    "export const plugin = mine();",
  ],
  [
    "a factory that is called plugin",
    "export function plugin() { return { name: 'a' }; }",
    "plugin is a function, not a plugin",
    "export const plugin = mine();",
  ],
  [
    "a promise",
    "export const plugin = Promise.resolve({ name: 'a' });",
    "plugin is a promise, not a plugin",
    "export const plugin = await …;",
  ],
  ["an array", "export const plugin = [{ name: 'a' }];", "plugin is an array", "--plugin can be repeated"],
  ["null", "export const plugin = null;", "plugin is null, not an object", "Write: export const plugin = {"],
  ["a number", "export const plugin = 5;", "plugin is a number, not an object", "Write: export const plugin = {"],
  ["no name", "export const plugin = { handlers: [] };", "it has no name", '{ name: "my-first", … };'],
  [
    "a name that is not in kebab-case",
    "export const plugin = { name: 'Boot Options' };",
    'its name "Boot Options" is not in kebab-case',
    '{ name: "boot-options", … };',
  ],
];

for (const [what, source, message, hint] of FAULTS) {
  Deno.test(`a plugin's module with ${what} is refused with what to write`, async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/MyFirst.ts`;
      await Deno.writeTextFile(path, source);
      const error = await assertRejects(() => importPlugin(path), CliError);
      assertEquals([error.code, error.message], ["usage", `Cannot use the plugin ${path}: ${message}`]);
      assertStringIncludes(error.hint ?? "", hint);
    });
  });
}

const BROKEN: readonly (readonly [what: string, source: string, message: RegExp])[] = [
  ["a missing import", 'import "./missing.ts";', /Module not found "\S+missing\.ts", at \S+broken\.ts:1:8$/],
  ["a missing export", 'import { b } from "./other.ts"; b;', /export named 'b' at \S+broken\.ts:1:10$/],
  ["a syntax error", "const a b;", /SyntaxError: Expected a semicolon, at \S+broken\.ts:1:9$/],
];

for (const [what, source, message] of BROKEN) {
  Deno.test(`a plugin's module with ${what} is refused with the place`, async () => {
    await withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/other.ts`, "export const a = 1;");
      await Deno.writeTextFile(`${folder}/broken.ts`, source);
      const { status, stderr } = await kload(["plugins", "--plugin", "broken.ts"], { cwd: folder });
      assertEquals(status, 1);
      assertMatch(stderr.trimEnd(), message);
      assertStringIncludes(stderr, "error[plugin-failed]: Cannot load the plugin broken.ts: ");
    });
  });
}

Deno.test("a plugin with the name of a built-in one is refused, until that is left out", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/mine.ts`, "export const plugin = { name: 'relro', handlers: [] };");
    const args = ["load", HELLO, "--plugin", "mine.ts"];
    const { status, stderr } = await kload(args, { cwd: folder });
    assertEquals(status, 2);
    assertStringIncludes(stderr, "Cannot use the plugin mine.ts: a built-in plugin is already called relro");
    assertStringIncludes(stderr, "--no-plugin relro");
    assertEquals((await kload([...args, "--no-plugin", "relro"], { cwd: folder })).status, 0);
    assertEquals((await kload([...args, "--rules", "bootloader-0.10"], { cwd: folder })).status, 0);
  });
});

Deno.test("two plugins that claim the same headers are told apart by --no-plugin", () => {
  const clash = (...plugins: string[]) => clashHint(new TypeError("Cannot use plugins", { cause: { plugins } }));
  assertEquals(clash("relro", "mine"), "Leave out a built-in plugin: --no-plugin relro");
  assertEquals(clash("mine", "relro"), "Leave out a built-in plugin: --no-plugin relro");
  assert(!clash("mine", "yours")?.includes("--no-plugin"));
  assertEquals(
    [clashHint(new TypeError("a")), clashHint(new Error("a")), clashHint(undefined)],
    Array(3).fill(undefined),
  );
});

const THROWS = `export const plugin = { name: "mine", handlers: [{ type: 0x60000001, handle: () => count(null) }] };
function count(list: null): never {
  throw new RangeError("no room for three");
}
`;

Deno.test("a throw in a plugin is reported with its name and message, and with --verbose with its stack", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/mine.ts`, THROWS);
    await Deno.writeFile(`${folder}/kernel.elf`, buildElf({ segments: [{ filesz: 0x100 }, OPTIONS] }));
    const args = ["kernel.elf", "--plugin", "mine.ts"];
    const brief = await kload(args, { cwd: folder });
    assertEquals([brief.status, brief.stdout], [1, ""]);
    assertStringIncludes(brief.stderr, "error[plugin-failed]:");
    assertStringIncludes(brief.stderr, '"mine"');
    assertStringIncludes(brief.stderr, "\ncause: no room for three\n");
    assertEquals(brief.stderr.trimEnd().split("\n").at(-1), "hint: --verbose shows the error's stack.");
    assertEquals(brief.stderr.includes("mine.ts:3"), false);
    assertEquals(brief.stderr.includes("--no-plugin"), false);
    const verbose = await kload([...args, "-v"], { cwd: folder });
    assertMatch(verbose.stderr, /\n {2}at count \(file:\/\/\S+\/mine\.ts:3:9\)\n/);
    assertEquals(verbose.stderr.includes("--verbose"), false);
    const json = await kloadJson([...args, "--verbose"], { cwd: folder });
    assertMatch(json.json.error.stack, /^at count \(file:\/\/\S+\/mine\.ts:3:9\)\n/);
    assertEquals((await kloadJson(args, { cwd: folder })).json.error.stack, undefined);
  });
});

Deno.test("--no-plugin is a hint on a failing built-in plugin alone", () => {
  const hint = (value: string) => {
    return flagHint("plugin-failed", { field: "plugin", value, index: 1 }, ["no-plugin"]);
  };
  assertEquals(hint("relro"), "--no-plugin relro leaves this built-in plugin out.");
  assertEquals([hint("mine"), hint("sections")], [undefined, undefined]);
});

Deno.test("the help of plugins says truly which built-in ones are used", () => {
  const names = (rules: "default" | "bootloader-0.10" | "bootloader-0.11") =>
    presets[rules].plugins.map(({ name }) => name);
  const unused = Object.keys(pluginDiagnostics).filter((name) => !names("default").some((used) => used === name));
  assertEquals([unused, names("bootloader-0.11"), names("bootloader-0.10")], [["sections"], ["relocate", "relro"], []]);
  assertStringIncludes(
    commandHelp(COMMANDS.plugins).replaceAll("\n", " "),
    "The default rules use all built-in plugins but sections, bootloader-0.11 uses relocate and relro, and bootloader-0.10 none.",
  );
});

Deno.test("a plugin's module that throws is reported in the same way", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/mine.ts`, "\nthrow new Error('half done');\n");
    const args = ["plugins", "--plugin", "mine.ts"];
    const { stderr } = await kload(args, { cwd: folder });
    const lines = [
      "error[plugin-failed]: Cannot load the plugin mine.ts: half done",
      "hint: --verbose shows the error's stack.\n",
    ];
    assertEquals(stderr, lines.join("\n"));
    assertMatch((await kload([...args, "--verbose"], { cwd: folder })).stderr, /\n {2}at \S+\/mine\.ts:2:7\n/);
  });
});

Deno.test("a LoadError of another copy of kload refuses the file as one of its own does", async () => {
  await withFolder(async (folder) => {
    const copy = `${new URL("../../core/errors.ts", import.meta.url)}?copy=1`;
    await Deno.writeTextFile(
      `${folder}/mine.ts`,
      `import { LoadError } from "${copy}";
       export const plugin = { name: "mine", handlers: [{ type: 0x60000001, handle: ({ p_type }) => {
         throw new LoadError("segment-type-refused", { field: "p_type", value: p_type });
       } }] };`,
    );
    await Deno.writeFile(`${folder}/kernel.elf`, buildElf({ segments: [{ filesz: 0x100 }, OPTIONS] }));
    const { status, json } = await kloadJson(["kernel.elf", "--plugin", "mine.ts"], { cwd: folder });
    const { code, detail } = json.error;
    assertEquals([status, code, detail], [1, "segment-type-refused", {
      field: "p_type",
      value: 0x6000_0001,
      index: 1,
    }]);
  });
});

const CHECKOUT = "file:///src/kload/";
const RELEASE = "https://registry.example/@kload/kload/1.0.0/";

// What Deno 2.9.6 says of an import by a bare name, and of a subpath that a package does not export
const UNRESOLVED: readonly (readonly [message: string, home: string, specifier: string, hint: string])[] = [
  [
    'Import "@kload/kload" not a dependency and not in import map from "file:///a/mine.ts"',
    CHECKOUT,
    "@kload/kload",
    'Import "file:///src/kload/mod.ts" instead, or install kload with --import-map links/import_map.json.',
  ],
  [
    'Import "@kload/kload/stages" not a dependency',
    RELEASE,
    "@kload/kload/stages",
    '"jsr:@kload/kload/stages" instead',
  ],
  ['Import "@kload/kload/stage" not a dependency', CHECKOUT, "@kload/kload/stage", '"@kload/kload/stages"?'],
  ["Unknown export './stage' for '@kload/kload@1.0.0'.", RELEASE, "@kload/kload/stage", '"@kload/kload/stages"?'],
  ['Import "@kload/kload/nothing" not a dependency', CHECKOUT, "@kload/kload/nothing", "no such module."],
  ['Import "@std/assert" not a dependency', CHECKOUT, "@std/assert", 'Import "jsr:@std/assert" instead'],
  ['Import "lodash" not a dependency', RELEASE, "lodash", '"npm:lodash" or "jsr:lodash"'],
];

for (const [message, home, specifier, hint] of UNRESOLVED) {
  Deno.test(`of ${message} the hint is ${hint}`, () => {
    const found = unresolvedImport(message, home);
    assertEquals(found?.specifier, specifier);
    assertStringIncludes(found?.hint ?? "", hint);
  });
}

Deno.test("an error that is not about an import by a bare name is left alone", () => {
  assertEquals(unresolvedImport('Module not found "file:///a/mine.ts".', CHECKOUT), undefined);
});
