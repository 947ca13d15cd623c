import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ascending } from "../../explain/radix_sort.ts";

const key = fc.oneof(fc.nat({ max: 3 }), fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0xffff, 0x1_0000));

/** Numbers of items in the order of a comparison sort, which is stable. */
function expected(count: number, keys: readonly Uint32Array[]): readonly number[] {
  return Array.from({ length: count }, (_, item) => item).sort((a, b) => {
    const decisive = keys.findLast((key) => key[a] !== key[b]);
    return decisive ? decisive[a] - decisive[b] : 0;
  });
}

Deno.test("ascending() sorts by the last key first, and leaves what is equal in its order", () => {
  fc.assert(fc.property(fc.array(fc.tuple(key, key, key), { maxLength: 50 }), (items) => {
    const keys = [0, 1, 2].map((part) => Uint32Array.from(items, (item) => item[part]));
    assertEquals([...ascending(items.length, keys)], expected(items.length, keys));
    assertEquals([...ascending(items.length, keys.slice(1, 2))], expected(items.length, keys.slice(1, 2)));
  }));
});

Deno.test("ascending() sorts many items as it does few", () => {
  const count = 20_000;
  const low = Uint32Array.from(
    { length: count },
    (_, item) => Math.imul(item, 0x9e37_79b1) >>> (item % 3 === 0 ? 20 : 0),
  );
  const high = Uint32Array.from({ length: count }, (_, item) => item % 7);
  assertEquals([...ascending(count, [low, high])], expected(count, [low, high]));
  assertEquals([...ascending(count, [])], Array.from({ length: count }, (_, item) => item));
});

Deno.test("ascending() sorts nothing", () => {
  assertEquals([...ascending(0, [new Uint32Array()])], []);
});
