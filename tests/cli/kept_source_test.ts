/** Sources whose content is kept for later are read once, and kept once. */

import { assert, assertEquals } from "@std/assert";
import { keepFile, type KeptFile } from "../../core/file/kept_file.ts";
import type { ByteReader } from "../../mod.ts";
import { openSource } from "../../cli/input/source.ts";
import { gzip, HELLO, withFile } from "./kload.ts";

const { signal } = new AbortController();

async function readAll(reader: ByteReader): Promise<Uint8Array> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (;;) {
    const buffer = new Uint8Array(1000);
    const count = await reader.read(buffer);
    if (count === null) return new Uint8Array(await new Blob(pieces).arrayBuffer());
    pieces.push(buffer.slice(0, count));
  }
}

Deno.test("a packed file is kept as it is unpacked, and starting over reads what was kept", async () => {
  const hello = await Deno.readFile(HELLO);
  await withFile("kernel.gz", await gzip(hello), async (path) => {
    let calls = 0;
    const keep = (reader: ByteReader): KeptFile => {
      calls++;
      return keepFile(reader, { signal });
    };
    const source = await openSource(path, signal, undefined, keep);
    const { kept } = source;
    assert(kept);
    assertEquals(await readAll(source.reader), hello);
    assertEquals(kept.whole(), hello);
    await source.check(); // what it would read is lost, but nothing is left to be read
    assertEquals(kept.bytes(0x3028, 16), hello.subarray(0x3028, 0x3038));
    assertEquals(calls, 1);
    source.close();
  });
});

Deno.test("a file that can be read at any offset is not kept", async () => {
  const keep = (): KeptFile => {
    throw new Error("it is not asked for");
  };
  const source = await openSource(HELLO, signal, undefined, keep);
  assertEquals([source.kept, source.random === undefined], [undefined, false]);
  source.close();
});

Deno.test("a source that can be read only once starts over with what was kept", async () => {
  const hello = await Deno.readFile(HELLO);
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => new Response(hello));
  const url = `http://127.0.0.1:${server.addr.port}/kernel.elf`;
  const source = await openSource(url, signal, undefined, (reader) => keepFile(reader, { signal }));
  const buffer = new Uint8Array(4096);
  await source.reader.read(buffer);
  assertEquals(await readAll((await source.again())!.reader), hello);
  assertEquals(source.kept?.whole(), hello);
  source.close();
});
