/** Encoded pointers, by the tables of "DWARF Exception Header Encoding" of the LSB Core specification. */

import { assertEquals, assertThrows } from "@std/assert";
import { elfReader } from "../../../core/elf/reader.ts";
import { LoadError } from "../../../core/errors.ts";
import { encodedSize, readEncoded, readUleb128 } from "../../../plugins/eh_frame/encoding.ts";

const ADDRESS = 0x40_0000n;
const DATA = 0x50_0000n;
const END = 1n << 64n;

const readerOf = (...bytes: readonly number[]) => elfReader(new Uint8Array(bytes), { subject: "the test" });

/** Eleven bytes of which each has its highest bit set, and a last one that has not. */
const BYTES = [0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8, 0x89, 0x9a, 0xab, 0x0c];

/** Formats, with the value at offset 1 of these bytes, and its size. */
const FORMATS: readonly (readonly [format: number, value: bigint, size: number])[] = [
  [0x00, 0x89f8_e7d6_c5b4_a392n, 8], // absptr
  [0x02, 0xa392n, 2], // udata2
  [0x03, 0xc5b4_a392n, 4], // udata4
  [0x04, 0x89f8_e7d6_c5b4_a392n, 8], // udata8
  [0x0a, 0xa392n - (1n << 16n), 2], // sdata2
  [0x0b, 0xc5b4_a392n - (1n << 32n), 4], // sdata4
  [0x0c, 0x89f8_e7d6_c5b4_a392n - END, 8], // sdata8
];

/** What values are relative to. */
const ORIGINS: readonly (readonly [bits: number, origin: bigint])[] = [
  [0x00, 0n],
  [0x10, ADDRESS + 1n], // pcrel: the place of the value
  [0x30, DATA], // datarel
];

Deno.test("readEncoded() reads every format of fixed size, relative to nothing, its place or the data", () => {
  for (const [format, value, size] of FORMATS) {
    for (const [bits, origin] of ORIGINS) {
      const found = readEncoded(readerOf(...BYTES), 1, bits | format, { address: ADDRESS, data: DATA });
      assertEquals(found, { value: BigInt.asUintN(64, value + origin), size }, `0x${(bits | format).toString(16)}`);
      assertEquals(encodedSize(bits | format), size);
    }
  }
});

Deno.test("readEncoded() reads positive numbers of signed formats", () => {
  const base = { address: 0n, data: 0n };
  const bytes = [0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f];
  assertEquals(readEncoded(readerOf(...bytes), 0, 0x0a, base), { value: 0x7f7fn, size: 2 });
  assertEquals(readEncoded(readerOf(...bytes), 0, 0x0b, base), { value: 0x7f7f_7f7fn, size: 4 });
  assertEquals(readEncoded(readerOf(...bytes), 0, 0x0c, base), { value: 0x7f7f_7f7f_7f7f_7f7fn, size: 8 });
});

Deno.test("readEncoded() knows no other format, and nothing relative to text, functions or aligned, nor indirect", () => {
  const known = new Set(ORIGINS.flatMap(([bits]) => [...FORMATS.map(([format]) => bits | format), bits | 1, bits | 9]));
  for (let encoding = 0; encoding < 256; encoding++) {
    const found = readEncoded(readerOf(...BYTES), 0, encoding, { address: ADDRESS, data: DATA });
    assertEquals(found !== undefined, known.has(encoding), `0x${encoding.toString(16)}`);
    const fixed = known.has(encoding) && (encoding & 7) !== 1;
    assertEquals(encodedSize(encoding) !== undefined, fixed, `0x${encoding.toString(16)}`);
  }
});

// DWARF, "Variable Length Data": the examples of its tables, and the longest numbers.
const ULEB128: readonly (readonly [bytes: readonly number[], value: bigint])[] = [
  [[2], 2n],
  [[127], 127n],
  [[0x80, 1], 128n],
  [[0x81, 1], 129n],
  [[0x82, 1], 130n],
  [[0xb9, 0x64], 12857n],
  [[0x80, 0], 0n],
  [[...Array(9).fill(0xff), 1], END - 1n],
  [[...Array(9).fill(0x80), 1], 1n << 63n],
  [[...Array(9).fill(0x80), 2], 0n], // bit 64
];
const SLEB128: readonly (readonly [bytes: readonly number[], value: bigint])[] = [
  [[2], 2n],
  [[0x7e], -2n],
  [[0xff, 0], 127n],
  [[0x81, 0x7f], -127n],
  [[0x80, 1], 128n],
  [[0x80, 0x7f], -128n],
  [[0x81, 1], 129n],
  [[0xff, 0x7e], -129n],
  [[...Array(9).fill(0x80), 0x7f], -(1n << 63n)],
  [[...Array(9).fill(0xff), 0], (1n << 63n) - 1n],
];

Deno.test("numbers of variable size are those of DWARF's tables", () => {
  const base = { address: 0n, data: 0n };
  for (const [bytes, value] of ULEB128) {
    assertEquals(readUleb128(readerOf(0xee, ...bytes, 0xee), 1), { value, size: bytes.length }, `${bytes}`);
    assertEquals(readEncoded(readerOf(...bytes), 0, 0x01, base), { value, size: bytes.length });
  }
  for (const [bytes, value] of SLEB128) {
    const found = readEncoded(readerOf(...bytes), 0, 0x09, base);
    assertEquals(found, { value: BigInt.asUintN(64, value), size: bytes.length }, `${bytes}`);
    const relative = readEncoded(readerOf(...bytes), 0, 0x39, { address: ADDRESS, data: DATA });
    assertEquals(relative?.value, BigInt.asUintN(64, value + DATA));
  }
});

Deno.test("a number of variable size has ten bytes at most", () => {
  // Of the tenth byte's bits, the lowest is bit 63, and the others do not count.
  for (const last of [0x81, 0x83, 0xff]) {
    assertEquals(readUleb128(readerOf(...Array(9).fill(0x80), last, 1), 0), { value: 1n << 63n, size: 10 });
  }
});

Deno.test("a value that the bytes end in is refused", () => {
  const base = { address: 0n, data: 0n };
  for (const [encoding, size] of [[0x00, 8], [0x02, 2], [0x03, 4], [0x04, 8], [0x0a, 2], [0x0b, 4], [0x0c, 8]]) {
    assertEquals(readEncoded(readerOf(...BYTES.slice(0, size)), 0, encoding, base)?.size, size);
    const read = () => readEncoded(readerOf(...BYTES.slice(0, size - 1)), 0, encoding, base);
    assertEquals(assertThrows(read, LoadError).code, "file-too-short");
  }
  assertEquals(assertThrows(() => readUleb128(readerOf(0x80), 0), LoadError).code, "file-too-short");
});
