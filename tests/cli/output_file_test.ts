/** Outputs are whole or absent, whatever is at their path. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { CliError } from "../../cli/output/cli_error.ts";
import type { FilePiece } from "../../cli/output/file_pieces.ts";
import { type OutputFile, writeOutputFile } from "../../cli/output/output_file.ts";
import { identityOf, type KeptFile } from "../../cli/output/same_file.ts";
import { runTool } from "../tools.ts";
import { withFile, withFolder } from "./kload.ts";

const posix = Deno.build.os !== "windows";
const never = new AbortController().signal;
const OLD = new TextEncoder().encode("what was there before");

const target = (path: string): OutputFile => ({ path, flag: "output", what: "the image", code: "image-failed" });

/** Two pieces with a hole between them and zeros after them, and what they are together. */
const PIECES: readonly FilePiece[] = [
  { offset: 0, bytes: new Uint8Array(100_000).fill(1) },
  { offset: 300_000, bytes: new Uint8Array(50_000).fill(2) },
];
const SIZE = 400_000;
const WHOLE = new Uint8Array(SIZE).fill(1, 0, 100_000).fill(2, 300_000, 350_000);

function write(path: string, kept: readonly KeptFile[] = []): Promise<void> {
  return writeOutputFile(target(path), PIECES, SIZE, kept, never);
}

async function refusal(path: string, kept: readonly KeptFile[] = []): Promise<string> {
  const error = await assertRejects(() => write(path, kept), CliError);
  assertEquals([error.code, error.detail], ["image-failed", { flag: "output", value: path }]);
  return `${error.message}\n${error.hint}`;
}

const namesIn = (folder: string): readonly string[] => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("a new file has all bytes, and the mode of any new file", async () => {
  await withFolder(async (folder) => {
    await write(`${folder}/new`);
    await Deno.writeFile(`${folder}/other`, WHOLE);
    assertEquals(await Deno.readFile(`${folder}/new`), WHOLE);
    assertEquals((await Deno.stat(`${folder}/new`)).mode, (await Deno.stat(`${folder}/other`)).mode);
    assertEquals(namesIn(folder), ["new", "other"]);
  });
});

Deno.test({
  name: "an existing file is replaced, and keeps its mode",
  ignore: !posix,
  fn: async () => {
    for (const mode of [0o600, 0o751, 0o4755]) {
      await withFile("file", OLD, async (path, folder) => {
        await Deno.chmod(path, mode);
        await write(path);
        assertEquals(await Deno.readFile(path), WHOLE);
        assertEquals((await Deno.stat(path)).mode! & 0o7777, mode);
        assertEquals(namesIn(folder), ["file"]);
      });
    }
  },
});

Deno.test({
  name: "symbolic links stay, and the file that they lead to is replaced where it is",
  ignore: !posix,
  fn: async () => {
    await withFile("file", OLD, async (path, folder) => {
      await Deno.mkdir(`${folder}/sub`);
      await Deno.symlink("../file", `${folder}/sub/relative`);
      await Deno.symlink(`${folder}/sub/relative`, `${folder}/absolute`);
      await write(`${folder}/absolute`);
      assertEquals(await Deno.readFile(path), WHOLE);
      assertEquals(await Deno.readLink(`${folder}/absolute`), `${folder}/sub/relative`);
      assertEquals(await Deno.readLink(`${folder}/sub/relative`), "../file");
      assert((await Deno.lstat(path)).isFile);
      assertEquals([namesIn(folder), namesIn(`${folder}/sub`)], [["absolute", "file", "sub"], ["relative"]]);
    });
  },
});

Deno.test({
  name: "a symbolic link that leads nowhere, in circles or to a folder is refused, and so is a folder",
  ignore: !posix,
  fn: async () => {
    await withFolder(async (folder) => {
      await Deno.symlink("nowhere", `${folder}/dangling`);
      await Deno.symlink("circle", `${folder}/circle`);
      await Deno.symlink(".", `${folder}/here`);
      const before = namesIn(folder);
      assertStringIncludes(await refusal(`${folder}/dangling`), "it is a symbolic link to a file that does not exist");
      assertStringIncludes(await refusal(`${folder}/circle`), "there are too many levels of symbolic links");
      assertStringIncludes(await refusal(`${folder}/here`), "it is a directory");
      assertStringIncludes(await refusal(folder), "it is a directory");
      assertEquals(namesIn(folder), before);
    });
  },
});

Deno.test({
  name: "a pipe gets every byte in order, with zeros where a file would have holes",
  ignore: !posix,
  fn: async () => {
    await withFolder(async (folder) => {
      await runTool("mkfifo", [`${folder}/pipe`]);
      const [bytes] = await Promise.all([Deno.readFile(`${folder}/pipe`), write(`${folder}/pipe`)]);
      assertEquals(bytes, WHOLE);
      assert((await Deno.lstat(`${folder}/pipe`)).isFifo);
      assertEquals(namesIn(folder), ["pipe"]);
    });
  },
});

Deno.test({
  name: "a device is written as it is, and a full one is an error",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await write("/dev/null");
    assertStringIncludes(await refusal("/dev/full"), "No space left on device");
    assert((await Deno.lstat("/dev/null")).isCharDevice);
  },
});

const FAILURES:
  readonly (readonly [string, () => { readonly pieces: AsyncIterable<FilePiece>; signal: AbortSignal }])[] = [
    ["an interruption between two pieces", () => {
      const controller = new AbortController();
      return {
        pieces: (async function* () {
          yield PIECES[0];
          controller.abort(new Error("not this one"));
          yield PIECES[1];
        })(),
        signal: controller.signal,
      };
    }],
    ["an interruption after the last piece", () => {
      const controller = new AbortController();
      return {
        pieces: (async function* () {
          yield* PIECES;
          controller.abort(new Error("not this one"));
        })(),
        signal: controller.signal,
      };
    }],
    ["an error in the pieces", () => ({
      // deno-lint-ignore require-yield
      pieces: (async function* () {
        await Promise.resolve();
        throw new Error("not this one");
      })(),
      signal: never,
    })],
  ];

for (const [what, start] of FAILURES) {
  Deno.test(`${what} leaves no new file, and an old one as it was`, async () => {
    await withFile("old", OLD, async (path, folder) => {
      for (const name of ["old", "new"]) {
        const { pieces, signal } = start();
        const work = () => writeOutputFile(target(`${folder}/${name}`), pieces, SIZE, [], signal);
        await assertRejects(work, Error, "not this one");
      }
      assertEquals(await Deno.readFile(path), OLD);
      assertEquals(namesIn(folder), ["old"]);
    });
  });
}

Deno.test({
  name: "a file that is writable in a folder that is not is refused, with the reason",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const text = await refusal("/proc/self/comm"); // nobody creates files in /proc
    assertStringIncludes(text, "no file can be created in its folder: ");
    assertStringIncludes(text, "give --output a path in a folder that is writable");
  },
});

Deno.test({
  name: "a file that cannot be written is not replaced, although its folder can",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/program`;
      await Deno.copyFile("/bin/sh", path);
      await Deno.chmod(path, 0o755);
      const child = new Deno.Command(path, { args: ["-c", "read line"], stdin: "piped" }).spawn();
      assertStringIncludes(await refusal(path), "Text file busy"); // Linux says so even to root
      await child.stdin.close();
      await child.status;
      assertEquals((await Deno.readFile(path)).length, (await Deno.stat("/bin/sh")).size);
      assertEquals(namesIn(folder), ["program"]);
    });
  },
});

Deno.test("a file that was read is not replaced, under whatever name", async () => {
  await withFile("read", OLD, async (path, folder) => {
    const identity = identityOf(await Deno.stat(path));
    const kept = { what: "the kernel file", identity: () => Promise.resolve(identity) };
    const other = { what: "something else", identity: () => Promise.resolve({ ...identity!, ino: identity!.ino + 1 }) };
    await Deno.link(path, `${folder}/hard`);
    if (posix) await Deno.symlink("hard", `${folder}/soft`);
    for (const name of ["read", "hard", ...(posix ? ["soft"] : [])]) {
      const text = await refusal(`${folder}/${name}`, [other, kept]);
      assertStringIncludes(text, "it is the kernel file\nGive --output the path of another file.");
      assertEquals(await Deno.readFile(`${folder}/${name}`), OLD);
    }
    await write(`${folder}/hard`, [other]);
    assertEquals(await Deno.readFile(path), OLD, "the other name keeps the old file");
  });
});

const canMount = Deno.build.os === "linux" && Deno.uid() === 0;

Deno.test({
  name: `a full disk leaves no new file, and an old one as it was${canMount ? "" : " (left out: only root can mount)"}`,
  ignore: !canMount,
  fn: async () => {
    await withFolder(async (folder) => {
      await runTool("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]);
      try {
        await Deno.writeFile(`${folder}/old`, OLD);
        for (const name of ["old", "new"]) {
          assertStringIncludes(await refusal(`${folder}/${name}`), "No space left on device");
          assertEquals(namesIn(folder), ["old"]);
        }
        assertEquals(await Deno.readFile(`${folder}/old`), OLD);
      } finally {
        await runTool("umount", [folder]);
      }
    });
  },
});
