/** How plugins are checked, put in order, run, and wrapped: before the first byte, by phase, and by what they need. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { PT_NOTE } from "../../../core/elf/constants.ts";
import type { FileHeader } from "../../../core/elf/file_header.ts";
import type { AnyPlugin, Handler, Phase, Plugin, PluginEntry } from "../../../core/plugin/plugin.ts";
import { type AnyImageStage, LoadError, loadKernel, type RuleSetName } from "../../../mod.ts";
import type { ImageStage } from "../../../core/stages/mod.ts";
import { buildElf, type SegmentSpec } from "../../elf_builder.ts";

const A = 0x6000_0001;
const B = 0x6000_0002;
const PROC = 0x7000_0001;
const UNKNOWN = 0x5fff_ffff;

/** A file with a `PT_LOAD` among headers of these types. */
function fileWith(types: readonly number[], header: Partial<FileHeader> = {}): Uint8Array<ArrayBuffer> {
  const load = { filesz: 0x100 };
  const others = types.map((p_type): SegmentSpec => ({ p_type, p_vaddr: 0x40_0000n, filesz: 0x10, p_align: 1n }));
  return buildElf({ header, segments: [...others.slice(0, 1), load, ...others.slice(1)] });
}

const FILE = fileWith([A]);
const nothing = () => undefined;

/** A plugin that writes down which header it met. */
function writer(name: string, claims: readonly [type: number, phase?: Phase][], log: string[], dependsOn?: string[]) {
  const handlers = claims.map(([type, phase]): Handler<true> => ({
    type,
    ...(phase ? { phase } : {}),
    handle: ({ index }) => {
      log.push(`${name} ${phase ?? "load"} ${index}`);
      return true;
    },
  }));
  return { name, handlers, ...(dependsOn ? { dependsOn } : {}) };
}

Deno.test("handlers run by phase, whatever the order of headers and claims", async () => {
  const log: string[] = [];
  const mapped: boolean[] = [];
  const early: Plugin<"early", true> = {
    name: "early",
    handlers: [
      { type: B, phase: "seal", handle: ({ index }) => void log.push(`seal ${index}`) },
      { type: B, phase: "relocate", handle: ({ index }) => void log.push(`relocate ${index}`) },
      {
        type: B,
        handle: ({ index }, { pageTable }) => {
          log.push(`load ${index}`);
          mapped.push(pageTable.translate(0x40_0000n).mapped);
        },
      },
    ],
  };
  await loadKernel(fileWith([B, B]), { plugins: [early] });
  assertEquals(log, ["load 0", "load 2", "relocate 0", "relocate 2", "seal 0", "seal 2"]);
  assertEquals(mapped, [false, true]); // the PT_LOAD stands between the two
});

Deno.test("within a phase headers are met in table order, across plugins", async () => {
  const log: string[] = [];
  const plugins = [writer("b", [[B], [B, "seal"]], log), writer("a", [[A], [A, "seal"]], log)];
  await loadKernel(fileWith([A, B, A]), { plugins });
  assertEquals(log, ["a load 0", "b load 2", "a load 3", "a seal 0", "b seal 2", "a seal 3"]);
});

Deno.test("a plugin that needs another's results runs behind it in each phase, and sees exactly those that it names", async () => {
  const seen: unknown[] = [];
  const log: string[] = [];
  const late: Plugin = {
    name: "late",
    dependsOn: ["found", "silent"],
    handlers: [{
      type: A,
      handle: (_phdr, { results }) => {
        log.push("late load");
        seen.push(results, Object.isFrozen(results));
      },
    }, { type: A, phase: "relocate", handle: () => void log.push("late relocate") }],
  };
  const found: Plugin = {
    name: "found",
    handlers: [{ type: B, handle: () => (log.push("found load"), { answer: 42 }) }],
  };
  const silent: Plugin = { name: "silent", handlers: [{ type: PT_NOTE, handle: nothing }] };
  const other: Plugin = { name: "other", handlers: [{ type: B, phase: "relocate", handle: () => log.push("other") }] };
  await loadKernel(fileWith([A, B]), { plugins: [late, found, silent, other] });
  assertEquals(seen, [{ found: { answer: 42 }, silent: undefined }, true]);
  assertEquals(log, ["found load", "late load", "other", "late relocate"]);
});

Deno.test("dependsOn may form a chain, given in any order", async () => {
  const log: string[] = [];
  const [one, two, three] = [writer("one", [[A]], log), writer("two", [[B]], log, ["one"]), {
    ...writer("three", [[PT_NOTE]], log, ["two"]),
  }];
  for (const plugins of [[three, two, one], [one, two, three], [two, three, one]]) {
    log.length = 0;
    await loadKernel(fileWith([PT_NOTE, B, A]), { plugins });
    assertEquals(log, ["one load 3", "two load 2", "three load 0"]);
  }
});

const stage = (name: string): AnyImageStage => ({ name, needs: [], adds: [], run: () => ({}) });
const claim = (type: number, more: object = {}) => ({ type, handle: nothing, ...more });
const placed = (more: object) => ({ stages: [{ stage: stage("own"), ...more }] });

const REFUSED: readonly [what: string, plugins: readonly unknown[], names: readonly string[]][] = [
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
  ["a claim made twice by one plugin", [{ name: "one", handlers: [claim(A), claim(A)] }], ['"one"', "0x60000001"]],
  ["a claim for a machine and one for any", [
    { name: "one", handlers: [claim(PROC, { machine: 62, phase: "seal" })] },
    { name: "two", handlers: [claim(PROC, { phase: "seal" })] },
  ], ['"one"', '"two"', '"seal"']],
  ["a claim for a machine made twice", [
    { name: "one", handlers: [claim(PROC, { machine: 62 })] },
    { name: "two", handlers: [claim(PROC, { machine: 62 })] },
  ], ['"one"', '"two"']],
  ["a plugin given twice", [{ name: "one" }, { name: "one" }], ['"one"', "twice"]],
  ["a stage behind one that is not there", [{ name: "one", ...placed({ after: "nowhere" }) }], [
    '"one"',
    '"own"',
    '"nowhere"',
  ]],
  ["a stage before one that is not there", [{ name: "one", ...placed({ before: "nowhere" }) }], ['"one"', '"nowhere"']],
  ["a stage without a place", [{ name: "one", ...placed({}) }], ['"one"', "before and after"]],
  ["a stage with two places", [{ name: "one", ...placed({ before: "parse", after: "parse" }) }], ['"one"']],
  ["a place without a stage", [{ name: "one", stages: [{ after: "parse" }] }], ['"one"']],
  ["a stage whose name is taken", [{ name: "one", stages: [{ after: "parse", stage: stage("parse") }] }], ['"parse"']],
  ["a stage that needs what is not there yet", [
    { name: "one", stages: [{ before: "parse", stage: { ...stage("own"), needs: ["fileHeader"] } }] },
  ], ['"own"', '"fileHeader"']],
  ["a name that is not in kebab-case", [{ name: "KernelStack" }], ['"KernelStack"', "kebab-case"]],
  ["an empty name", [{ name: "" }], ["kebab-case"]],
  ["no name", [{}], ["kebab-case"]],
  ["a string", ["relocate"], ['"relocate"']],
  ["a function", [() => ({ name: "one" })], ["Cannot use plugin"]],
  ["a key that nobody knows", [{ name: "one", handler: [] }], ['"one"', '"handler"']],
  ["a key of a handler that nobody knows", [{ name: "one", handlers: [claim(A, { phases: "seal" })] }], [
    '"one"',
    '"phases"',
  ]],
  ["a key of a stage that nobody knows", [{ name: "one", ...placed({ after: "parse", when: 1 }) }], [
    '"one"',
    '"when"',
  ]],
  ["handlers that are no array", [{ name: "one", handlers: { type: A } }], ['"one"', "arrays"]],
  ["a phase that nobody knows", [{ name: "one", handlers: [claim(A, { phase: "last" })] }], ['"one"', "seal"]],
  ["a type that is no number", [{ name: "one", handlers: [claim("1" as never)] }], ['"one"']],
  ["a type of more than 32 bits", [{ name: "one", handlers: [claim(2 ** 32)] }], ['"one"']],
  ["a handler without handle", [{ name: "one", handlers: [{ type: A }] }], ['"one"', "handle"]],
  ["a need that is not given", [{ name: "one", dependsOn: ["two"] }], ['"one"', '"two"']],
  ["plugins that need each other", [{ name: "one", dependsOn: ["two"] }, { name: "two", dependsOn: ["one"] }], [
    "one",
    "two",
  ]],
  ["a plugin that needs itself", [{ name: "one", dependsOn: ["one"] }], ['"one"']],
];

for (const [what, plugins, names] of REFUSED) {
  Deno.test(`${what}: refused by name before the first byte`, async () => {
    const reader = {
      read: (): number => {
        throw new Error("a byte was asked for");
      },
    };
    const options = { plugins: plugins as readonly AnyPlugin[] };
    const error = await assertRejects(() => loadKernel(reader, options), TypeError);
    for (const name of names) assert(error.message.includes(name), `${error.message} does not name ${name}`);
    const stream = new ReadableStream<Uint8Array>();
    await assertRejects(() => loadKernel(stream, options), TypeError);
    assert(!stream.locked);
  });
}

Deno.test("a list that is no array is refused", async () => {
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
  const handler = { type: A, phase: "load" as Phase, handle: () => void log.push("first") };
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

Deno.test("one plugin serves loads that run at the same time", async () => {
  const count: Plugin<"count", number> = {
    name: "count",
    handlers: [{ type: A, handle: async (_phdr, _context, found = 0) => (await Promise.resolve(), found + 1) }],
  };
  const kernels = await Promise.all([1, 2, 3].map((n) => {
    return loadKernel(fileWith(Array(n).fill(A)), { plugins: [count] });
  }));
  assertEquals(kernels.map(({ results }) => results.count), [1, 2, 3]);
});

const CAUSES: readonly [what: string, cause: unknown][] = [
  ["an error", new RangeError("no")],
  ["a string", "words"],
  ["undefined", undefined],
];
const THROWS: readonly [what: string, thrower: (cause: unknown) => Handler<never>["handle"]][] = [
  ["thrown", (cause) => () => {
    throw cause;
  }],
  ["rejected with", (cause) => () => Promise.reject(cause)],
];

for (const [what, cause] of CAUSES) {
  for (const [how, thrower] of THROWS) {
    for (const phase of ["load", "relocate", "seal"] as const) {
      Deno.test(`${what} ${how} in phase ${phase} becomes "plugin-failed"`, async () => {
        const plugins = [{ name: "one", handlers: [{ type: B, phase, handle: thrower(cause) }] }];
        const error = await assertRejects(() => loadKernel(fileWith([A, B]), { plugins }), LoadError);
        assertEquals(error.code, "plugin-failed");
        assertEquals(error.detail, { index: 2, field: "plugin", value: "one" });
        assertStrictEquals(error.cause, cause);
        assert(error.message.includes('"one"') && error.message.includes("program header 2"));
      });
    }
  }
}

Deno.test("a LoadError that a handler throws passes, with the header's index", async () => {
  const mine = new LoadError("dynamic-malformed", { field: "DT_MINE", value: 7n }, { cause: "why" });
  const thrower: Plugin = { name: "one", handlers: [{ type: A, handle: () => Promise.reject(mine) }] };
  const error = await assertRejects(() => loadKernel(FILE, { plugins: [thrower] }), LoadError);
  assertEquals([error.code, error.detail], ["dynamic-malformed", { field: "DT_MINE", value: 7n, index: 0 }]);
  assertEquals(error.cause, "why");

  const indexed = new LoadError("segment-type-refused", { index: 9, field: "p_type", value: A });
  const other: Plugin = {
    name: "one",
    handlers: [{
      type: A,
      handle: () => {
        throw indexed;
      },
    }],
  };
  assertStrictEquals(await assertRejects(() => loadKernel(FILE, { plugins: [other] })), indexed);
});

Deno.test("an abort during a handler rejects with the signal's reason itself", async () => {
  for (const fails of [false, true]) {
    const controller = new AbortController();
    const reason = { enough: true };
    const aborter: Plugin = {
      name: "one",
      handlers: [{
        type: A,
        handle: async () => {
          controller.abort(reason);
          await Promise.resolve();
          if (fails) throw new Error("cut off");
        },
      }],
    };
    const { signal } = controller;
    const outcome = await loadKernel(FILE, { plugins: [aborter], signal }).catch((error: unknown) => error);
    assertStrictEquals(outcome, reason);
  }
});

Deno.test("types that nobody claims are as the rules have them; a claim silences the default rules", async () => {
  const file = buildElf({
    segments: [{ filesz: 0x100 }, { p_type: UNKNOWN, filesz: 0x10, p_align: 1n }],
    length: 0x2000,
  });
  const rulesOf = async (rules: RuleSetName, plugins: readonly PluginEntry[]) => {
    return (await loadKernel(file, { rules, plugins })).diagnostics.map(({ code }) => code);
  };
  const claiming: Plugin = { name: "one", handlers: [claim(UNKNOWN)] };
  assertEquals(await rulesOf("default", []), ["segment-type-unknown"]);
  assertEquals(await rulesOf("default", [claiming]), []);
  for (const rules of ["bootloader-0.10", "bootloader-0.11"] as const) {
    const error = await assertRejects(() => rulesOf(rules, []), LoadError);
    assertEquals([error.code, error.detail], ["segment-type-refused", { index: 1, field: "p_type", value: UNKNOWN }]);
  }
});

Deno.test("results are typed by the plugins that were given", async () => {
  const count: Plugin<"count", number> = {
    name: "count",
    handlers: [{ type: A, handle: (_phdr, _context, found = 0) => found + 1 }],
  };
  const names: Plugin<"names", readonly string[]> = { name: "names", handlers: [{ type: B, handle: () => ["b"] }] };
  const kernel = await loadKernel(fileWith([A, A]), { plugins: [count, false, names] });
  const counted: number | undefined = kernel.results.count;
  assertEquals(counted, 2);
  assertEquals(kernel.results.names, undefined);
  assert(Object.isFrozen(kernel.results));
  // @ts-expect-error: a plugin may have met no header of its types
  const certain: number = kernel.results.count;
  // @ts-expect-error: it is no string
  const text: string | undefined = kernel.results.count;
  // @ts-expect-error: no such plugin was given
  const absent: unknown = kernel.results.relocate;
  assertEquals([certain, text, absent], [2, 2, undefined] as never);
});

Deno.test("a handler whose result is another's does not compile", () => {
  const wrong: Plugin<"count", number> = {
    name: "count",
    // @ts-expect-error: the plugin finds numbers
    handlers: [{ type: A, handle: () => "many" }],
  };
  assert(wrong);
});

Deno.test("stages of plugins stand where they ask to, those at one place in the order of their plugins", async () => {
  const ran: string[] = [];
  const note = (name: string): AnyImageStage => ({ ...stage(name), run: () => (ran.push(name), {}) });
  const plugins: readonly AnyPlugin[] = [
    { name: "one", stages: [{ after: "parse", stage: note("a1") }, { before: "sanity-check", stage: note("b1") }] },
    { name: "two", stages: [{ after: "parse", stage: note("a2") }, { before: "sanity-check", stage: note("b2") }] },
    { name: "three", stages: [{ after: "l4-usage", stage: note("c1") }, { after: "c1", stage: note("c2") }] },
    { name: "four", stages: [{ before: "parse", stage: note("d1") }, { after: "parse", stage: note("a3") }] },
  ];
  await loadKernel(FILE, { plugins });
  assertEquals(ran, ["d1", "a1", "a2", "a3", "b1", "b2", "c1", "c2"]);
});

Deno.test("a stage may stand behind one of a plugin that its own needs, whichever is given first", async () => {
  const ran: string[] = [];
  const note = (name: string): AnyImageStage => ({ ...stage(name), run: () => (ran.push(name), {}) });
  const one: AnyPlugin = { name: "one", stages: [{ after: "l4-usage", stage: note("first") }] };
  const two: AnyPlugin = { name: "two", dependsOn: ["one"], stages: [{ after: "first", stage: note("second") }] };
  for (const plugins of [[one, two], [two, one]]) await loadKernel(FILE, { plugins });
  assertEquals(ran, ["first", "second", "first", "second"]);
});

Deno.test("a plugin's stage reads what handlers did, and its additions are results under its name", async () => {
  const pages: ImageStage<
    { readonly pageTable: { readonly leaves: () => Iterable<unknown> } },
    { readonly pages: number },
    "count-pages"
  > = {
    name: "count-pages",
    needs: ["pageTable"],
    adds: ["pages"],
    run: ({ pageTable }) => ({ pages: [...pageTable.leaves()].length }),
  };
  const plugin: AnyPlugin = {
    name: "mapper",
    handlers: [{ type: A, phase: "seal", handle: (_phdr, { pageTable }) => pageTable.mapTo(0x1000n, 0, 1n) }],
    stages: [{ after: "l4-usage", stage: pages }],
  };
  const { results } = await loadKernel(FILE, { plugins: [plugin] });
  assertEquals(results, { "count-pages": { pages: 2 } } as never);
});
