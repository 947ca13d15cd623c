import { assertEquals, assertRejects } from "@std/assert";
import { writeDump } from "../../cli/output/memory_dump.ts";
import { CliError } from "../../cli/output/cli_error.ts";
import { loadKernel } from "../../mod.ts";
import { HELLO, withFile, withFolder } from "./kload.ts";

const kernel = await loadKernel(await Deno.readFile(HELLO));
const never = new AbortController().signal;

Deno.test("a dump that is no longer wanted leaves no file behind", async () => {
  await withFolder(async (folder) => {
    const aborted = AbortSignal.abort(new Error("no more"));
    await assertRejects(() => writeDump(kernel, `${folder}/memory.bin`, [], aborted), Error, "no more");
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("a dump that is no longer wanted leaves a file that was there as it was", async () => {
  await withFile("memory.bin", new Uint8Array(10).fill(7), async (path, folder) => {
    await assertRejects(() => writeDump(kernel, path, [], AbortSignal.abort()), DOMException);
    assertEquals(await Deno.readFile(path), new Uint8Array(10).fill(7));
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["memory.bin"]);
  });
});

Deno.test("a dump replaces a longer file", async () => {
  await withFile("memory.bin", new Uint8Array(2 ** 23), async (path) => {
    await writeDump(kernel, path, [], never);
    assertEquals((await Deno.stat(path)).size, kernel.nextFrame);
  });
});

Deno.test("a dump that cannot be written says where", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a\x1b/memory.bin`;
    const error = await assertRejects(() => writeDump(kernel, path, [], never), CliError, "a\\u001b/memory.bin");
    assertEquals([error.code, error.detail], ["dump-failed", { flag: "dump", value: path }]);
  });
});

Deno.test({
  name: "a dump goes to a device as it is",
  ignore: Deno.build.os === "windows",
  fn: () => writeDump(kernel, "/dev/null", [], never),
});
