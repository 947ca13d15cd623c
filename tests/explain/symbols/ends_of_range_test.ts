/** The ends of a range of symbols are the same by scan and by index. */

import { assertEquals } from "@std/assert";
import { readSymbols } from "../../../explain/symbols/read_symbols.ts";
import { pathOf } from "../../cli/kload.ts";

Deno.test("the ends of a range are those of its list, by scan and by index", async () => {
  for (const name of ["examples/hello/hello.elf", "examples/hello/hello-pie.elf"]) {
    const bytes = await Deno.readFile(pathOf(name));
    const all = [...(await readSymbols(bytes)).inRange(0n, 1n << 64n)];
    const bounds = [0n, ...all.flatMap(({ address }) => [address, address + 1n]), 1n << 64n];
    for (const start of bounds) {
      const symbols = await readSymbols(bytes); // the first look-ups scan, those after them go by an index
      for (const end of bounds) {
        const inside = all.filter(({ address }) => address >= start && address < end);
        const expected = inside.length === 0
          ? undefined
          : { first: inside[0], last: inside.at(-1), count: inside.length };
        assertEquals(symbols.endsOfRange(start, end), expected);
      }
    }
  }
});
