import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { rewindable } from "../../cli/input/rewindable_reader.ts";
import type { ByteReader } from "../../mod.ts";
import { fileByte } from "../elf_builder.ts";

const BYTES = Uint8Array.from({ length: 1000 }, (_, at) => fileByte(at));

function live(): ByteReader & { readonly taken: () => number } {
  let at = 0;
  return {
    read: (buffer) => {
      if (at === BYTES.length) return null;
      const piece = BYTES.subarray(at, at + buffer.length);
      buffer.set(piece);
      at += piece.length;
      return piece.length;
    },
    taken: () => at,
  };
}

async function readAll(reader: ByteReader, step: number, most = Infinity): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let length = 0; length < most;) {
    const buffer = new Uint8Array(Math.min(step, most - length));
    const count = await reader.read(buffer);
    if (count === null) break;
    pieces.push(buffer.subarray(0, count));
    length += count;
  }
  return concat(pieces);
}

for (const [first, second] of [[64, 100], [100, 7], [1, 1000], [1000, 1]]) {
  Deno.test(`a rewindable reader read in steps of ${first} gives the same again in steps of ${second}`, async () => {
    const source = live();
    const { reader, rewind } = rewindable(source);
    assertEquals(await readAll(reader, first, 300), BYTES.subarray(0, 300));
    assertEquals(source.taken(), 300);
    assertEquals(await readAll(rewind()!, second, 200), BYTES.subarray(0, 200));
    assertEquals(source.taken(), 300, "nothing more is read for what is kept");
    assertEquals(await readAll(rewind()!, second), BYTES);
    assertEquals(await readAll(rewind()!, first), BYTES);
  });
}

Deno.test("a rewindable reader hands on the end, and does not take it for a byte", async () => {
  const { reader, rewind } = rewindable({ read: () => null });
  assertEquals(await reader.read(new Uint8Array(8)), null);
  assertEquals(await rewind()!.read(new Uint8Array(8)), null);
});

Deno.test("a rewindable reader keeps nothing once more was read than it may keep", async () => {
  const { reader, rewind } = rewindable(live(), 500);
  await readAll(reader, 100, 500);
  const early = rewind();
  assert(early);
  assertEquals(await readAll(reader, 100), BYTES.subarray(500));
  assertEquals(rewind(), undefined);
  await assertRejects(() => readAll(early, 100), Error, "cannot be read twice");
});
