/** What a command has read is never replaced by what it writes, and what it lacks for that is said precisely. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runTool } from "../tools.ts";
import { HELLO, kload, pathOf, withFile, withFolder } from "./kload.ts";

const posix = Deno.build.os !== "windows";
const MINE = 'export const plugin = { name: "mine" };';
const KERNEL = await Deno.readFile(HELLO);

/** Runs a command line in a shell, where `kload` is the command. */
async function shell(line: string, cwd: string): Promise<readonly [number, string, string]> {
  const words = [Deno.execPath(), "run", "--quiet", "--no-prompt", "--config", pathOf("deno.json"), "-A"];
  const script = line.replaceAll(/\bkload /g, '"$@" ');
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, "sh", ...words, pathOf("cli.ts")],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return [code, decoder.decode(stdout), decoder.decode(stderr)];
}

const LINES: readonly (readonly [string, string])[] = [
  ["kload load - --dump k.elf < k.elf", "Cannot write the dump k.elf: it is the kernel file"],
  ["kload load - --dump /dev/stdin <> k.elf", "Cannot write the dump /dev/stdin: it is the kernel file"],
  [
    "kload load k.elf -q --dump /dev/stdout >> k.elf",
    "Cannot write the dump /dev/stdout: it is the kernel file",
  ],
  ["kload load - --dump hard < k.elf", "it is the kernel file"],
  ["kload load k.elf --dump soft", "it is the kernel file"],
  ["kload image - -o ./soft < hard", "Cannot write the image ./soft: it is the kernel file"],
  ["kload dump --core k.elf -o hard", "Cannot write the core file hard: it is the kernel file"],
  ["kload image k.elf --ramdisk disk -o disk", "Cannot write the image disk: it is the ramdisk's file"],
  ["kload image k.elf --ramdisk /dev/stdin -o disk < disk", "it is the ramdisk's file"],
  ["kload load k.elf --plugin ./mine.js --dump mine.js", "it is the plugin's module"],
  ['kload load k.elf --plugin "file://$PWD/mine.js" --dump mine.js', "it is the plugin's module"],
  ["kload load k.elf --dump /proc/self/fd/3 3<> hard", "it is the kernel file"],
  ["kload load k.elf --dump /dev/fd/3 3< k.elf", "it is the kernel file"],
  ["kload load k.elf --plugin ./mine.js --dump /dev/fd/3 3<> mine.js", "it is the plugin's module"],
  ["kload image k.elf --ramdisk disk -o /dev/fd/3 3<> disk", "it is the ramdisk's file"],
  ["kload load k.elf --dump disk >> disk", "it is the file that standard output goes to"],
];

for (const [line, message] of posix ? LINES : []) {
  Deno.test(`${line} is refused, and nothing is lost`, async () => {
    await withFile("k.elf", KERNEL, async (path, folder) => {
      await Deno.link(path, `${folder}/hard`);
      await Deno.symlink("k.elf", `${folder}/soft`);
      await Deno.writeTextFile(`${folder}/disk`, "a disk");
      await Deno.writeTextFile(`${folder}/mine.js`, MINE);
      const [code, stdout, stderr] = await shell(line, folder);
      assertEquals([code, stdout], [1, ""]);
      assertStringIncludes(stderr, message);
      assertEquals(await Deno.readFile(path), KERNEL);
      assertEquals(await Deno.readTextFile(`${folder}/disk`), "a disk");
      assertEquals(await Deno.readTextFile(`${folder}/mine.js`), MINE);
      assertEquals([...Deno.readDirSync(folder)].length, 5);
    });
  });
}

Deno.test({
  name: "/dev/stdout gets the same bytes as a file, after what is there",
  ignore: !posix,
  fn: async () => {
    await withFolder(async (folder) => {
      const core = `kload dump --core '${HELLO}' -q -o`;
      const line = `${core} file; { printf head; ${core} /dev/stdout; } > there; ${core} /dev/stdout | cat > piped`;
      assertEquals(await shell(line, folder), [0, "", ""]);
      const file = await Deno.readFile(`${folder}/file`);
      assert(file.length > 2 ** 15);
      assertEquals(await Deno.readFile(`${folder}/piped`), file);
      const there = await Deno.readFile(`${folder}/there`);
      assertEquals(new TextDecoder().decode(there.subarray(0, 4)), "head");
      assertEquals(there.subarray(4), file);
    });
  },
});

/** What the permissions of a run lack for an output, and the flags that its error names. */
const LACKING: readonly (readonly [string, readonly string[], string])[] = [
  ["out", ["--allow-write=out"], "--allow-read=. --allow-write=."],
  ["out", ["--allow-write=."], "--allow-read=."],
  ["out", ["--allow-write"], "--allow-read=."],
  ["new", ["--allow-read=."], "--allow-write=."],
  ["sub/new", ["--allow-read=sub"], "--allow-write=sub"],
  ["a folder/new", [], "--allow-read='a folder' --allow-write='a folder'"],
  ["sub/link", ["--allow-read=sub", "--allow-write=sub"], "--allow-read=sub/.. --allow-write=sub/.."],
  ["a,b/new", ["--allow-write=."], "--allow-read"], // one value of a flag cannot have a comma
  ["a,b/new", [], "--allow-read --allow-write"],
];

for (const [path, permissions, flags] of posix ? LACKING : []) {
  Deno.test(`an output to ${path} with ${permissions.join(" ") || "no permission"} lacks ${flags}`, async () => {
    await withFile("k.elf", KERNEL, async (_, folder) => {
      for (const name of ["sub", "a folder", "a,b"]) await Deno.mkdir(`${folder}/${name}`);
      await Deno.writeTextFile(`${folder}/out`, "out");
      await Deno.symlink("../out", `${folder}/sub/link`);
      const args = ["load", "k.elf", "--quiet", "--dump", path];
      const given = ["--allow-read=k.elf", ...permissions];
      const lacking = await kload(args, { cwd: folder, permissions: given });
      assertEquals([lacking.status, lacking.stdout], [1, ""]);
      assertMatch(
        lacking.stderr,
        /^error\[dump-failed\]: Cannot write the dump .*: Deno lacks the permissions?(; none can be limited to a path with a comma)?\n/,
      );
      assertEquals(lacking.stderr.split("\n").slice(1, 3), [
        flags.includes(" --") ? "hint: Give Deno the permissions:" : "hint: Give Deno the permission:",
        `  ${flags}`,
      ]);
      assertEquals(await Deno.readTextFile(`${folder}/out`), "out");
      // The flags are for a shell. Deno ignores one without a value next to one with values.
      const words = (await runTool("sh", ["-c", `printf '%s\\n' ${flags}`])).trimEnd().split("\n");
      const kept = given.filter((flag) => !words.some((word) => flag.startsWith(`${word}=`)));
      const followed = await kload(args, { cwd: folder, permissions: [...kept, ...words] });
      assertEquals(followed, { status: 0, stdout: "", stderr: "" });
      assert((await Deno.stat(`${folder}/${path}`)).size > 2 ** 20);
    });
  });
}
