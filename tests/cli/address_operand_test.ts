/** Addresses as people name them. */

import { assertEquals, assertThrows } from "@std/assert";
import { type AddressOperand, addressOperand } from "../../cli/arguments/address_operand.ts";
import { CliError } from "../../cli/output/cli_error.ts";

const address = (value: bigint): AddressOperand => ({ kind: "address", address: value });
const symbol = (text: string, name: string, offset: bigint): AddressOperand => ({ kind: "symbol", text, name, offset });

const READ: readonly (readonly [string, AddressOperand])[] = [
  ["0xffffffff80000000", address(0xffff_ffff_8000_0000n)],
  ["0xFFFF_8000_0000_0000", address(0xffff_8000_0000_0000n)],
  ["4096", address(4096n)],
  ["12,328", address(12328n)],
  ["2M", address(2n ** 21n)],
  ["0x1000+0x10", address(0x1010n)],
  ["2M-1", address(2n ** 21n - 1n)],
  ["0xffffffffffffffff", address(2n ** 64n - 1n)],
  ["main", symbol("main", "main", 0n)],
  ["main+0x10", symbol("main+0x10", "main", 16n)],
  ["main-8", symbol("main-8", "main", -8n)],
  ["main+4K", symbol("main+4K", "main", 4096n)],
  ["main+", symbol("main+", "main+", 0n)],
  ["+8", symbol("+8", "+8", 0n)],
  ["operator+", symbol("operator+", "operator+", 0n)],
  ["a+b+0x10", symbol("a+b+0x10", "a+b", 16n)],
  ["e1000", symbol("e1000", "e1000", 0n)],
  ["ffffffff80000000", symbol("ffffffff80000000", "ffffffff80000000", 0n)],
];

for (const [text, expected] of READ) {
  Deno.test(`the address ${text} is read`, () => assertEquals(addressOperand(text), expected));
}

for (const text of ["0x10000000000000000", "18446744073709551616", "0-1", "0xffffffffffffffff+1"]) {
  Deno.test(`the address ${text} is refused`, () => {
    const { code, detail } = assertThrows(() => addressOperand(text), CliError, "must fit in 64 bits");
    assertEquals([code, detail], ["usage", { address: text }]);
  });
}
