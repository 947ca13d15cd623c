/** Instructions before and after an address, in code written by hand. */

import { assertEquals } from "@std/assert";
import { disassembler } from "../../../cli/input/disassembler.ts";
import { type AroundOptions, instructionsAround } from "../../../explain/instructions/instructions_around.ts";
import type { KernelSymbol, KernelSymbols } from "../../../explain/symbols/kernel_symbols.ts";
import { openTableSet } from "../../../explain/tables/open_table_set.ts";
import { physicalMemory } from "../../../mod.ts";

const DECODER = await disassembler();

/** mov eax, 0xc3c3c3c3; nop; mov ebx, 0x90909090; ret */
const CODE = Uint8Array.of(0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0x90, 0xbb, 0x90, 0x90, 0x90, 0x90, 0xc3);
const START = 0x10f0n;

/** Page 1 is code and page 2 is not executable; the code ends 4 bytes before the end of page 1. */
const TABLES = (() => {
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(0x7000) });
  const entries = new DataView(memory.buffer);
  for (const table of [0x1000, 0x2000, 0x3000]) entries.setBigUint64(table, BigInt(table + 0x1000) | 1n, true);
  entries.setBigUint64(0x4008, 0x5001n, true);
  entries.setBigUint64(0x4010, 0x8000_0000_0000_6001n, true);
  memory.bytes(0x5000, 0x1000).fill(0x90);
  memory.bytes(0x50f0, CODE.length).set(CODE);
  memory.bytes(0x5ffe, 2).set([0xb8, 1]);
  return openTableSet({ memory, cr3: 0x1000 });
})();

/** Symbols of which there is one, at an address as linked. */
function symbolsWith(symbol: Partial<KernelSymbol>): KernelSymbols {
  const whole: KernelSymbol = {
    name: "start",
    address: START,
    size: 0n,
    type: "function",
    binding: "global",
    absolute: false,
    index: 1,
    ...symbol,
  };
  return {
    sections: [],
    count: 1,
    unread: 0,
    hasLineNumbers: false,
    sectionAt: () => undefined,
    symbolAt: (address) => {
      return address < whole.address ? undefined : { symbol: whole, offset: Number(address - whole.address) };
    },
    find: () => [],
    inRange: () => [],
    endsOfRange: () => undefined,
    similar: () => [],
  };
}

function around(address: bigint, options: AroundOptions) {
  const found = instructionsAround(DECODER, TABLES, address, options);
  return found && { texts: found.instructions.map(({ text }) => text), current: found.current, from: found.from };
}

const ALL = ["mov eax, 0xc3c3c3c3", "nop", "mov ebx, 0x90909090", "ret"];

Deno.test("decoding starts at the symbol, so that the middle of an instruction is known to be that", () => {
  const symbols = symbolsWith({ size: BigInt(CODE.length) });
  const options = { symbols, before: 3, after: 1 };
  assertEquals(around(START, options), { texts: ALL.slice(0, 2), current: 0, from: "symbol" });
  assertEquals(around(START + 2n, options), { texts: ALL.slice(0, 2), current: 0, from: "symbol" });
  assertEquals(around(START + 5n, options), { texts: ALL.slice(0, 3), current: 1, from: "symbol" });
  assertEquals(around(START + 7n, options), { texts: ALL, current: 2, from: "symbol" });
  assertEquals(around(START + 11n, { ...options, after: 0 }), { texts: ALL, current: 3, from: "symbol" });
  assertEquals(around(START + 11n, { ...options, before: 1, after: 0 }), {
    texts: ALL.slice(2),
    current: 1,
    from: "symbol",
  });
});

Deno.test("without a symbol, decoding starts at the address, whatever is there", () => {
  assertEquals(around(START + 2n, { before: 3, after: 1 }), { texts: ["ret", "ret"], current: 0, from: "address" });
});

for (
  const [what, symbol] of [
    ["data", { type: "object" }],
    ["an absolute value", { absolute: true }],
    ["a function that ends before the address", { size: 2n }],
    ["more than 64 KiB away", { address: -0x2_0000n }],
  ] as const
) {
  Deno.test(`a symbol that is ${what} does not say where instructions start`, () => {
    const symbols = symbolsWith(symbol);
    assertEquals(around(START + 2n, { symbols, after: 0 }), { texts: ["ret"], current: 0, from: "address" });
  });
}

Deno.test("symbols of a kernel that was moved are moved along", () => {
  const options = { symbols: symbolsWith({ address: START - 0x1000n }), virtualAddressOffset: 0x1000n };
  assertEquals(around(START + 2n, options), { texts: ALL.slice(0, 1), current: 0, from: "symbol" });
});

Deno.test("a symbol whose code is not mapped up to the address does not help", () => {
  const symbols = symbolsWith({ address: 0xff0n });
  assertEquals(around(START + 2n, { symbols }), { texts: ["ret"], current: 0, from: "address" });
});

Deno.test("instructions end with the executable pages, and there are none elsewhere", () => {
  assertEquals(around(0x1ffdn, { after: 5 }), { texts: ["nop", "(cut off)"], current: 0, from: "address" });
  assertEquals(around(0x2000n, { after: 5 }), undefined);
  assertEquals(around(0x3000n, { after: 5 }), undefined);
});
