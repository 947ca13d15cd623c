import { assertEquals } from "@std/assert";
import { isKebabCase } from "../../../core/pipeline/kebab_case.ts";

Deno.test("isKebabCase() holds for lower-case words and digits joined by single hyphens", () => {
  for (const name of ["a", "map-load", "l4-usage", "x86-64", "stage-2"]) assertEquals(isKebabCase(name), true, name);
  const others = [
    "",
    "-",
    "a-",
    "-a",
    "a--b",
    "A",
    "mapLoad",
    "map_load",
    "4k",
    "map load",
    "mäp",
    "a\n",
    1,
    null,
    undefined,
  ];
  for (const name of others) assertEquals(isKebabCase(name), false, String(name));
});
