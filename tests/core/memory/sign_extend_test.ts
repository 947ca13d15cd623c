import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { LoadError } from "../../../core/errors.ts";
import { signExtendBit47 } from "../../../core/memory/sign_extend.ts";

Deno.test("signExtendBit47() gives back canonical addresses, extends bit 47, and refuses all others", () => {
  const table: readonly (readonly [bigint, bigint | "address-not-canonical" | "address-overflow"])[] = [
    [0n, 0n],
    [0x7fff_ffff_ffffn, 0x7fff_ffff_ffffn],
    [0x8000_0000_0000n, 0xffff_8000_0000_0000n],
    [0xffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn],
    [0x1_0000_0000_0000n, "address-not-canonical"],
    [0x1_8000_0000_0000n, "address-not-canonical"],
    [0xffff_7fff_ffff_ffffn, "address-not-canonical"],
    [0xffff_8000_0000_0000n, 0xffff_8000_0000_0000n],
    [0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn],
    [0x1_0000_0000_0000_0000n, "address-overflow"],
    [0x1_ffff_ffff_ffff_ffffn, "address-overflow"],
  ];
  for (const [value, expected] of table) {
    if (typeof expected === "bigint") {
      assertStrictEquals(signExtendBit47(value, "p_vaddr"), expected);
      continue;
    }
    const error = assertThrows(() => signExtendBit47(value, "p_vaddr", 3), LoadError);
    assertEquals([error.code, error.detail], [expected, { index: 3, field: "p_vaddr", value }]);
  }
});

Deno.test("signExtendBit47() leaves the index out where no program header is concerned", () => {
  const error = assertThrows(() => signExtendBit47(1n << 48n, "e_entry"), LoadError);
  assertEquals(error.detail, { field: "e_entry", value: 1n << 48n });
});

Deno.test("signExtendBit47() never changes the low 48 bits", () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 48n - 1n }), (low) => {
    const high = low >> 47n === 1n ? 0xffff_0000_0000_0000n : 0n;
    return signExtendBit47(low, "p_vaddr") === (high | low) && signExtendBit47(high | low, "p_vaddr") === (high | low);
  }));
});
