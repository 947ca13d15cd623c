/** Dynamic symbol tables that only the segment PT_DYNAMIC leads to, whose length follows from a hash table. */

import { assertEquals } from "@std/assert";
import { readSymbols } from "../../../explain/symbols/read_symbols.ts";
import { buildElf } from "../../elf_builder.ts";

const BASE = 0x10_0000n;
const SIZE = 0x4_0000;
const [DYNAMIC, HASH, SYMBOLS, STRINGS] = [0x100, 0x1000, 0x1_0000, 0x3_0000];
const [DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_GNU_HASH] = [4n, 5n, 6n, 10n, 0x6fff_fef5n];
const COUNT = 3000;

interface Spec {
  readonly hash?: readonly number[];
  readonly tag?: bigint;
  /** Where the hash table is. */
  readonly at?: number;
  /** How many symbols there are. */
  readonly count?: number;
  readonly tags?: readonly (readonly [tag: bigint, value: bigint])[];
}

/** A file of one segment with symbols named s1, s2, … at consecutive addresses, and no section headers. */
function fileWith({ hash = [], tag = DT_GNU_HASH, at = HASH, count = COUNT, tags }: Spec): Uint8Array {
  const data = new Uint8Array(SIZE);
  const view = new DataView(data.buffer);
  const address = (offset: number) => BASE + BigInt(offset);
  const dynamic = tags ??
    [[tag, address(at)], [DT_SYMTAB, address(SYMBOLS)], [DT_STRTAB, address(STRINGS)], [DT_STRSZ, 0x1_0000n]];
  [...dynamic.flat(), 0n, 0n].forEach((value, i) => view.setBigUint64(DYNAMIC + 8 * i, value, true));
  hash.forEach((value, i) => view.setUint32(at + 4 * i, value, true));
  let end = 1;
  for (let index = 1; index < count; index++) {
    const symbol = SYMBOLS + 24 * index;
    view.setUint32(symbol, end, true);
    view.setUint8(symbol + 4, 0x12);
    view.setUint16(symbol + 6, 5, true);
    view.setBigUint64(symbol + 8, BASE + BigInt(index), true);
    view.setBigUint64(symbol + 16, 1n, true);
    end += new TextEncoder().encodeInto(`s${index}`, data.subarray(STRINGS + end)).written + 1;
  }
  const segments = [
    { data, offset: 0x1000, p_vaddr: BASE },
    { p_type: 2, offset: 0x1000 + DYNAMIC, filesz: 16 * (dynamic.length + 1), p_vaddr: address(DYNAMIC) },
  ];
  return buildElf({ segments });
}

/** A hash table of GNU with one filter word: the first symbol of each bucket's chain, then a word a symbol. */
function gnuHash(first: number, buckets: readonly number[], chain: readonly number[]): readonly number[] {
  return [buckets.length, first, 1, 0, 0, 0, ...buckets, ...chain];
}

/** The words of a chain: only the last one is odd. */
function chainOf(length: number): readonly number[] {
  return Array.from({ length }, (_, at) => at === length - 1 ? 1 : 2);
}

async function countOf(spec: Spec): Promise<number> {
  const symbols = await readSymbols(fileWith(spec));
  assertEquals(symbols.table, symbols.count === 0 ? undefined : ".dynsym");
  assertEquals(symbols.find(`s${symbols.count}`).length, symbols.count === 0 ? 0 : 1);
  return symbols.count;
}

Deno.test("the hash table of the gABI says how many symbols there are", async () => {
  assertEquals(await countOf({ tag: DT_HASH, hash: [1, 10, 3, 0] }), 9);
  assertEquals(await countOf({ tag: DT_HASH, hash: [1, COUNT, 3, 0] }), COUNT - 1);
  assertEquals(await countOf({ tag: DT_HASH, hash: [1, 0, 3, 0] }), 0);
});

Deno.test("the last chain of the hash table of GNU ends with the last symbol, however long it is", async () => {
  for (const length of [1, 2, 3, 900, 1023, 1024, 1025, 2047, 2048, 2049, COUNT - 1]) {
    assertEquals(await countOf({ hash: gnuHash(1, [1], chainOf(length)) }), length);
  }
  // The chains of buckets follow one another in any order; some have none.
  const chain = [...chainOf(4), ...chainOf(7), ...chainOf(2)];
  assertEquals(await countOf({ hash: gnuHash(3, [7, 0, 14, 3], chain) }), 15);
});

Deno.test("symbols before the first that is hashed count too", async () => {
  assertEquals(await countOf({ hash: gnuHash(6, [0, 0], []) }), 5);
});

Deno.test("a table without an end, or without a hash table, has no symbols", async () => {
  assertEquals(await countOf({ hash: gnuHash(1, [1], Array(1200).fill(2)), at: SIZE - 1207 * 4 }), 0);
  assertEquals(await countOf({ hash: gnuHash(1, [0x7fff_ffff], chainOf(3)) }), 0);
  assertEquals(await countOf({ hash: [0xffff_ffff, 1, 1, 0, 0, 0, 1, 1] }), 0);
  assertEquals(await countOf({ hash: [1, 1, 0xffff_ffff, 0, 0, 0, 1, 1] }), 0);
  assertEquals(await countOf({ hash: [1, 1, 1], at: SIZE - 12 }), 0);
  const address = (offset: number) => BASE + BigInt(offset);
  assertEquals(
    await countOf({ tags: [[DT_SYMTAB, address(SYMBOLS)], [DT_STRTAB, address(STRINGS)], [DT_STRSZ, 99n]] }),
    0,
  );
  assertEquals(await countOf({ hash: [1, 10], tags: [[DT_HASH, address(HASH)], [DT_SYMTAB, 0x10n]] }), 0);
});

Deno.test("symbols are in the segment that contains them", async () => {
  const symbols = await readSymbols(fileWith({ tag: DT_HASH, hash: [1, 10, 3, 0] }));
  const last = BASE + BigInt(SIZE) - 1n;
  assertEquals(symbols.symbolAt(BASE + 3n)?.symbol.name, "s3");
  assertEquals([symbols.symbolAt(last)?.symbol.name, symbols.symbolAt(last + 1n)], ["s9", undefined]);
  assertEquals(symbols.symbolAt(BASE), undefined);
});
