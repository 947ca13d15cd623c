/** gzip data gives what `gzip -d` gives, and fails where that fails. */

import { crc32, deflateRawSync } from "node:zlib";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { equals } from "@std/bytes/equals";
import { inflate as decode } from "../../../formats/gzip/inflate.ts";
import { decoded } from "../../../formats/input/decoded.ts";
import type { ByteReader } from "../../../mod.ts";
import { fileByte } from "../../elf_builder.ts";
import { testWithTools } from "../../tools.ts";

type Bytes = Uint8Array<ArrayBuffer>;

interface Fields {
  readonly level?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly extra?: Bytes;
  readonly name?: string;
  readonly comment?: string;
  /** Added to the right checksum of the header, which is left out if this is. */
  readonly headerCrc?: number;
}

const encoder = new TextEncoder();

const inflate = (packed: ByteReader) => decoded(decode, packed);

function uint(value: number, size: 2 | 4): Bytes {
  return Uint8Array.from({ length: size }, (_, index) => value >>> (8 * index));
}

/** A member as RFC 1952, "File format", has it. */
function member(content: Bytes, fields: Fields = {}): Bytes {
  const { level = 6, method = 8, extra, name, comment, headerCrc } = fields;
  const flags = (fields.flags ?? 0) | (headerCrc === undefined ? 0 : 2) | (extra ? 4 : 0) |
    (name === undefined ? 0 : 8) | (comment === undefined ? 0 : 16);
  const header = concat([
    Uint8Array.of(0x1f, 0x8b, method, flags, 1, 2, 3, 4, 0, 3),
    ...(extra ? [uint(extra.length, 2), extra] : []),
    ...[name, comment].flatMap((text) => text === undefined ? [] : [encoder.encode(`${text}\0`)]),
  ]);
  const checked = headerCrc === undefined ? header : concat([header, uint(crc32(header) + headerCrc, 2)]);
  const packed = new Uint8Array(deflateRawSync(content, { level }));
  return concat([checked, packed, uint(crc32(content), 4), uint(content.length, 4)]);
}

const zeros = (length: number): Bytes => new Uint8Array(length);
const text = (length: number): Bytes => encoder.encode("All work and no play. ".repeat(length / 20)).slice(0, length);
const noise = (length: number): Bytes => Uint8Array.from({ length }, (_, at) => fileByte(at * 7919));

const ALL_FIELDS: Fields = { extra: noise(700), name: "kernel.elf", comment: "made\nby hand", headerCrc: 0 };
const ONE = member(text(5000));
const TWO = member(noise(3000));

const FILES: Readonly<Record<string, Bytes>> = {
  "one member": ONE,
  "two members": concat([ONE, TWO]),
  "fifty members": concat(Array.from({ length: 50 }, (_, index) => member(noise(index * 40)))),
  "an empty member": member(zeros(0)),
  "empty members between others": concat([member(zeros(0)), ONE, member(zeros(0)), member(zeros(0)), TWO]),
  "stored blocks": member(noise(200_000), { level: 0 }),
  "stored blocks before others": concat([member(noise(70_000), { level: 0 }), ONE]),
  "a large member": member(concat([text(300_000), noise(300_000), zeros(3_000_000)])),
  "an extra field": member(text(100), { extra: noise(20) }),
  "an empty extra field": member(text(100), { extra: zeros(0) }),
  "a name": member(text(100), { name: "vmlinux" }),
  "an empty name": member(text(100), { name: "" }),
  "a name longer than a read": member(text(100), { name: "n".repeat(200_000), comment: "c", headerCrc: 0 }),
  "a comment": member(text(100), { comment: "A comment" }),
  "a header checksum": member(text(100), { headerCrc: 0 }),
  "a header checksum that differs": member(text(100), { headerCrc: 1 }),
  "every field": member(text(100), ALL_FIELDS),
  "every field in each of two members": concat([member(text(100), ALL_FIELDS), member(noise(99), ALL_FIELDS)]),
  "the text flag": member(text(100), { flags: 1 }),
  "reserved flags": member(text(100), { flags: 0x40 }),
  "reserved flags in the second member": concat([ONE, member(text(100), { flags: 0x80 })]),
  "another compression method": member(text(100), { method: 7 }),
  "another compression method in the second member": concat([ONE, member(text(100), { method: 0 })]),
  ...Object.fromEntries([1, 511, 512, 10_240, 100_000].map((size) => [
    `${size} bytes of padding`,
    concat([ONE, TWO, zeros(size)]),
  ])),
  "padding, and a member after it": concat([ONE, zeros(512), TWO]),
  "padding, and something else after it": concat([ONE, zeros(3), encoder.encode("signature")]),
  "something else after a member": concat([ONE, encoder.encode("-----BEGIN SIGNATURE-----")]),
  "something else that starts like a member": concat([ONE, Uint8Array.of(0x1f, 0, 1, 2, 3)]),
  "a single byte after a member": concat([ONE, Uint8Array.of(0x80)]),
};

/** A reader that gives at most `size` bytes a time, and none at times. */
function readerOf(bytes: Bytes, size: number): ByteReader {
  let at = 0;
  let call = 0;
  return {
    read: (buffer) => {
      if (at === bytes.length) return null;
      if (call++ % 3 === 1) return 0;
      const piece = bytes.subarray(at, at + Math.min(size, buffer.length));
      buffer.set(piece);
      at += piece.length;
      return piece.length;
    },
  };
}

async function readAll({ read }: ByteReader): Promise<Bytes> {
  const pieces: Bytes[] = [];
  for (;;) {
    const buffer = new Uint8Array(100_000);
    const count = await read(buffer);
    if (count === null) return concat(pieces);
    pieces.push(buffer.subarray(0, count));
  }
}

const ours = (bytes: Bytes, size: number): Promise<Bytes> => readAll(inflate(readerOf(bytes, size)));

/** What `gzip -d` makes of it; `undefined` if it fails. It warns of what it ignores with status 2. */
async function theirs(bytes: Bytes): Promise<Bytes | undefined> {
  const child = new Deno.Command("gzip", { args: ["-dc"], stdin: "piped", stdout: "piped", stderr: "null" }).spawn();
  const written = new Blob([bytes]).stream().pipeTo(child.stdin).catch(() => {});
  const { code, stdout } = await child.output();
  await written;
  return code === 0 || code === 2 ? stdout : undefined;
}

async function assertSame(bytes: Bytes, sizes: readonly number[], message: string): Promise<void> {
  const expected = await theirs(bytes);
  for (const size of sizes) {
    if (expected) assert(equals(await ours(bytes, size), expected), `${message}, reads of ${size}`);
    else await assertRejects(() => ours(bytes, size), Error, "the gzip data is", message);
  }
}

for (const [what, bytes] of Object.entries(FILES)) {
  testWithTools(["gzip"], `${what}: as gzip -d`, async () => {
    await assertSame(bytes, bytes.length > 20_000 ? [997, 2 ** 16, 2 ** 30] : [1, 7, 997, 2 ** 30], what);
  });
}

const SMALL = concat([member(text(60), { ...ALL_FIELDS, extra: noise(5) }), member(noise(10), { level: 0 }), zeros(3)]);

testWithTools(["gzip"], "members that are read in two parts, cut anywhere: as gzip -d", async () => {
  const expected = await theirs(SMALL);
  for (let cut = 1; cut < SMALL.length; cut++) {
    const parts = [SMALL.subarray(0, cut), SMALL.subarray(cut)];
    const read = (buffer: Uint8Array): number | null => {
      const part = parts.shift();
      if (part) buffer.set(part);
      return part?.length ?? null;
    };
    assertEquals(await readAll(inflate({ read })), expected, `cut at ${cut}`);
  }
});

testWithTools(["gzip"], "a file that ends anywhere: as gzip -d", async () => {
  for (let length = 2; length < SMALL.length; length++) {
    await assertSame(SMALL.slice(0, length), [1, 2 ** 16], `${length} bytes`);
  }
});

testWithTools(["gzip"], "a file with any one bit flipped: as gzip -d", async () => {
  for (let at = 2; at < SMALL.length; at++) {
    const bit = 1 << at * 5 % 8;
    await assertSame(SMALL.with(at, SMALL[at] ^ bit), [2 ** 16], `bit ${bit} of byte ${at}`);
  }
});

/** So many members with the same content. */
const repeated = (content: Bytes, count: number, fields?: Fields): Bytes => {
  const one = member(content, fields);
  const all = new Uint8Array(one.length * count);
  for (let at = 0; at < count; at++) all.set(one, at * one.length);
  return all;
};

Deno.test("thousands of tiny members are refused after a thousand, as each takes long to begin", async () => {
  for (const content of [zeros(0), text(1), zeros(1000)]) {
    const bytes = repeated(content, 20_000);
    let read = 0;
    const below = readerOf(bytes, 2 ** 16);
    const counted: ByteReader = { read: (buffer) => (read++, below.read(buffer)) };
    const error = await assertRejects(() => readAll(inflate(counted)), Error, "too many members");
    const begun = Number(/: (\d+) in/.exec(error.message)?.[1]);
    assert(begun > 1024 && begun < 2500, error.message);
    assert(read < 10, `${read} reads`);
  }
});

testWithTools(["gzip"], "thousands of members with something in each: as gzip -d", async () => {
  await assertSame(repeated(zeros(2 ** 15), 3000), [2 ** 16], "members of 32 KiB");
  await assertSame(repeated(noise(1200), 3000, { level: 0 }), [2 ** 16], "members of a kilobyte");
});

Deno.test("a read that failed fails again, and does not turn into an end", async () => {
  const reader = inflate(readerOf(ONE.subarray(0, ONE.length - 8), 100));
  for (let time = 0; time < 3; time++) {
    await assertRejects(() => readAll(reader), Error, "the gzip data is truncated");
  }
});

Deno.test("an error of the reader below comes through as it is", async () => {
  for (const length of [0, 5, 15, ONE.length - 4]) {
    const below = readerOf(ONE.subarray(0, length), 100);
    const cause = new Error("no carrier");
    const read = (buffer: Uint8Array) => below.read(buffer) ?? Promise.reject(cause);
    const error = await assertRejects(() => readAll(inflate({ read })));
    assertEquals(error, cause);
  }
});

Deno.test("all that was sent is inflated before more is waited for", async () => {
  const content = text(5000);
  const packed = member(content, { level: 0 });
  const below = readerOf(packed.subarray(0, packed.length - 8), 1000);
  const reader = inflate({ read: (buffer) => below.read(buffer) ?? new Promise(() => {}) });
  const buffer = new Uint8Array(5000);
  for (let length = 0; length < buffer.length;) length += (await reader.read(buffer.subarray(length)))!;
  assertEquals(buffer, content);
  reader.close();
});
