import { assertEquals } from "@std/assert";
import { isHaltedForGood, isLongMode, registerValue } from "../../../explain/fault/registers.ts";

const REGISTERS = new Map([
  ["RAX", 0x1122_3344_5566_7788n],
  ["RSI", 0x99aa_bbcc_ddee_ff00n],
  ["R9", 0xfedc_ba98_7654_3210n],
  ["CR0", 0x8001_0033n],
  ["DS", 0x10n],
]);

/** Intel SDM vol. 1, "General-Purpose Registers in 64-Bit Mode": the name, the bytes and the value of each part. */
const PARTS: readonly (readonly [name: string, size: number, value: bigint])[] = [
  ["rax", 8, 0x1122_3344_5566_7788n],
  ["eax", 4, 0x5566_7788n],
  ["ax", 2, 0x7788n],
  ["al", 1, 0x88n],
  ["ah", 1, 0x77n],
  ["esi", 4, 0xddee_ff00n],
  ["si", 2, 0xff00n],
  ["sil", 1, 0n],
  ["r9", 8, 0xfedc_ba98_7654_3210n],
  ["r9d", 4, 0x7654_3210n],
  ["r9w", 2, 0x3210n],
  ["r9b", 1, 0x10n],
  ["cr0", 8, 0x8001_0033n],
  ["ds", 8, 0x10n],
];

for (const [name, size, value] of PARTS) {
  Deno.test(`the value of ${name} is a part of its register`, () => {
    assertEquals(registerValue(REGISTERS, name), { value, size });
  });
}

Deno.test("a register that is not known has no value", () => {
  for (const name of ["rbx", "ebx", "bh", "xmm0", "", "sih"]) assertEquals(registerValue(REGISTERS, name), undefined);
});

Deno.test("a processor is halted for good only if it takes no interrupts", () => {
  const halted = (hlt: bigint, flags: bigint) => isHaltedForGood(new Map([["HLT", hlt], ["RFL", flags]]));
  assertEquals([halted(1n, 0x46n), halted(1n, 0x246n), halted(0n, 0x46n)], [true, false, false]);
  assertEquals([isLongMode(new Map([["EFER", 0x500n]])), isLongMode(new Map([["EFER", 0x100n]]))], [true, false]);
});
