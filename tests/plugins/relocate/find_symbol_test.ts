import { assertEquals, assertThrows } from "@std/assert";
import { LoadError } from "../../../core/errors.ts";
import { findSymbol, readName } from "../../../plugins/relocate/find_symbol.ts";
import type { RelocationTables } from "../../../plugins/relocate/relocation_tables.ts";
import type { RelocationTarget } from "../../../plugins/relocate/relocation_target.ts";

const SYMBOLS = 0x1000n;
const STRINGS = 0x2000n;
const OFFSET = 0x7000_0000n;

const NAMES = new TextEncoder().encode(`\0alpha\0beta\0${"n".repeat(300)}\0end`);

/** Elf64_Sym: st_name, st_info, st_other, st_shndx, st_value, st_size (gABI, "Symbol Table"). */
function symbolBytes(name: number, info: number, section: number, value: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  view.setUint32(0, name, true);
  view.setUint8(4, info);
  view.setUint8(5, 0xee);
  view.setUint16(6, section, true);
  view.setBigUint64(8, value, true);
  view.setBigUint64(16, 0xdead_beefn, true);
  return new Uint8Array(view.buffer);
}

/** Memory with some symbols after symbol 0, and the names; anything else is not mapped. */
function opened(
  symbols: readonly Uint8Array[],
): { readonly target: RelocationTarget; readonly tables: RelocationTables } {
  const table = new Uint8Array(24 * (symbols.length + 1));
  symbols.forEach((symbol, at) => table.set(symbol, 24 * (at + 1)));
  const read = (linked: bigint, length: number): Uint8Array => {
    for (const [start, bytes] of [[SYMBOLS, table], [STRINGS, NAMES]] as const) {
      const at = Number(linked - start);
      if (at >= 0 && at + length <= bytes.length) return bytes.slice(at, at + length);
    }
    throw new LoadError("page-not-mapped", { field: "address", value: linked });
  };
  const strings = { address: STRINGS, size: BigInt(NAMES.length) };
  return {
    target: { read, offset: OFFSET } as unknown as RelocationTarget,
    tables: { rela: [], symbols: SYMBOLS, strings, needed: [], textRelocations: false },
  };
}

// gABI, "Symbol Table": the binding is in the upper four bits (1 global, 2 weak), the type in the lower four.
const GLOBAL_FUNC = 0x12;
const WEAK_FUNC = 0x22;
const GLOBAL_TLS = 0x16;
const GLOBAL_IFUNC = 0x1a;
const WEAK_TLS = 0x26;
const UNDEFINED = 0;
const ABSOLUTE = 0xfff1;

Deno.test("findSymbol() gives name, definition, binding, type and address of each symbol", () => {
  const cases = [
    [[1, GLOBAL_FUNC, 5, 0x1234n], ["alpha", true, false, false, 0x1234n + OFFSET]],
    [[7, WEAK_FUNC, 1, 0n], ["beta", true, true, false, OFFSET]],
    [[7, WEAK_FUNC, UNDEFINED, 0x99n], ["beta", false, true, false, 0n]],
    [[1, GLOBAL_FUNC, UNDEFINED, 0x99n], ["alpha", false, false, false, 0n]],
    [[1, GLOBAL_FUNC, ABSOLUTE, 0x99n], ["alpha", true, false, false, 0x99n]],
    [[1, GLOBAL_FUNC, ABSOLUTE - 1, 0x99n], ["alpha", true, false, false, 0x99n + OFFSET]],
    [[1, GLOBAL_TLS, 5, 8n], ["alpha", true, false, true, 8n + OFFSET]],
    [[1, GLOBAL_IFUNC, 5, 8n], ["alpha", true, false, true, 8n + OFFSET]],
    [[2, WEAK_TLS, UNDEFINED, 0n], ["lpha", false, true, true, 0n]],
    [[0, GLOBAL_FUNC, 5, 1n], ["#9", true, false, false, 1n + OFFSET]],
  ] as const;
  const { target, tables } = opened(
    cases.map(([[name, info, section, value]]) => symbolBytes(name, info, section, value)),
  );
  cases.forEach(([, [name, ...expected]], at) => {
    const symbol = findSymbol(at + 1, tables, target);
    const { defined, weak, needsResolver, value } = symbol;
    assertEquals([defined, weak, needsResolver, value], expected, `symbol ${at + 1}`);
    assertEquals(symbol.name(), name === "#9" ? `#${at + 1}` : name);
  });
});

Deno.test("symbol 0 stands for no symbol: it is defined, has no name, and its value is 0", () => {
  const { target, tables } = opened([]);
  for (const symbols of [SYMBOLS, 0xbad_0000n, undefined]) {
    const { name, ...rest } = findSymbol(0, { ...tables, symbols }, target);
    assertEquals([name(), rest], ["", { defined: true, weak: false, needsResolver: false, value: 0n }]);
  }
});

Deno.test("without a symbol table every symbol is undefined, and its name is its index", () => {
  const { target, tables } = opened([symbolBytes(1, GLOBAL_FUNC, 5, 1n)]);
  const { symbols: _, ...rest } = tables;
  const { name, ...found } = findSymbol(1, rest, target);
  assertEquals([name(), found], ["#1", { defined: false, weak: false, needsResolver: false, value: 0n }]);
});

Deno.test("a symbol that lies past what is mapped is refused", () => {
  const { target, tables } = opened([symbolBytes(1, GLOBAL_FUNC, 5, 1n)]);
  assertEquals(findSymbol(1, tables, target).name(), "alpha");
  assertEquals(assertThrows(() => findSymbol(2, tables, target), LoadError).code, "page-not-mapped");
});

Deno.test("readName() reads up to the zero byte, 256 bytes at most, and never past the table", () => {
  const { target, tables } = opened([]);
  const end = BigInt(NAMES.length);
  const long = 12n; // of the 300 letters
  const cases: readonly (readonly [bigint, string])[] = [
    [0n, ""],
    [1n, "alpha"],
    [3n, "pha"],
    [6n, ""],
    [long, "n".repeat(256)],
    [long + 44n, "n".repeat(256)],
    [long + 45n, "n".repeat(255)],
    [end - 3n, "end"],
    [end - 1n, "d"],
    [end, ""],
    [end + 1n, ""],
    [(1n << 64n) - 1n, ""],
  ];
  for (const [offset, name] of cases) assertEquals(readName(offset, tables, target), name, `offset ${offset}`);
  const { strings: _, ...without } = tables;
  assertEquals(readName(1n, without, target), "");
});

Deno.test("readName() gives nothing where the table is not mapped, and lets other errors through", () => {
  const { target, tables } = opened([]);
  const strings = { address: 0xbad_0000n, size: 16n };
  assertEquals(readName(1n, { ...tables, strings }, target), "");
  const failing = {
    ...target,
    read: () => {
      throw new TypeError("out of order");
    },
  };
  assertThrows(() => readName(1n, tables, failing), TypeError, "out of order");
});
