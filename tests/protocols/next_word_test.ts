import { assertEquals } from "@std/assert";
import { nextWord } from "../../protocols/next_word.ts";

Deno.test("a word is found at multiples of 4 of the bytes, wherever they lie in their buffer", () => {
  for (let shift = 0; shift < 8; shift++) {
    for (let length = 0; length < 40; length++) {
      const bytes = new Uint8Array(48).subarray(shift, shift + length);
      for (const at of [3, 8, 20]) {
        bytes.set([0x78, 0x56, 0x34, 0x12].slice(0, Math.max(0, length - at)), Math.min(at, length));
      }
      for (let from = 0; from <= length; from += 4) {
        const expected = [8, 20].find((at) => at >= from && at + 4 <= length) ?? length;
        assertEquals(nextWord(bytes, 0x1234_5678, from), expected);
      }
    }
  }
});
