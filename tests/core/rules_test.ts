/** The rule sets are switches: each is read somewhere, and no code asks which rule set it runs under. */

import { assertEquals } from "@std/assert";
import { RULES } from "../../core/rules.ts";

const ROOT = new URL("../../", import.meta.url);

function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = folder + entry.name;
    if (entry.isDirectory) yield* sources(`${path}/`);
    else if (path.endsWith(".ts") && path !== "core/rules.ts" && path !== "plugins/presets.ts") yield path;
  }
}

const CODE = ["core/", "plugins/", "boot/"].flatMap((folder) => [...sources(folder)]).map((path) => {
  const text = Deno.readTextFileSync(new URL(path, ROOT)).replace(/\/\*[\s\S]*?\*\/|\/\/ .*$/gm, "");
  return { path, text };
});

Deno.test("no code asks which rule set it runs under", () => {
  const asks = /rules\.name|"bootloader-0|[=!]== "default"/;
  // What was loaded says by which rule set, for those who explain it.
  const says = /^ *this\.rules = found\.rules\.name;$/gm;
  assertEquals(CODE.filter(({ text }) => asks.test(text.replace(says, ""))).map(({ path }) => path), []);
});

Deno.test("every switch is read", () => {
  const switches = Object.keys(RULES.default).filter((name) => name !== "name");
  const unread = switches.filter((name) => !CODE.some(({ text }) => new RegExp(`\\b${name}\\b`).test(text)));
  assertEquals(unread, []);
});

Deno.test("every rule set has every switch, and its own name", () => {
  const switches = Object.keys(RULES.default);
  for (const [name, rules] of Object.entries(RULES)) {
    assertEquals(Object.keys(rules), switches);
    assertEquals(rules.name, name);
  }
});
