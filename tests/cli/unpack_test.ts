/** Every command takes kernels out of their containers, and says what went wrong with a container, and what helps. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { unpack } from "../../formats/mod.ts";
import { readAll } from "../formats/packers.ts";
import { gzip, kload, kloadJson, pathOf, withFile, withFolder } from "./kload.ts";

const FILES = [
  ...["xz", "zst", "lz4"].map((ending) => pathOf(`tests/fixtures/field/kernel.elf.${ending}`)),
  ...["gz", "bz2", "lzma", "legacy.lz4", "x86.xz"].map((ending) =>
    pathOf(`tests/fixtures/packed/kernel.elf.${ending}`)
  ),
];
const KERNEL = await readAll((await unpack(await Deno.readFile(FILES[0]))).source);

/** What was loaded, whatever file it came in. */
const without = (json: Readonly<Record<string, unknown>>) => ({ ...json, name: undefined, format: undefined });

Deno.test("load, inspect and dump take a kernel out of every container, from files and standard input", async () => {
  await withFile("kernel.elf", KERNEL, async (plain, folder) => {
    const [loaded, inspected] = [await kloadJson(["load", plain]), await kloadJson(["inspect", plain])];
    for (const file of FILES) {
      const path = file.slice(pathOf(".").length); // relative, as Deno splits a list of paths at commas
      const scoped = { cwd: pathOf("."), permissions: [`--allow-read=${path}`] };
      const load = await kloadJson(["load", path], scoped);
      assertEquals([load.status, without(load.json)], [0, without(loaded.json)], file);
      const stdin = await Deno.readFile(file);
      const piped = await kloadJson(["load", "-"], { permissions: [], stdin });
      assertEquals([piped.status, without(piped.json)], [0, without(loaded.json)], file);
      const inspect = await kloadJson(["inspect", path], scoped);
      const { bytesRead: _, ...inside } = inspect.json.inside;
      const { version, name, bytesRead: __, ...kernel } = inspected.json;
      assertEquals([inspect.status, version, name], [0, 1, plain], file);
      assertEquals(inside, kernel, file);
    }
    const [memory, other] = [`${folder}/a`, `${folder}/b`];
    assertEquals((await kload(["load", plain, "--dump", memory])).status, 0);
    assertEquals((await kload(["load", FILES[1], "--dump", other])).status, 0);
    assertEquals(await Deno.readFile(memory), await Deno.readFile(other));
    for (const command of ["image", "dump"]) {
      const args = command === "dump" ? ["--core"] : [];
      assertEquals((await kload([command, plain, ...args, "-o", memory])).status, 0, command);
      assertEquals((await kload([command, FILES[2], ...args, "-o", other])).status, 0, command);
      assertEquals((await Deno.readFile(memory)).length, (await Deno.readFile(other)).length, command);
    }
  });
});

Deno.test("load reports what the kernel was unpacked from", async () => {
  const { stdout } = await kload(["load", FILES[1]]);
  assertMatch(stdout, /^ {2}unpacked from +zstd data$/m);
  await withFile("kernel.gz", await gzip(await Deno.readFile(FILES[0])), async (path) => {
    assertMatch((await kload([path])).stdout, /^ {2}unpacked from +gzip data\n {2}unpacked from +xz data$/m);
  });
});

/** The file, its name, what the error says, and the command to copy. */
const DAMAGED: readonly (readonly [file: string, says: string, helps: string])[] = [
  [FILES[0], "the xz data is", "xz -t"],
  [FILES[1], "the zstd data is", "zstd -t"],
  [FILES[2], "the lz4 data is", "lz4 -t"],
  [FILES[3], "the gzip data is", "gzip -t"],
  [FILES[4], "the bzip2 data is", "bzip2 -t"],
  [FILES[5], "the lzma data is", "xz -t --format=lzma"],
  [FILES[6], "the legacy lz4 data is", "lz4 -t"],
];

for (const [file, says, helps] of DAMAGED) {
  Deno.test(`${says} truncated, or damaged: the error says so, and what checks it`, async () => {
    const bytes = await Deno.readFile(file);
    const flipped = bytes.with(bytes.length - 5, bytes[bytes.length - 5] ^ 0xff);
    // The legacy format has no checksum.
    const files = [bytes.slice(0, bytes.length >> 1), ...(says.includes("legacy") ? [] : [flipped])];
    for (const damaged of files) {
      await withFile("kernel.packed", damaged, async (path) => {
        const { status, stdout, stderr } = await kload(["load", path]);
        assertEquals([status, stdout], [1, ""]);
        assertStringIncludes(stderr, says);
        assertStringIncludes(stderr, helps);
        const { json } = await kloadJson(["load", path]);
        assertEquals(json.error.code, "source-failed");
      });
    }
  });
}

Deno.test("what kload cannot unpack is refused with a command to copy, in which the path is quoted", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a kernel.zst`;
    // A frame that asks for a dictionary (RFC 8878, 3.1.1.1.3)
    const header = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x38, 0x07);
    await Deno.writeFile(path, concat([header, new Uint8Array(20)]));
    const { status, stderr } = await kload(["load", path]);
    assertEquals(status, 1);
    assertStringIncludes(stderr, "the zstd data uses a dictionary, which kload cannot unpack");
    assertStringIncludes(stderr, `\n  zstd -dc -D DICTIONARY '${path}' | kload load -\n`);
  });
});

Deno.test("a bomb ends at the first bytes that no kernel has", async () => {
  const bomb = await gzip(new Uint8Array(2 ** 27));
  await withFile("bomb.gz", bomb, async (path) => {
    const { status, stderr } = await kload(["load", path]);
    assertEquals(status, 1);
    assertStringIncludes(stderr, "error[");
  });
});
