import { assertEquals } from "@std/assert";
import { linkedAddress, loadedAddress } from "../../../explain/symbols/linked_address.ts";

const TOP = 1n << 64n;

Deno.test("linkedAddress() takes back what a kernel was moved by, modulo 2^64", () => {
  for (
    const [virtualAddressOffset, loaded, linked] of [
      [0n, 0x40_1000n, 0x40_1000n],
      [0xffff_ffff_8000_0000n, 0xffff_ffff_8000_1234n, 0x1234n],
      [TOP - 0x1000n, 0x3000n, 0x4000n],
      [0x2000n, 0x1000n, TOP - 0x1000n],
    ]
  ) {
    assertEquals(linkedAddress({ virtualAddressOffset }, loaded), linked);
    assertEquals(loadedAddress({ virtualAddressOffset }, { address: linked, absolute: false }), loaded);
    assertEquals(loadedAddress({ virtualAddressOffset }, { address: linked, absolute: true }), linked);
  }
});
