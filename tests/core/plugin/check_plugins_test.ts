/** How a list of plugins is checked before the first byte, and put in order. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { AnyPlugin, Plugin, PluginEntry } from "../../../core/plugin/plugin.ts";
import { imageStage } from "../../../core/pipeline/stage.ts";
import { loadKernel } from "../../../mod.ts";
import { A, B, fileWith, PROC, writer } from "./plugins.ts";

const FILE = fileWith([A]);
const nothing = () => undefined;

const stage = (name: string) => imageStage(name, { needs: [] }, () => ({}));
const claim = (type: number, more: object = {}) => ({ type, handle: nothing, ...more });
const placed = (more: object) => ({ stages: [{ stage: stage("own"), ...more }] });

const REFUSED: readonly [what: string, plugins: readonly unknown[], texts: readonly (string | RegExp)[]][] = [
  ["a claim made twice", [{ name: "one", handlers: [claim(A)] }, { name: "two", handlers: [claim(A)] }], [
    '"one"',
    '"two"',
    "0x60000001",
    '"load"',
  ]],
  ["a claim made twice, once by the phase's name", [
    { name: "one", handlers: [claim(A)] },
    { name: "two", handlers: [claim(A, { phase: "load" })] },
  ], ['"one"', '"two"']],
  ["a claim made twice by one plugin", [{ name: "one", handlers: [claim(A), claim(A)] }], [
    'Cannot use plugin "one": it claims program headers of type 0x60000001 in phase "load" twice',
  ]],
  ["a claim for a machine and one for any", [
    { name: "one", handlers: [claim(PROC, { machine: 62, phase: "seal" })] },
    { name: "two", handlers: [claim(PROC, { phase: "seal" })] },
  ], ['"one"', '"two"', '"seal"']],
  ["a claim for a machine made twice", [
    { name: "one", handlers: [claim(PROC, { machine: 62 })] },
    { name: "two", handlers: [claim(PROC, { machine: 62 })] },
  ], ['"one"', '"two"']],
  ["a plugin given twice", [{ name: "one" }, { name: "one" }], ['"one"', "twice"]],
  ["a stage after one that is not there", [{ name: "one", ...placed({ after: "nowhere" }) }], [
    '"one"',
    '"own"',
    '"nowhere"',
  ]],
  ["a stage before one that is not there", [{ name: "one", ...placed({ before: "nowhere" }) }], ['"one"', '"nowhere"']],
  ["a stage without a place", [{ name: "one", ...placed({}) }], ['"one"', "before or after"]],
  ["a stage with two places", [{ name: "one", ...placed({ before: "parse", after: "parse" }) }], ['"one"']],
  ["a place without a stage", [{ name: "one", stages: [{ after: "parse" }] }], [
    'Cannot use an entry of stages of plugin "one": it has no stage; write { after: NAME, stage }',
  ]],
  ["a stage in place of a placed one", [{ name: "one", stages: [stage("own")] }], ['"one": it has no stage; write']],
  ["a stage without a name", [{ name: "one", stages: [{ after: "parse", stage: { run: nothing } }] }], [
    'plugin "one": its stage has no name; pass what imageStage() or segmentStage() returns',
  ]],
  ["a stage that is a string", [{ name: "one", stages: [{ after: "parse", stage: "own" }] }], [
    'plugin "one": its stage is the string "own"; pass what',
  ]],
  ["undefined as a place", [{ name: "one", ...placed({ after: undefined }) }], ['"one": its place is undefined']],
  ["a stage whose name is taken", [{ name: "one", stages: [{ after: "parse", stage: stage("parse") }] }], ['"parse"']],
  ["a stage that needs what is not there yet", [
    { name: "one", stages: [{ before: "parse", stage: { ...stage("own"), needs: ["fileHeader"] } }] },
  ], ['"own"', '"fileHeader"']],
  ["a name that is not in kebab-case", [{ name: "KernelStack" }], ['"KernelStack"', "kebab-case"]],
  ["an empty name", [{ name: "" }], ["kebab-case"]],
  ["no name", [{}], ["Cannot use a plugin without a name: give it one in kebab-case"]],
  ["a string", ["relocate"], ['Cannot use the string "relocate" as a plugin: it must be an object']],
  ["a function", [() => ({ name: "one" })], [
    "Cannot use a function as a plugin: call it, and pass the plugin that it returns",
  ]],
  ["takes that is not a function", [{ name: "one", takes: 4096 }], ['"one"', "takes must be a function"]],
  ["an unknown key", [{ name: "one", handler: [] }], ['"one"', '"handler"']],
  ["an unknown key of a handler", [{ name: "one", handlers: [claim(A, { phases: "seal" })] }], [
    '"one"',
    '"phases"',
  ]],
  ["an unknown key of a stage", [{ name: "one", ...placed({ after: "parse", when: 1 }) }], [
    '"one"',
    '"when"',
  ]],
  ["handlers that are not an array", [{ name: "one", handlers: { type: A } }], ['"one"', "arrays"]],
  ["an unknown phase", [{ name: "one", handlers: [claim(A, { phase: "last" })] }], [
    '"one": its phase is the string "last"; it must be one of load, relocate, seal',
  ]],
  ["a type that is not a number", [{ name: "one", handlers: [claim("1" as never)] }], [
    'Cannot use a handler of plugin "one": its type is the string "1"; it must be a number of 32 bits',
  ]],
  ["no type", [{ name: "one", handlers: [{ handle: nothing }] }], ['"one": its type is undefined']],
  ["a machine below 0", [{ name: "one", handlers: [claim(A, { machine: -1 })] }], [
    '"one": its machine is the number -1; it must be a number of 32 bits',
  ]],
  ["a type of more than 32 bits", [{ name: "one", handlers: [claim(2 ** 32)] }], ['"one"']],
  ["a handler without handle", [{ name: "one", handlers: [{ type: A }] }], [
    '"one": its handle is undefined; it must be a function',
  ]],
  ["a plugin that is depended on and not given", [{ name: "one", dependsOn: ["two"] }], ['"one"', '"two"']],
  ["plugins that depend on each other", [{ name: "one", dependsOn: ["two"] }, { name: "two", dependsOn: ["one"] }], [
    'Cannot use plugin "one": it depends on itself through "two"',
  ]],
  ["plugins that depend on each other, asked for by a third", [
    { name: "three", dependsOn: ["one"] },
    { name: "one", dependsOn: ["two"] },
    { name: "two", dependsOn: ["one"] },
  ], ['Cannot use plugin "one": it depends on itself through "two"']],
  ["a plugin that depends on itself", [{ name: "one", dependsOn: ["one"] }], [
    /Cannot use plugin "one": it depends on itself$/,
  ]],
];

for (const [what, plugins, texts] of REFUSED) {
  Deno.test(`${what}: refused by name before the first byte`, async () => {
    const reader = {
      read: (): number => {
        throw new Error("a byte was asked for");
      },
    };
    const options = { plugins: plugins as readonly AnyPlugin[] };
    const error = await assertRejects(() => loadKernel(reader, options), TypeError);
    for (const text of texts) {
      assertMatch(error.message, typeof text === "string" ? new RegExp(RegExp.escape(text)) : text);
    }
    const stream = new ReadableStream<Uint8Array>();
    await assertRejects(() => loadKernel(stream, options), TypeError);
    assert(!stream.locked);
  });
}

Deno.test("a clash of plugins names both in its cause", async () => {
  const plugins = [{ name: "one", handlers: [claim(A)] }, { name: "two", handlers: [claim(A)] }];
  const error = await assertRejects(() => loadKernel(FILE, { plugins }), TypeError);
  assertEquals(error.cause, { plugins: ["one", "two"] });
  const twice = await assertRejects(() => loadKernel(FILE, { plugins: [{ name: "one" }, { name: "one" }] }), TypeError);
  assertEquals(twice.cause, { plugins: ["one", "one"] });
});

Deno.test("a list that is not an array is refused", async () => {
  await assertRejects(() => loadKernel(FILE, { plugins: { name: "one" } as never }), TypeError);
});

Deno.test("claims for several machines stand side by side, and only the file's own is asked", async () => {
  const log: string[] = [];
  const one: Plugin = { name: "one", handlers: [claim(PROC, { machine: 40, handle: () => log.push("one") })] };
  const two: Plugin = { name: "two", handlers: [claim(PROC, { machine: 62, handle: () => log.push("two") })] };
  await loadKernel(fileWith([PROC]), { plugins: [one, two] });
  assertEquals(log, ["two"]);
});

Deno.test("falsy entries are skipped", async () => {
  const log: string[] = [];
  const kernel = await loadKernel(FILE, { plugins: [false, writer("a", [[A]], log), null, undefined, 0, ""] });
  assertEquals([kernel.results, log], [{ a: true }, ["a load 0"]]);
});

Deno.test("what the caller changes during a load changes nothing", async () => {
  const log: string[] = [];
  const dependsOn: string[] = [];
  const handler = { type: A, phase: "load" as "load" | "seal", handle: () => void log.push("first") };
  const plugins: PluginEntry[] = [];
  const one = { name: "one", dependsOn, handlers: [handler, { type: B, handle: () => void log.push("second") }] };
  const meddler: AnyPlugin = {
    name: "meddler",
    stages: [{
      before: "parse",
      stage: {
        ...stage("meddle"),
        run: () => {
          plugins.length = 0;
          dependsOn.push("nobody");
          one.name = "Two";
          one.handlers.length = 0;
          handler.type = B;
          handler.handle = () => void log.push("changed");
          return {};
        },
      },
    }],
  };
  plugins.push(meddler, one);
  await loadKernel(fileWith([A, B]), { plugins });
  assertEquals(log, ["first", "second"]);
});
