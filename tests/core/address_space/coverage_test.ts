import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { coverage } from "../../../core/address_space/coverage.ts";

Deno.test("add() returns what was not in the set, ascending", () => {
  const set = coverage();
  assertEquals(set.add(10n, 20n), [{ start: 10n, end: 20n }]);
  assertEquals(set.add(30n, 40n), [{ start: 30n, end: 40n }]);
  assertEquals(set.add(12n, 18n), []);
  assertEquals(set.add(5n, 45n), [{ start: 5n, end: 10n }, { start: 20n, end: 30n }, { start: 40n, end: 45n }]);
  assertEquals(set.ranges(), [{ start: 5n, end: 45n }]);
});

Deno.test("ranges that touch become one, and empty ones add nothing", () => {
  const set = coverage();
  assertEquals(set.add(7n, 7n), []);
  assertEquals(set.add(8n, 2n), []);
  set.add(0n, 4n);
  set.add(8n, 12n);
  assertEquals(set.add(4n, 8n), [{ start: 4n, end: 8n }]);
  assertEquals(set.ranges(), [{ start: 0n, end: 12n }]);
});

Deno.test("a set of ranges behaves like a set of addresses", () => {
  const range = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 20 }));
  fc.assert(fc.property(fc.array(range, { maxLength: 25 }), (ranges) => {
    const set = coverage();
    const model = new Set<number>();
    for (const [start, size] of ranges) {
      const parts = set.add(BigInt(start), BigInt(start + size));
      const fresh = Array.from({ length: size }, (_, at) => start + at).filter((address) => !model.has(address));
      const added = parts.flatMap(({ start, end }) =>
        Array.from({ length: Number(end - start) }, (_, at) => {
          return Number(start) + at;
        })
      );
      assertEquals(added, fresh);
      for (const address of fresh) model.add(address);
    }
    const all = set.ranges();
    assertEquals(all.reduce((sum, { start, end }) => sum + Number(end - start), 0), model.size);
    all.forEach(({ start }, at) => at > 0 && assertEquals(start > all[at - 1].end, true));
  }));
});
