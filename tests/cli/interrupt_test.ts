import { assert, assertEquals, assertMatch } from "@std/assert";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { runTool } from "../tools.ts";
import { gzip, HELLO, start, withFile, withFolder } from "./kload.ts";

// Windows cannot send the signal to a single process.
const ignore = Deno.build.os === "windows";

async function interrupted(
  child: Deno.ChildProcess,
  signal: Deno.Signal = "SIGINT",
): Promise<readonly [number, string, string]> {
  child.kill(signal);
  const { code } = await child.status;
  return [code, await new Response(child.stdout).text(), await new Response(child.stderr).text()];
}

Deno.test({
  name: "Ctrl-C ends a load from standard input with 130 and no report",
  ignore,
  fn: async () => {
    const file = buildElf({ segments: [{ filesz: 2 ** 21 }] });
    const child = start(["load", "-"], { stdin: file });
    const stdin = child.stdin.getWriter();
    await stdin.write(file.slice(0, 2 ** 20)); // more than a pipe holds: it was read
    assertEquals(await interrupted(child), [130, "", ""]);
    await stdin.close().catch(() => {});
  },
});

Deno.test({
  name: "Ctrl-C ends a wait for the first byte of a pipe with 130, and JSON stays one object",
  ignore,
  fn: async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/pipe`;
      await new Deno.Command("mkfifo", { args: [path] }).output();
      const child = start(["load", path, "--json"]);
      using _writing = await Deno.open(path, { write: true }); // once it is open for reading
      const [status, stdout] = await interrupted(child);
      assertEquals([status, JSON.parse(stdout).error.code], [130, "interrupted"]);
    });
  },
});

Deno.test({
  name: "Ctrl-C ends a wait for a server with 130",
  ignore,
  fn: async () => {
    const controller = new AbortController();
    const asked = Promise.withResolvers<void>();
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {}, signal: controller.signal };
    const server = Deno.serve(options, () => {
      asked.resolve();
      return new Promise<Response>(() => {});
    });
    const child = start(["load", `http://127.0.0.1:${server.addr.port}/`]);
    await asked.promise;
    assertEquals(await interrupted(child), [130, "", ""]);
    controller.abort();
    await server.finished;
  },
});

/** A shell adds 128 to the numbers of signal(7). */
const SIGNALS: readonly (readonly [Deno.Signal, number])[] = [["SIGINT", 130], ["SIGHUP", 129], ["SIGTERM", 143]];

/** What each command waits for: a pipe that nothing is written to, as the kernel or as the ramdisk. */
const WAITING: readonly (readonly string[])[] = [
  ["load", "pipe"],
  ["inspect", "pipe"],
  ["run", "pipe"],
  ["diff", "pipe", HELLO],
  ["diff", HELLO, "pipe"],
  ["image", "pipe", "-o", "out"],
  ["dump", "--core", "pipe", "-o", "out"],
  ["image", HELLO, "--ramdisk", "pipe", "-o", "out"],
  ["load", HELLO, "--dump", "pipe"],
];

for (const [at, args] of WAITING.entries()) {
  const [signal, status] = SIGNALS[at % SIGNALS.length];
  Deno.test({
    name: `${signal} ends ${
      args.map((arg) => arg === HELLO ? "FILE" : arg).join(" ")
    } at a stalled pipe with ${status}`,
    ignore,
    fn: async () => {
      await withFolder(async (folder) => {
        await runTool("mkfifo", [`${folder}/pipe`]);
        const child = start(args, { cwd: folder });
        const isOutput = args.includes("--dump");
        // Both ends open at the same moment.
        using other = await Deno.open(`${folder}/pipe`, isOutput ? { read: true } : { write: true });
        if (isOutput) assertEquals(await other.read(new Uint8Array(1)), 1); // the rest does not fit into the pipe
        assertEquals(await interrupted(child, signal), [status, "", ""]);
        assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["pipe"]);
      });
    },
  });
}

Deno.test({
  name: "Ctrl-C ends the inflating of an endless gzip with 130, and JSON names the signal",
  ignore,
  fn: async () => {
    const file = await gzip(buildElf({ segments: [{ filesz: 2 ** 20 }], length: 2 ** 21 }).slice(0, 2 ** 19));
    const more = await gzip(crypto.getRandomValues(new Uint8Array(2 ** 16)));
    for (const json of [false, true]) {
      const child = start(["load", "-", ...(json ? ["--json"] : [])], { stdin: file });
      const stdin = child.stdin.getWriter();
      await stdin.write(file);
      for (let count = 0; count < 4; count++) await stdin.write(more); // more than a pipe holds: some of it was inflated
      const [status, stdout, stderr] = await interrupted(child);
      assertEquals([status, stderr], [130, ""]);
      if (!json) assertEquals(stdout, "");
      else assertEquals(JSON.parse(stdout).error.detail, { signal: "SIGINT" });
      await stdin.close().catch(() => {});
    }
  },
});

Deno.test({
  name: "Ctrl-C ends the wait of a refused pipe's trial of other rules with 130",
  ignore,
  fn: async () => {
    await withFolder(async (folder) => {
      await runTool("mkfifo", [`${folder}/pipe`]);
      const child = start(["load", "pipe"], { cwd: folder });
      using pipe = await Deno.open(`${folder}/pipe`, { write: true });
      await pipe.write(buildElf({ segments: [{ filesz: 2 ** 14, p_align: 7n }] }).subarray(0, 4096));
      const errors = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
      assertMatch((await errors.read()).value ?? "", /not loaded\nerror\[alignment-invalid\]/);
      child.kill("SIGINT"); // another rule set waits for the rest of the file
      assertEquals((await child.status).code, 130);
      assertEquals((await errors.read()).value, undefined);
      await child.stdout.cancel();
    });
  },
});

Deno.test({
  name: "Ctrl-C ends a report that nobody reads with 130, and no second object follows",
  ignore,
  fn: async () => {
    const segments = Array.from({ length: 2000 }, (_, at): SegmentSpec => ({
      p_vaddr: 0x4000_0000n + 0x1000n * BigInt(at),
      filesz: 0x10,
    }));
    await withFile("many.elf", buildElf({ segments }), async (path) => {
      const child = start(["load", path, "--json"]);
      const stdout = child.stdout.getReader();
      const first = await stdout.read();
      child.kill("SIGINT");
      assertEquals((await child.status).code, 130);
      let text = new TextDecoder().decode(first.value);
      for (let next = await stdout.read(); !next.done; next = await stdout.read()) {
        text += new TextDecoder().decode(next.value);
      }
      assert(text.length > 2 ** 16, "more than a pipe holds");
      assert(!text.includes("interrupted"));
      await child.stderr.cancel();
    });
  },
});
