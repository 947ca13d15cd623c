/** The import map for `deno install` from a checkout says what deno.json and the linked packages say. */

import { assert, assertEquals } from "@std/assert";
import { importMap } from "../tools/import_map.ts";

const LINKS = new URL("../links/", import.meta.url);
const MAP = new URL("import_map.json", LINKS);

Deno.test({
  name: "links/import_map.json has every module of kload and of the linked packages",
  ignore: await Deno.stat(LINKS).then(() => false, () => true), // a release has none
  fn: async () => {
    const { imports } = JSON.parse(await Deno.readTextFile(MAP));
    assertEquals(imports, (await importMap()).imports, "deno run -A tools/import_map.ts writes it anew");
    const { name, exports } = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
    for (const [path, file] of Object.entries<string>(exports)) {
      assertEquals(new URL(imports[name + path.slice(1)], MAP), new URL(file, new URL("../", LINKS)));
    }
    for (const target of Object.values<string>(imports).filter((target) => !target.startsWith("npm:"))) {
      assert((await Deno.stat(new URL(target, MAP))).isFile, target);
    }
  },
});
