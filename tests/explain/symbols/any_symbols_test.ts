/** Symbols of any size in any sections, overlapping or not, against a search through all of them. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { readSymbols } from "../../../explain/symbols/read_symbols.ts";
import { namedFile, type SymbolSpec } from "../named_file.ts";
import type { Printed } from "../readelf_names.ts";
import { slowNames, slowSymbolAt } from "./slow_names.ts";

const SPAN = 400;
const TYPES = ["NOTYPE", "OBJECT", "FUNC"];
const BINDINGS = ["LOCAL", "GLOBAL", "WEAK"];

const small = (max: number) => fc.nat({ max });
const section = fc.record({ address: small(SPAN), size: small(SPAN) });
const symbol = fc.record({
  value: small(SPAN),
  size: fc.oneof(fc.constant(0), small(20), small(SPAN)),
  type: small(2),
  binding: small(2),
  section: fc.integer({ min: 1, max: 3 }),
});
const bases = fc.constantFrom(
  0n,
  0xffff_ff00n,
  0x7fff_ffff_ff00n,
  0xffff_ffff_8000_0000n,
  2n ** 64n - 2n * BigInt(SPAN),
);

Deno.test("symbolAt() finds the same by scan and by index as a search through all symbols", async () => {
  let inside = 0;
  const property = fc.asyncProperty(
    bases,
    fc.array(section, { minLength: 1, maxLength: 3 }),
    fc.array(symbol, { maxLength: 30 }),
    async (base, sections, symbols) => {
      const specs = symbols.map(({ value, size, ...rest }, at): SymbolSpec => {
        return { ...rest, name: `s${at}`, value: base + BigInt(value), size: BigInt(size) };
      });
      const list = sections.map(({ address, size }, at) => {
        return { name: `.s${at}`, type: 1, flags: 2, address: base + BigInt(address), size: BigInt(size) };
      });
      const printed: Printed = {
        sections: list.map(({ name, address, size }, at) => {
          return { index: at + 1, name, type: "PROGBITS", address, size, flags: "A" };
        }),
        tables: new Map([[
          ".symtab",
          specs.map(({ name, value = 0n, size = 0n, type = 0, binding = 0, section }, at) => {
            return {
              index: at + 1,
              name,
              value,
              size,
              type: TYPES[type],
              binding: BINDINGS[binding],
              section: `${section}`,
            };
          }),
        ]]),
      };
      const file = namedFile({ sections: list, symbols: specs });
      const slow = slowNames({ ...printed, tables: symbolsIn(printed, list.length) });
      const symbolsFound = await readSymbols(file);
      for (const step of [BigInt(SPAN) / 8n, 3n]) { // the first sixteen by scan, the others by index
        for (let at = 0n; at < 2n * BigInt(SPAN); at += step) {
          const expected = slowSymbolAt(slow, base + at);
          const found = symbolsFound.symbolAt(base + at);
          assertEquals(found && [found.symbol.index, found.offset], expected);
          if (expected && step > 3n) inside++;
        }
      }
    },
  );
  await fc.assert(property, { numRuns: 300, seed: 1 });
  assert(inside > 500, `${inside} addresses`);
});

/** The symbols whose section is there: those of others name nothing. */
function symbolsIn({ tables }: Printed, sections: number): Printed["tables"] {
  return new Map(
    [...tables].map(([name, lines]) => [name, lines.filter(({ section }) => Number(section) <= sections)]),
  );
}
