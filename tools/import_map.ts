/**
 * Writes links/import_map.json, which `deno install` uses in a checkout: it maps the import specifier of every module
 * of kload and of the linked packages to its file, and the packages on npm to what deno.json says of them.
 *
 * Run it after changing `exports` in deno.json or a linked package, or npm packages in `imports`:
 *
 *     deno run -A tools/import_map.ts
 */

const ROOT = new URL("../", import.meta.url);

interface Config {
  readonly name: string;
  readonly exports: string | Readonly<Record<string, string>>;
}

/** Builds the import map; its targets are relative to the folder links. */
export async function importMap(): Promise<{ readonly imports: Readonly<Record<string, string>> }> {
  const imports: Record<string, string> = {};
  const root = await readJson("deno.json");
  for (const folder of [".", ...root.links]) {
    const { name, exports } = await readJson(`${folder}/deno.json`) as Config;
    const modules = typeof exports === "string" ? { ".": exports } : exports;
    for (const [path, file] of Object.entries(modules)) {
      const { pathname } = new URL(`${folder}/${file}`, "file:///");
      imports[name + path.slice(1)] = pathname.startsWith("/links/") ? `.${pathname.slice(6)}` : `..${pathname}`;
    }
  }
  for (const [name, specifier] of Object.entries<string>(root.imports)) {
    if (!specifier.startsWith("npm:")) continue;
    imports[name] = specifier;
    imports[`${name}/`] = `npm:/${specifier.slice("npm:".length)}/`;
  }
  return { imports };
}

async function readJson(path: string) {
  return JSON.parse(await Deno.readTextFile(new URL(path, ROOT)));
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("links/import_map.json", ROOT), JSON.stringify(await importMap(), null, 2) + "\n");
}
