/** The table of .eh_frame_hdr, as the LSB Core specification lays it out. */

import { assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { LoadError } from "../../../core/errors.ts";
import { readHeader } from "../../../plugins/eh_frame/header.ts";
import { words } from "../note_bytes.ts";
import { memoryWith } from "./fake_memory.ts";

const HDR = 0x40_2000n;
const bytes = (...values: readonly number[]): Uint8Array => new Uint8Array(values);
const read = (header: Uint8Array, size = BigInt(header.length), address = HDR) =>
  readHeader(address, size, memoryWith([[address, header]]));

/** Rows of a start and an entry, both absolute in four bytes. */
const ROWS = [[0x1000, 0x9000], [0x2000, 0x9100], [0x2010, 0x9200], [0x8000, 0x9300]] as const;
const TABLE = concat(ROWS.map((row) => words(...row)));

Deno.test("find() gives the last row that starts at or before an address, for any number of rows", () => {
  for (let count = 0; count <= ROWS.length; count++) {
    const { table } = read(concat([bytes(1, 0x03, 0x03, 0x03), words(0x1234, count), TABLE.subarray(0, 8 * count)]));
    assertEquals(table?.count, count);
    for (const address of [0, 0xfff, 0x1000, 0x1001, 0x1fff, 0x2000, 0x200f, 0x2010, 0x7fff, 0x8000, 0xffff]) {
      const expected = ROWS.slice(0, count).findLast(([start]) => start <= address)?.[1];
      assertEquals(table?.find(BigInt(address)), expected === undefined ? undefined : BigInt(expected), `${address}`);
    }
  }
});

Deno.test("an omitted value takes no bytes, and the table can be read without the address of .eh_frame", () => {
  const { ehFrame, table, unsupported } = read(concat([bytes(1, 0xff, 0x03, 0x03), words(2), TABLE]));
  assertEquals([ehFrame, unsupported], [undefined, ["eh_frame_ptr_enc 0xff"]]);
  assertEquals([table?.count, table?.find(0x2000n)], [2, 0x9100n]);
});

Deno.test("values of ten bytes are read whole", () => {
  const ten = (...last: readonly number[]) => bytes(...Array(10 - last.length).fill(0x80), ...last);
  const header = concat([bytes(1, 0x01, 0x01, 0x03), bytes(0xb4, 0xa4, ...Array(7).fill(0x80), 0), ten(0)]);
  assertEquals(header.length, 24);
  const { ehFrame, table } = read(header);
  assertEquals([ehFrame, table?.count], [0x1234n, 0]);
  // 2^63, of which the last byte holds the one bit.
  assertEquals(read(concat([bytes(1, 0x01, 0x03, 0x03), ten(1), words(0)])).ehFrame, 1n << 63n);
});

Deno.test("a table fits if its last row ends where the header ends", () => {
  const header = concat([bytes(1, 0x03, 0x03, 0x03), words(0x1234, 4), TABLE]);
  assertEquals(read(header).faults, []);
  assertEquals(read(header).table?.count, 4);
  for (const size of [43n, 28n, 12n]) {
    const { table, faults, ehFrame } = read(header, size);
    assertEquals([table, ehFrame], [undefined, 0x1234n]);
    assertEquals(faults, [`a table of 4 rows does not fit in ${size} bytes`]);
  }
  const wide = concat([bytes(1, 0x03, 0x03, 0x04), words(0x1234, 1), words(0x1000, 1, 0x9000, 2)]);
  assertEquals(read(wide).table?.find((1n << 32n) + 0x1000n), (2n << 32n) + 0x9000n);
  assertEquals(read(wide, 27n).faults, ["a table of 1 rows does not fit in 27 bytes"]);
});

Deno.test("values relative to their own place and to the header are told apart, in both columns of every row", () => {
  const relative = (at: number, to: number) => to - (Number(HDR) + at);
  const header = concat([
    bytes(1, 0x1b, 0x03, 0x1b),
    words(relative(4, 0x40_3000), 2),
    words(relative(12, 0x40_0010), relative(16, 0x40_4000), relative(20, 0x40_0020), relative(24, 0x40_5000)),
  ]);
  const { ehFrame, table } = read(header);
  assertEquals(ehFrame, 0x40_3000n);
  assertEquals([0x40_000fn, 0x40_0010n, 0x40_0020n].map((at) => table?.find(at)), [undefined, 0x40_4000n, 0x40_5000n]);
});

Deno.test("a header at the end of what is mapped is read as far as it goes", () => {
  const header = concat([bytes(1, 0x03, 0x03, 0x03), words(0x1234, 0)]);
  for (const inPage of [12, 13, 23]) {
    const address = HDR + 0x1000n - BigInt(inPage);
    assertEquals(read(header, 24n, address).ehFrame, 0x1234n);
  }
  const cut = HDR + 0x1000n - 11n;
  const memory = memoryWith([[cut, header.subarray(0, 11)]]);
  assertEquals(assertThrows(() => readHeader(cut, 24n, memory), LoadError).code, "file-too-short");
});
