import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { PT_LOAD } from "../../../core/elf/constants.ts";
import { LoadError } from "../../../core/errors.ts";
import type { PluginContext } from "../../../core/plugin/plugin_context.ts";
import { RULES } from "../../../core/rules.ts";
import { physicalMemory } from "../../../mod.ts";
import { relocationTargets } from "../../../plugins/relocate/relocation_target.ts";

/** The memory of header 3, whose reads fail. */
function failing(error: Error) {
  const read = () => {
    throw error;
  };
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(0x1000) });
  const programHeaders = [{ p_type: PT_LOAD, p_vaddr: 0x1000n, p_memsz: 0x1000n }];
  const context = { rules: RULES.default, signedOffset: 0x7000n, programHeaders, addressSpace: { memory, read } };
  return relocationTargets(context as unknown as PluginContext)(3);
}

Deno.test("a read of memory that is not mapped names the header and what was read", () => {
  const target = failing(new LoadError("page-not-mapped", { field: "address", value: 0x8000n }));
  const error = assertThrows(() => target.read(0x1000n, 8, "the entry"), LoadError);
  assertEquals<unknown>([error.code, error.detail], ["page-not-mapped", {
    index: 3,
    field: "the entry at",
    value: 0x8000n,
  }]);
});

Deno.test("other errors of a read go through as they are", () => {
  for (
    const error of [
      new TypeError("out of order"),
      new LoadError("source-failed", { field: "source", value: "x" } as never),
    ]
  ) {
    assertStrictEquals(assertThrows(() => failing(error).read(0x1000n, 8, "the entry")), error);
  }
});
