import { assertEquals } from "@std/assert";
import { buildElf } from "../elf_builder.ts";
import { start, withFolder } from "./kload.ts";

// Windows cannot send the signal to a single process.
const ignore = Deno.build.os === "windows";

async function interrupted(child: Deno.ChildProcess): Promise<readonly [number, string, string]> {
  child.kill("SIGINT");
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
