/** kload is installed with the commands of README.md, and finds itself by its name in plugins that lie elsewhere. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { HELLO, pathOf, type Run, withFolder } from "./kload.ts";

const README = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
const LINKS = new URL("../../links/", import.meta.url);
const WINDOWS = Deno.build.os === "windows";

const MINE = `
import { LoadError, type Plugin } from "@kload/kload";
import * as stages from "@kload/kload/stages";
import { relocate } from "@kload/kload/plugins/relocate";
import { errorName } from "./error_name.ts";

const PT_GNU_STACK = 0x6474e551;

export const plugin: Plugin<"mine", { readonly kload: string; readonly names: readonly string[] }> = {
  name: "mine",
  handlers: [{
    type: PT_GNU_STACK,
    phase: "seal",
    handle: () => ({
      kload: import.meta.resolve("@kload/kload"),
      names: [typeof stages, relocate().name, errorName(new LoadError("not-elf", { field: "magic", value: 0 }))],
    }),
  }],
};
`;

const ERROR_NAME = `import { LoadError } from "@kload/kload";
export const errorName = (error: Error): string => error instanceof LoadError ? error.name : "unknown";
`;

/** What that plugin finds, if its imports are modules of this folder. */
const FOUND = {
  kload: new URL("../../mod.ts", import.meta.url).href,
  names: ["object", "relocate", "LoadError"],
};

async function output(command: string, args: readonly string[], cwd: string = pathOf("")): Promise<Run> {
  const deno = Deno.execPath().replace(/[\\/][^\\/]+$/, "");
  const path = `${deno}${WINDOWS ? ";" : ":"}${Deno.env.get("PATH")}`;
  const env = { PATH: path, NO_COLOR: "1" };
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], cwd, env, stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  return { status: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs a command of README.md that starts with `deno install`, into a folder of its own. */
async function install(command: string, root: string): Promise<(args: readonly string[], cwd: string) => Promise<Run>> {
  const args = command.split(" ").slice(2).map((arg) => arg.replace(/^"(.*)"$/, "$1"));
  const { status, stderr } = await output(Deno.execPath(), ["install", "--quiet", "--root", root, ...args]);
  assertEquals(status, 0, stderr);
  const program = `${root}/bin/kload`;
  return WINDOWS
    ? (args, cwd) => output("cmd", ["/c", `${program.replaceAll("/", "\\")}.cmd`, ...args], cwd)
    : (args, cwd) => output(program, args, cwd);
}

/** Folders for an installed kload, for a plugin without a deno.json, and for running in. */
async function withPlugin(test: (root: string, plugin: string, cwd: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    for (const name of ["root", "plugin", "elsewhere"]) await Deno.mkdir(`${folder}/${name}`);
    await Deno.writeTextFile(`${folder}/plugin/mine.ts`, MINE);
    await Deno.writeTextFile(`${folder}/plugin/error_name.ts`, ERROR_NAME);
    await test(`${folder}/root`, `${folder}/plugin/mine.ts`, `${folder}/elsewhere`);
  });
}

Deno.test({
  name: "kload installed from a checkout finds @kload/kload in a plugin that lies in a folder of its own",
  ignore: await Deno.stat(LINKS).then(() => false, () => true), // a release has none
  fn: () =>
    withPlugin(async (root, plugin, cwd) => {
      const [command] = README.match(/deno install .* \.\/cli\.ts/) ?? [""];
      const kload = await install(command, root);
      const { status, stdout, stderr } = await kload(["load", HELLO, "--plugin", plugin, "--json"], cwd);
      assertEquals([status, stderr], [0, ""]);
      assertEquals(JSON.parse(stdout).results.mine, FOUND);
      const listed = await kload(["plugins", "--plugin", "../plugin/mine.ts"], cwd);
      assertStringIncludes(listed.stdout, "\n  mine ");
    }),
});

Deno.test({
  name: "kload installed without an import map says what to write instead of @kload/kload",
  ignore: await Deno.stat(LINKS).then(() => false, () => true),
  fn: () =>
    withPlugin(async (root, plugin, cwd) => {
      const { imports } = JSON.parse(await Deno.readTextFile(new URL("import_map.json", LINKS)));
      const map = Object.entries<string>(imports).filter(([name]) => name.startsWith("@std/"))
        .map(([name, file]) => [name, new URL(file, LINKS).href]);
      await Deno.writeTextFile(`${root}/map.json`, JSON.stringify({ imports: Object.fromEntries(map) }));
      const kload = await install(`deno install -g -n kload -A --import-map ${root}/map.json ./cli.ts`, root);
      const { status, stderr } = await kload(["load", HELLO, "--plugin", plugin], cwd);
      assertEquals(status, 1);
      const [error, hint] = stderr.split("\n");
      assertMatch(
        error,
        /^error\[plugin-failed\]: .* its import "@kload\/kload\S*" cannot be resolved, at \S+\.ts:\d+:\d+$/,
      );
      const instead = hint.match(/^hint: Import "(file:\S+)" instead, or install kload with --import-map/)?.[1];
      assertEquals((await Deno.stat(new URL(instead ?? ""))).isFile, true);
    }),
});

const [RELEASE] = README.match(/deno install .* jsr:@kload\/kload\/cli/) ?? [""];
const DATA_URL = RELEASE.match(/--import-map "([^"]+)"/)?.[1] ?? "";

Deno.test("the import map for a release names kload's modules on JSR, and an installed program keeps it", async () => {
  const map = await (await fetch(DATA_URL)).json();
  const expected = { "@kload/kload": "jsr:@kload/kload", "@kload/kload/": "jsr:/@kload/kload/" };
  assertEquals(map, { imports: expected });
  await withFolder(async (folder) => {
    const print = "for (const name of Deno.args) console.log(import.meta.resolve(name));";
    await Deno.writeTextFile(`${folder}/print.ts`, print);
    const program = await install(RELEASE.replace("jsr:@kload/kload/cli", `${folder}/print.ts`), `${folder}/root`);
    const { stdout } = await program(["@kload/kload", "@kload/kload/stages"], folder);
    assertEquals(stdout, "jsr:@kload/kload\njsr:/@kload/kload/stages\n");
  });
});

Deno.test("with that import map a plugin in a folder of its own imports the release that runs", async () => {
  await withPlugin(async (root, plugin, cwd) => {
    // The checkout stands for the release: linked, it is what jsr:@kload/kload resolves to.
    const { links = [] } = JSON.parse(await Deno.readTextFile(pathOf("deno.json")));
    await Deno.writeTextFile(`${root}/deno.json`, JSON.stringify({ links: ["./", ...links].map(pathOf) }));
    await Deno.writeTextFile(`${root}/map.json`, await (await fetch(DATA_URL)).text());
    const flags = ["run", "-A", "--quiet", "--config", `${root}/deno.json`, "--import-map", `${root}/map.json`];
    const args = ["jsr:@kload/kload/cli", "load", HELLO, "--plugin", plugin, "--json"];
    const { status, stdout, stderr } = await output(Deno.execPath(), [...flags, ...args], cwd);
    assertEquals(status, 0, stderr);
    assertEquals(JSON.parse(stdout).results.mine, FOUND);
  });
});
