/** How handlers run: by phase, in table order, after the plugins that theirs depends on; and what they throw. */

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { PT_NOTE } from "../../../core/elf/constants.ts";
import type { AnyPlugin, Handler, Plugin, PluginEntry } from "../../../core/plugin/plugin.ts";
import { LoadError, loadKernel, type RuleSetName } from "../../../mod.ts";
import { buildElf } from "../../elf_builder.ts";
import { A, B, fileWith, writer } from "./plugins.ts";

const UNKNOWN = 0x5fff_ffff;
const FILE = fileWith([A]);
const nothing = () => undefined;

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
        handle: ({ index }, { addressSpace }) => {
          log.push(`load ${index}`);
          mapped.push(addressSpace.pageTable.translate(0x40_0000n).mapped);
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

Deno.test("a plugin that depends on others runs after them in each phase, and sees exactly their results", async () => {
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

Deno.test("whatever a handler throws or rejects with, in any phase, becomes plugin-failed with it as the cause", async () => {
  for (const cause of [new RangeError("no"), "words", undefined]) {
    const throwers: readonly Handler<never>["handle"][] = [
      () => {
        throw cause;
      },
      () => Promise.reject(cause),
    ];
    for (const handle of throwers) {
      for (const phase of ["load", "relocate", "seal"] as const) {
        const plugins = [{ name: "one", handlers: [{ type: B, phase, handle }] }];
        const error = await assertRejects(() => loadKernel(fileWith([A, B]), { plugins }), LoadError);
        assertEquals([error.code, error.detail], ["plugin-failed", { index: 2, field: "plugin", value: "one" }]);
        assertStrictEquals(error.cause, cause);
        assertEquals(error.message, 'Cannot handle program header 2: plugin "one" failed');
      }
    }
  }
});

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
  const passed = await assertRejects(() => loadKernel(FILE, { plugins: [other] }), LoadError);
  assertEquals([passed.code, passed.detail, passed.message], [indexed.code, indexed.detail, indexed.message]);
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

Deno.test("unclaimed types are as the rules have them; a claim silences the default rules", async () => {
  const file = buildElf({
    segments: [{ filesz: 0x100 }, { p_type: UNKNOWN, filesz: 0x10, p_align: 1n }],
    length: 0x2000,
  });
  const rulesOf = async (rules: RuleSetName, plugins: readonly PluginEntry[]) => {
    return (await loadKernel(file, { rules, plugins })).diagnostics.map(({ code }) => code);
  };
  const claiming: Plugin = { name: "one", handlers: [{ type: UNKNOWN, handle: nothing }] };
  assertEquals(await rulesOf("default", []), ["segment-type-unknown"]);
  assertEquals(await rulesOf("default", [claiming]), []);
  for (const rules of ["bootloader-0.10", "bootloader-0.11"] as const) {
    const error = await assertRejects(() => rulesOf(rules, []), LoadError);
    assertEquals([error.code, error.detail], ["segment-type-refused", { index: 1, field: "p_type", value: UNKNOWN }]);
  }
});

Deno.test("a plugin's result is found whatever the plugin is called", async () => {
  const file = buildElf({ segments: [{ filesz: 0x100 }, { p_type: A, filesz: 0x10, p_align: 1n }], length: 0x2000 });
  const plugin: AnyPlugin = { name: "constructor", handlers: [{ type: A, handle: () => 5 }] };
  const { results } = await loadKernel(file, { plugins: [plugin] });
  assertEquals(Object.entries(results), [["constructor", 5]]);
});
