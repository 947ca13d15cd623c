import { assertEquals } from "@std/assert";
import { describeMutant, keyOf } from "./equivalents.ts";
import { mutantsOf, mutated } from "./mutants.ts";
import { testLists } from "./tests_of.ts";

/** Every mutant of a line of code. */
const variantsOf = (code: string): readonly string[] => mutantsOf("a.ts", code).map((mutant) => mutated(code, mutant));

const CASES: readonly (readonly [what: string, code: string, variants: readonly string[]])[] = [
  ["a comparison", "return a < b", ["return a <= b", "return a > b"]],
  ["a number", "return [7]", ["return [(7 + 1)]", "return [(7 - 1)]"]],
  ["a bigint", "return 7n", ["return (7n + 1n)", "return (7n - 1n)"]],
  ["a condition", "return a && !b", ["return a || !b"]],
  ["a call", "f();", [";"]],
  ["an error, without its words", "throw new Error(1 + 2);", [";"]],
  ["a guard", "if (a) return;", [";"]],
  ["a flag", "return { a: true }", ["return { a: false }"]],
];

for (const [what, code, variants] of CASES) {
  Deno.test(`mutantsOf() changes ${what}`, () => assertEquals(variantsOf(code), variants));
}

Deno.test("mutantsOf() leaves types, imports and messages alone", () => {
  const untouched = [
    "type A = 1 | 2;",
    "interface A { readonly b: true }",
    'import a from "b";',
    "const a: 4 | 8 = b;",
    "return `${a + 1} of ${b < c}`;",
    'return a + " of b";',
    'return a < b ? "" : "more than one";',
    "/** 1 < 2 */",
  ];
  for (const code of untouched) assertEquals(variantsOf(code), [], code);
});

Deno.test("equivalents are found by the lines that they are in, wherever those stand", () => {
  const [, other] = mutantsOf("a.ts", "  return a < b;\n");
  const [, moved] = mutantsOf("a.ts", "const first = a;\n\n    return a < b;");
  const expected = { file: "a.ts", code: "return a < b;", mutant: "return a > b;" };
  assertEquals(describeMutant(other, "  return a < b;\n"), expected);
  assertEquals(keyOf(describeMutant(moved, "const first = a;\n\n    return a < b;")), keyOf(expected));
});

Deno.test("testLists() starts with the nearest tests, and leaves out those that do not import the file", () => {
  const listsOf = testLists(
    new Map([
      ["core/a/b.ts", ""],
      ["mod.ts", 'export * from "./core/a/b.ts";'],
      ["tests/core/a/b_test.ts", 'import "../../../core/a/b.ts";'],
      ["tests/core/a/c_test.ts", 'import "../../../mod.ts";'],
      ["tests/core/original_test.ts", 'import "../../mod.ts";'],
      ["tests/plugins/d_test.ts", 'import "../../core/a/b.ts";'],
      ["tests/plugins/e_test.ts", 'import "../../mod.ts";'],
      ["tests/plugins/f_test.ts", 'import "../elsewhere.ts";'],
    ]),
  );
  assertEquals(listsOf("core/a/b.ts"), [
    ["tests/core/a/b_test.ts"],
    ["tests/core/a/c_test.ts", "tests/plugins/d_test.ts"],
    ["tests/core/original_test.ts"],
    ["tests/plugins/e_test.ts"],
  ]);
});
