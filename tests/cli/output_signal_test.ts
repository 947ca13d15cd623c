/** Signals in the middle of an output, to real processes. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { pathOf, withFolder } from "./kload.ts";

const HELLO = pathOf("examples/hello/hello.elf");
const OLD = new TextEncoder().encode("what was there before");

/**
 * A plugin module that stops the process's outputs at a moment: it says so on standard error, and waits for ever. The
 * moments are the first write and the last step before the renaming.
 */
const STALL = `
export const plugin = { name: "stall" };
const { write, syncData } = Deno.FsFile.prototype;
const stall = () => (console.error("stalled"), setInterval(() => {}, 1000), new Promise(() => {}));
Deno.FsFile.prototype.write = async function (bytes) {
  const count = await write.call(this, bytes.subarray(0, 5000));
  if (Deno.env.get("MOMENT") === "write") await stall();
  return count;
};
Deno.FsFile.prototype.syncData = async function () {
  await syncData.call(this);
  if (Deno.env.get("MOMENT") === "sync") await stall();
};
const { setTimeout } = globalThis;
if (Deno.env.get("ENDLESS")) globalThis.setTimeout = (work, time) => time > 0 ? 0 : setTimeout(work, time);
`;

/** A process in the middle of an output. */
interface Stalled {
  readonly kill: (signal: Deno.Signal) => void;
  /** Resolves to its exit status, its standard output, and the rest of standard error. */
  readonly end: () => Promise<readonly [number, string, string]>;
}

/** Starts a command in a folder of its own, and waits for the moment. */
async function stalled(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Stalled> {
  await Deno.writeTextFile(`${folder}/stall.js`, STALL);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--config",
      pathOf("deno.json"),
      "-A",
      pathOf("cli.ts"),
      ...args,
      "--plugin",
      "./stall.js",
    ],
    cwd: folder,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  assertEquals((await errors.read()).value, "stalled\n");
  const end = async (): Promise<readonly [number, string, string]> => {
    const { code } = await child.status;
    return [code, await new Response(child.stdout).text(), (await errors.read()).value ?? ""];
  };
  return { kill: (signal) => child.kill(signal), end };
}

const namesIn = (folder: string): readonly string[] => {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name !== "stall.js").sort();
};

const COMMANDS: readonly (readonly string[])[] = [
  ["load", HELLO, "--dump", "out"],
  ["image", HELLO, "-o", "out"],
  ["dump", "--core", HELLO, "-o", "out"],
];

/** signal(7) has the numbers; a shell adds 128. */
const SIGNALS: readonly (readonly [Deno.Signal, number])[] = [
  ["SIGINT", 130],
  ["SIGHUP", 129],
  ["SIGTERM", 143],
  ["SIGQUIT", 131],
];

for (const moment of Deno.build.os === "windows" ? [] : ["write", "sync"]) {
  for (const [at, [signal, status]] of SIGNALS.entries()) {
    const args = COMMANDS[at % COMMANDS.length];
    Deno.test(`${signal} at a ${moment} of ${args[0]} gives ${status}, and nothing is changed or left`, async () => {
      await withFolder(async (folder) => {
        await Deno.writeFile(`${folder}/out`, OLD);
        const child = await stalled(folder, args, { MOMENT: moment });
        assertEquals(namesIn(folder).length, 2, "it is in the middle of it");
        child.kill(signal);
        assertEquals(await child.end(), [status, "", ""]);
        assertEquals(namesIn(folder), ["out"]);
        assertEquals(await Deno.readFile(`${folder}/out`), OLD);
      });
    });
  }

  Deno.test(`SIGKILL at a ${moment} leaves an old file as it was, and no new one`, async () => {
    for (const isOld of [true, false]) {
      await withFolder(async (folder) => {
        if (isOld) await Deno.writeFile(`${folder}/out`, OLD);
        const child = await stalled(folder, COMMANDS[isOld ? 0 : 1], { MOMENT: moment });
        child.kill("SIGKILL");
        assertEquals(await child.end(), [137, "", ""]);
        const [temporary, ...others] = namesIn(folder);
        assertMatch(temporary, /^\.kload-[0-9a-f-]+$/);
        assertEquals(others, isOld ? ["out"] : []);
        if (isOld) assertEquals(await Deno.readFile(`${folder}/out`), OLD);
      });
    }
  });
}

Deno.test({
  name: "a second signal ends a command at once that does not stop, and still nothing is left",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await withFolder(async (folder) => {
      const args = ["load", HELLO, "--dump", "out", "--json"];
      const child = await stalled(folder, args, { MOMENT: "write", ENDLESS: "yes" });
      child.kill("SIGINT");
      // The grace never ends here. Signals are delivered in order: two of a kind may become one.
      child.kill("SIGHUP");
      child.kill("SIGTERM");
      const [status, stdout] = await child.end();
      assert([129, 130, 143].includes(status), String(status));
      assertEquals(stdout, "");
      assertEquals(namesIn(folder), []);
    });
  },
});

Deno.test({
  name: "a limit on the size of files is an error like a full disk, and an old file stays",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await withFolder(async (folder) => {
      await Deno.writeFile(`${folder}/out`, OLD);
      // The limit is larger than any of Deno's caches. The kernel is placed above it, so that the dump is, too.
      const words = ["run", "--quiet", "--config", pathOf("deno.json"), "-A", pathOf("cli.ts"), "load", HELLO];
      const script = 'ulimit -f 524288; exec "$@"'; // of 512 bytes
      const { code, stdout, stderr } = await new Deno.Command("sh", {
        args: ["-c", script, "sh", Deno.execPath(), ...words, "--kernel-offset", "300M", "--dump", "out"],
        cwd: folder,
        env: { NO_COLOR: "1" },
        stdin: "null",
      }).output();
      const text = new TextDecoder().decode(stderr);
      assertEquals([code, stdout.length], [1, 0], text);
      assertMatch(text, /^error\[dump-failed\]: Cannot write the dump out: File too large\n/);
      assertEquals(namesIn(folder), ["out"]);
      assertEquals(await Deno.readFile(`${folder}/out`), OLD);
    });
  },
});
