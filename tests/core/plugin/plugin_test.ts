/** What the compiler knows of plugins and their results. */

import { assert, assertEquals } from "@std/assert";
import type { Plugin } from "../../../core/plugin/plugin.ts";
import { loadKernel } from "../../../mod.ts";
import { A, B, fileWith } from "./plugins.ts";

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
  // @ts-expect-error: it is not a string
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
