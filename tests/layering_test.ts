/** Imports go one way, and only the command line, tests and benchmarks touch Deno: read from the sources themselves. */

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

/** The floors, lowest first; what stands on one floor does not know its neighbours there. */
const FLOORS: readonly (readonly string[])[] = [
  ["core/errors.ts", "core/error_", "core/rules.ts", "core/diagnostics.ts", "core/random.ts"],
  ["core/memory/"],
  ["core/elf/", "core/paging/", "core/intake/"],
  ["core/address_space/"],
  ["core/pipeline/"],
  ["core/stages/"],
  ["core/plugin/"],
  ["core/load_kernel.ts", "core/read_headers.ts"],
  ["plugins/"],
  ["boot/"],
  ["mod.ts"],
  ["cli/output/"],
  ["cli/arguments/", "cli/input/"],
  ["cli/report/"],
  ["cli/qemu/"],
  ["cli/commands/"],
  ["cli/main.ts"],
  ["cli.ts"],
];

/** Rooms whose files know nothing of each other, the parts of a plugin in its own folder aside. */
const STRANGERS: readonly string[] = ["core/stages/", "plugins/"];

/** The only packages that core and plugins may import. */
const CORE_PACKAGES = /^@std\/(bytes|streams)(\/|$)/;

function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = folder + entry.name;
    if (entry.isDirectory) yield* sources(`${path}/`);
    else if (path.endsWith(".ts")) yield path;
  }
}

function placeOf(path: string): { readonly floor: number; readonly room: string } {
  const floor = FLOORS.findIndex((rooms) => rooms.some((room) => path.startsWith(room)));
  return { floor, room: FLOORS[floor]?.find((room) => path.startsWith(room)) ?? "" };
}

/** The plugin that a file is of: plugins/relocate/place.ts is of plugins/relocate.ts. */
function pluginOf(path: string): string {
  return path.replace(/^(plugins\/[^/.]+).*$/, "$1");
}

function codeOf(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT)).replace(/\/\*[\s\S]*?\*\/|\/\/ .*$/gm, "");
}

function importsOf(path: string): readonly string[] {
  return [...codeOf(path).matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, specifier]) => specifier);
}

const FILES = ["mod.ts", "cli.ts", ...["core/", "plugins/", "boot/", "cli/"].flatMap((room) => [...sources(room)])];

Deno.test("every source file has a floor, and every floor has files", () => {
  for (const path of FILES) assert(placeOf(path).floor >= 0, `${path} stands on no floor`);
  for (const room of FLOORS.flat()) {
    assert(FILES.some((path) => path.startsWith(room)), `nothing is in ${room}`);
  }
});

Deno.test("imports go down, never up or sideways", () => {
  const faults: string[] = [];
  for (const path of FILES) {
    const here = placeOf(path);
    for (const specifier of importsOf(path).filter((name) => name.startsWith("."))) {
      const target = new URL(specifier, new URL(path, ROOT)).href.slice(ROOT.href.length);
      if (target === "deno.json") continue;
      const there = placeOf(target);
      const known = !STRANGERS.includes(here.room) || path === "plugins/presets.ts" ||
        pluginOf(path) === pluginOf(target);
      const inside = here.room === there.room && known;
      if (!inside && there.floor >= here.floor) faults.push(`${path} imports ${target}`);
    }
  }
  assertEquals(faults, []);
});

Deno.test("core and plugins import no package but @std/bytes and @std/streams", () => {
  const faults = FILES.filter((path) => /^(core|plugins|boot)\//.test(path)).flatMap((path) => {
    return importsOf(path).filter((name) => !name.startsWith(".") && !CORE_PACKAGES.test(name))
      .map((name) => `${path} imports ${name}`);
  });
  assertEquals(faults, []);
});

Deno.test("only the command line touches Deno", () => {
  const faults = FILES.filter((path) => !path.startsWith("cli")).filter((path) => {
    return /\bDeno\./.test(codeOf(path).replace(/"[^"\n]*"/g, '""')); // a text may speak of it
  });
  assertEquals(faults, []);
});

Deno.test("no source file has more than 400 lines", () => {
  const long = FILES.filter((path) => Deno.readTextFileSync(new URL(path, ROOT)).split("\n").length > 401);
  assertEquals(long, []);
});
