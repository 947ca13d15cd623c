import { assertEquals } from "@std/assert";
import { readNames } from "../../cli/commands/read_names.ts";
import { openSource } from "../../cli/input/source.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import { pathOf, withFile } from "./kload.ts";

const KERNEL = await Deno.readFile(pathOf("tests/fixtures/faults/null-call/kernel.elf"));
const { signal } = new AbortController();

/** The names that are read of a file after something was done to it. */
async function namesAfter(
  bytes: Uint8Array<ArrayBuffer>,
  change: (path: string) => Promise<void>,
): Promise<number | undefined> {
  let found: number | undefined;
  await withFile("kernel.elf", bytes, async (path) => {
    const source = await openSource(path, signal);
    try {
      await change(path);
      found = (await readNames(source, undefined, signal))?.find("key_pressed").length;
    } finally {
      source.close();
    }
  });
  return found;
}

const unchanged = () => Promise.resolve();

Deno.test("the names of a file are read after it was loaded, also if it is compressed", async () => {
  assertEquals(await namesAfter(KERNEL, unchanged), 1);
  const packed = new Blob([KERNEL]).stream().pipeThrough(new CompressionStream("gzip"));
  assertEquals(await namesAfter(new Uint8Array(await new Response(packed).arrayBuffer()), unchanged), 1);
});

Deno.test("a file that was built anew, replaced or removed since has no names", async () => {
  assertEquals(await namesAfter(KERNEL, (path) => Deno.writeFile(path, KERNEL.slice(0, -8))), undefined);
  assertEquals(await namesAfter(KERNEL, (path) => Deno.utime(path, 1, 1)), undefined);
  assertEquals(await namesAfter(KERNEL, (path) => Deno.remove(path)), undefined);
  const replaced = async (path: string) => {
    await Deno.copyFile(path, `${path}.new`);
    await Deno.rename(`${path}.new`, path);
  };
  assertEquals(await namesAfter(KERNEL, replaced), undefined);
});

Deno.test("the names of a stream are in what was kept of it", async () => {
  const source = await openSource(pathOf("examples/hello/hello.elf"), signal);
  try {
    const names = await readNames(source, keepFile(new Blob([KERNEL]).stream()), signal);
    assertEquals(names?.find("key_pressed").length, 1);
    assertEquals(
      await readNames(source, keepFile(new ReadableStream({ pull: (it) => it.error("gone") })), signal),
      undefined,
    );
  } finally {
    source.close();
  }
});
