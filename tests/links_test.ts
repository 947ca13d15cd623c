/** What stands for the standard library where JSR cannot be reached is listed the same way twice. */

import { assertEquals } from "@std/assert";

const LINKS = new URL("../links/", import.meta.url);

Deno.test({
  name: "links/import_map.json has every module of the linked packages",
  ignore: await Deno.stat(LINKS).then(() => false, () => true), // a release has none
  fn: async () => {
    const expected: Record<string, string> = {};
    for await (const { name: folder } of Deno.readDir(new URL("std/", LINKS))) {
      const config = JSON.parse(await Deno.readTextFile(new URL(`std/${folder}/deno.json`, LINKS)));
      const exported: Record<string, string> = typeof config.exports === "string"
        ? { ".": config.exports }
        : config.exports;
      for (const [path, file] of Object.entries(exported)) {
        expected[config.name + path.slice(1)] = `./std/${folder}${file.slice(1)}`;
      }
    }
    const map = JSON.parse(await Deno.readTextFile(new URL("import_map.json", LINKS)));
    assertEquals(map.imports, expected);
  },
});
