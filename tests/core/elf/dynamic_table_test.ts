import { assertEquals } from "@std/assert";
import { DYNAMIC_ENTRY_SIZE, dynamicEntries } from "../../../core/elf/dynamic_table.ts";
import * as constants from "../../../core/elf/constants.ts";

const table = (...words: readonly bigint[]): Uint8Array => new Uint8Array(new BigUint64Array(words).buffer);

Deno.test("dynamicEntries() gives tags and values up to DT_NULL", () => {
  const bytes = table(7n, 0x1000n, 8n, 24n, 0n, 5n, 9n, 24n);
  assertEquals([...dynamicEntries(bytes, 0)], [{ d_tag: 7n, d_un: 0x1000n }, { d_tag: 8n, d_un: 24n }]);
});

Deno.test("dynamicEntries() goes on past DT_NULL if asked to", () => {
  const tags = [...dynamicEntries(table(7n, 1n, 0n, 5n, 9n, 24n), 0, { pastNull: true })];
  assertEquals(tags.map(({ d_tag, d_un }) => [d_tag, d_un]), [[7n, 1n], [0n, 5n], [9n, 24n]]);
});

Deno.test("dynamicEntries() leaves out a part of an entry at the end, and reads 64 bits unsigned", () => {
  const bytes = table((1n << 64n) - 1n, (1n << 64n) - 2n, 7n);
  for (let length = 0; length <= bytes.length; length++) {
    const expected = length < DYNAMIC_ENTRY_SIZE ? [] : [{ d_tag: (1n << 64n) - 1n, d_un: (1n << 64n) - 2n }];
    assertEquals([...dynamicEntries(bytes.subarray(0, length), 0)], expected);
  }
});

Deno.test("the tags have the numbers of the gABI's table of dynamic array tags", () => {
  // gABI, "Dynamic Section", figure "Dynamic Array Tags, d_tag"
  const tags = {
    DT_NULL: 0n,
    DT_NEEDED: 1n,
    DT_PLTRELSZ: 2n,
    DT_HASH: 4n,
    DT_STRTAB: 5n,
    DT_SYMTAB: 6n,
    DT_RELA: 7n,
    DT_RELASZ: 8n,
    DT_RELAENT: 9n,
    DT_STRSZ: 10n,
    DT_RELSZ: 18n,
    DT_PLTREL: 20n,
    DT_TEXTREL: 22n,
    DT_JMPREL: 23n,
    DT_FLAGS: 30n,
    DT_RELRSZ: 35n,
    DT_RELR: 36n,
    DT_GNU_HASH: 0x6ffffef5n, // not in the gABI: GNU's, as in <elf.h>
  };
  const ours = Object.entries(constants).filter(([name]) => name.startsWith("DT_"));
  assertEquals<Record<string, unknown>>(Object.fromEntries(ours), tags);
});
