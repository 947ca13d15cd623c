/** Checksums have the values of their specifications, and of zlib, however the bytes are split. */

import { crc32 as zlibCrc32 } from "node:zlib";
import { assertEquals } from "@std/assert";
import { blockCrc } from "../../formats/bzip2/crc.ts";
import { crc32 } from "../../formats/checksums/crc32.ts";
import { crc64 } from "../../formats/checksums/crc64.ts";
import { sha256 } from "../../formats/checksums/sha256.ts";
import { xxh32, xxh32Of } from "../../formats/checksums/xxh32.ts";
import { xxh64 } from "../../formats/checksums/xxh64.ts";
import { fileByte } from "../elf_builder.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const DIGITS = encode("123456789");
const BYTES = Uint8Array.from({ length: 5000 }, (_, at) => fileByte(at));

function digest<T>(
  start: () => { add: (bytes: Uint8Array) => void; value: () => T },
  bytes: Uint8Array,
  size: number,
): T {
  const { add, value } = start();
  for (let at = 0; at < bytes.length; at += size) add(bytes.subarray(at, at + size));
  return value();
}

Deno.test("crc32() has the check value of ISO 3309, and the values of zlib", () => {
  assertEquals(crc32(DIGITS), 0xcbf43926);
  for (let length = 0; length < 40; length++) {
    assertEquals(crc32(BYTES.subarray(0, length)), zlibCrc32(BYTES.subarray(0, length)), `${length} bytes`);
  }
  for (const cut of [1, 2, 3, 4, 5, 1000]) {
    assertEquals(crc32(BYTES.subarray(cut), crc32(BYTES.subarray(0, cut))), zlibCrc32(BYTES), `cut at ${cut}`);
  }
});

Deno.test("crc64() has the check value of CRC-64/XZ", () => {
  for (const size of [1, 4, 9]) assertEquals(digest(crc64, DIGITS, size), 0x995dc9bbdf1939fan);
});

Deno.test("blockCrc() has the check value of CRC-32/BZIP2", () => {
  assertEquals(~blockCrc(DIGITS, 0xffff_ffff) >>> 0, 0xfc891918);
});

// xxHash: the digests of xxhsum, seed 0
Deno.test("xxh32() and xxh64() have the values of xxHash", () => {
  assertEquals([xxh32Of(encode("")), xxh32Of(encode("a")), xxh32Of(encode("abc"))], [
    0x02cc5d05,
    0x550d7456,
    0x32d153ff,
  ]);
  assertEquals(xxh32Of(encode("Nobody inspects the spammish repetition")), 0xe2293b2f);
  const of64 = (text: string) => digest(xxh64, encode(text), 1000);
  assertEquals([of64(""), of64("a"), of64("abc")], [0xef46db3751d8e999n, 0xd24ec4f1a98c6e5bn, 0x44bc2cf5ad770999n]);
  assertEquals(of64("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1n);
});

Deno.test("sha256() has the values of the web's own, for every length of padding", async () => {
  for (let length = 0; length < 200; length++) {
    const bytes = BYTES.slice(0, length);
    const expected = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    for (const size of [1, 63, 64, 200]) assertEquals(digest(sha256, bytes, size), expected, `${length} bytes`);
  }
});

Deno.test("digests do not depend on how the bytes are split", () => {
  for (const start of [xxh32, xxh64, crc64]) {
    const whole = digest<number | bigint>(start, BYTES, BYTES.length);
    for (const size of [1, 3, 15, 16, 17, 31, 32, 33, 64, 4999]) {
      assertEquals(digest<number | bigint>(start, BYTES, size), whole, `${start.name}, pieces of ${size}`);
    }
  }
});
