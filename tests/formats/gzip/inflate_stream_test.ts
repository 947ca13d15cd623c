import { assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { inflateStream } from "../../../formats/gzip/inflate_stream.ts";
import { decoded } from "../../../formats/input/decoded.ts";
import { UnpackError } from "../../../formats/unpack_error.ts";
import { gzip } from "../../cli/kload.ts";
import { readAll, SMALL, unpacked } from "../packers.ts";

const packed = await gzip(SMALL);

Deno.test("one member is inflated, in reads of any size", async () => {
  for (const size of [1, 7, 1000]) assertEquals(await unpacked(inflateStream, packed, size), SMALL);
});

Deno.test("damage, truncation and a second member are errors of the data", async () => {
  const damaged = packed.with(packed.length - 8, packed[packed.length - 8] ^ 1);
  for (const bytes of [damaged, packed.slice(0, -9), packed.slice(0, 5), concat([packed, packed])]) {
    await assertRejects(() => unpacked(inflateStream, bytes), UnpackError, "the gzip data is damaged");
  }
});

Deno.test("what fails below comes through", async () => {
  const cause = new Error("no carrier");
  const reader = decoded(inflateStream, { read: () => Promise.reject(cause) });
  assertEquals(await assertRejects(() => readAll(reader)), cause);
});
