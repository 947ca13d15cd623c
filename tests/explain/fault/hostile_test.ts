/** Explanations of guests whose registers and memory hold anything. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { disassembler } from "../../../cli/input/disassembler.ts";
import { explainFault } from "../../../explain/fault/explain_fault.ts";
import { GENERAL } from "../../../explain/fault/registers.ts";
import type { GuestEnd, StoppedGuest } from "../../../explain/fault/stopped_guest.ts";
import { readSymbols } from "../../../explain/symbols/read_symbols.ts";
import type { PhysicalPages } from "../../../explain/tables/physical_pages.ts";
import { bootableFault, faultFile } from "../../cli/qemu/faults.ts";

const PAGE_SIZE = 4096;
const NAMES = [
  ...GENERAL,
  ...["RIP", "RFL", "CR0", "CR2", "CR3", "CR4", "CS", "SS", "GDT", "GDT limit", "IDT", "IDT limit", "TR", "HLT"],
];
const ENDS: readonly GuestEnd[] = ["triple-fault", "reset", "power-off", "panic", "halt", "timeout", "stopped"];

/** Addresses near what matters: a kernel, its stack and tables, the ends of the address space, and any. */
const anAddress = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.bigInt({ min: 0n, max: 0x2000n }).map((offset) => BigInt.asUintN(64, 0xffff_ffff_8000_0000n + offset)),
  fc.bigInt({ min: -0x2000n, max: 0x5000n }).map((offset) => 0xffff_9000_0000_1000n + offset),
  fc.bigInt({ min: 0n, max: 0x1000n }).map((offset) => BigInt.asUintN(64, -offset)),
  fc.constantFrom(0n, 0xb8000n, 0x20_0000n, (1n << 47n) - 1n, 1n << 47n, (1n << 64n) - 1n),
);
const someRegisters = fc.dictionary(fc.constantFrom(...NAMES), anAddress, { maxKeys: NAMES.length })
  .map((values) => new Map<string, bigint>([...Object.entries(values), ["EFER", 0xd00n]]));
const anException = fc.record({
  vector: fc.integer({ min: 0, max: 255 }),
  error: fc.integer({ min: 0, max: 0xffff }),
  origin: fc.constantFrom("processor", "instruction", "device"),
  registers: someRegisters,
  entry: fc.option(fc.integer({ min: 0, max: 255 }), { nil: undefined }),
  during: fc.option(fc.integer({ min: 0, max: 255 }), { nil: undefined }),
  doubleFault: fc.boolean(),
});

/** Memory in which every page holds the same words, so that tables are their own tables, and anything is a call. */
function sameEverywhere(words: readonly number[]): PhysicalPages & { readonly reads: () => number } {
  const page = Uint32Array.from({ length: PAGE_SIZE / 4 }, (_, at) => words[at % words.length] ?? 0);
  const bytes = new Uint8Array(page.buffer);
  let reads = 0;
  return {
    bytes: (phys, length) => (reads++, bytes.subarray(phys % PAGE_SIZE, phys % PAGE_SIZE + length)),
    words: () => (reads++, page),
    reads: () => reads,
  };
}

Deno.test("no registers, no memory and no tables make an explanation fail, and its work is bounded", async () => {
  const started = await bootableFault("recursion");
  const symbols = await readSymbols(await Deno.readFile(faultFile("recursion", "kernel.elf")));
  const options = { symbols, disassembler: await disassembler(), file: { protocols: [] } };
  // An entry that points to its own page and allows everything, a call, and anything else.
  const aWord = fc.oneof(
    fc.constantFrom(0x0000_0007, 0x00d0_ffff, 0xe8e8_e8e8, 0),
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  );
  const memory = fc.array(aWord, { minLength: 1, maxLength: 8 }).map(sameEverywhere);
  const guest = fc.record({
    end: fc.constantFrom(...ENDS),
    exception: fc.option(anException, { nil: undefined }),
    registers: fc.option(someRegisters, { nil: undefined }),
    pages: fc.option(memory, { nil: undefined }),
  });
  fc.assert(
    fc.property(guest, ({ pages, ...rest }) => {
      const explanation = explainFault({ ...rest, ...(pages ? { pages } : {}) } as StoppedGuest, started, options);
      assert(explanation.message.endsWith("."));
      assert((pages?.reads() ?? 0) < 1_000_000);
      for (const { message } of explanation.causes) assert(message !== "" && !/undefined|NaN/.test(message), message);
    }),
    { numRuns: 300 },
  );
});

Deno.test("an emulator's memory is read by its own function, by virtual address", async () => {
  const { kernel, stack } = await bootableFault("divide-by-zero");
  const symbols = await readSymbols(await Deno.readFile(faultFile("divide-by-zero", "kernel.elf")));
  const [period] = symbols.find("period");
  const registers = new Map([
    ...[["RIP", period.address + 9n], ["RCX", 0n], ["RSP", stack.top - 0x10n], ["EFER", 0xd00n]] as const,
  ]);
  const exception = { vector: 0, error: 0, origin: "processor", registers, doubleFault: false } as const;
  const words = new BigUint64Array([symbols.find("_start")[0].address + 10n]);
  const read = (address: bigint, length: number): Uint8Array | undefined => {
    if (address === stack.top - 0x10n) return new Uint8Array(words.buffer, 0, length);
    try {
      return kernel.read(address, length);
    } catch {
      return undefined;
    }
  };
  const options = { symbols, disassembler: await disassembler() };
  const { instruction, causes, backtrace } = explainFault(
    { end: "triple-fault", exception, read },
    { kernel, stack },
    options,
  );
  assertEquals([instruction?.text, instruction?.symbol], ["idiv ecx", { name: "period", offset: 9, size: 12n }]);
  assertEquals(instruction?.operands, [{ name: "ecx", value: 0n }]);
  assertEquals(causes, [{ code: "divide-by-zero", message: "the divisor ecx is 0" }]);
  assertEquals(backtrace?.callers.map(({ symbol }) => symbol), [{ name: "_start", offset: 10, size: 13n }]);
});
