/** What plugins with options say of options that they do not have. */

import { assertEquals, assertThrows } from "@std/assert";
import { notes } from "../../plugins/notes.ts";
import { openbsd } from "../../plugins/openbsd.ts";
import { relocate } from "../../plugins/relocate.ts";
import { sections } from "../../plugins/sections.ts";

for (
  const [factory, known] of [
    [notes, "readers"],
    [openbsd, "seed"],
    [relocate, "seed"],
    [sections, "names, select"],
  ] as readonly (readonly [(options: never) => unknown, string])[]
) {
  Deno.test(`${factory.name}() refuses an option that it does not have`, () => {
    const message = (options: unknown) => assertThrows(() => factory(options as never), TypeError).message;
    const unknown = `Cannot use the option "sead": it does not exist; the options are ${known}`;
    assertEquals(message({ sead: 1n }), unknown);
    assertEquals(message(7), `Cannot use the number 7 as options: pass an object with any of ${known}`);
  });
}

Deno.test("a seed of the wrong type is refused with its type", () => {
  for (const factory of [openbsd, relocate]) {
    const error = assertThrows(() => factory({ seed: 7 as never }), TypeError);
    assertEquals(error.message, "Cannot use the number 7 as seed: it must be a bigint");
  }
});

Deno.test("a seed that does not fit in 64 bits is refused", () => {
  for (const factory of [openbsd, relocate]) {
    for (const seed of [-1n, 2n ** 64n]) {
      const { message } = assertThrows(() => factory({ seed }), RangeError);
      assertEquals(message, `Cannot use ${seed} as seed: it must fit in 64 bits`);
    }
    factory({ seed: 2n ** 64n - 1n });
  }
});
