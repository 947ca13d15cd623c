/**
 * A lesson in paging: follows one address of a kernel through its page tables, step by step. Run it with
 *
 *     deno run --allow-read examples/teach_paging.ts [FILE] [SYMBOL|ADDRESS]
 */

import { loadKernel } from "@kload/kload";
import { explainAddress, readSymbols } from "@kload/kload/explain";

const [path = "examples/hello/hello.elf", wanted] = Deno.args;
const file = await Deno.readFile(path).catch((error) => fail(`Cannot read ${path}: ${error.message}`));
const kernel = await loadKernel(file).catch((error) => fail(`Cannot load ${path}: ${error.message}`));
const symbols = await readSymbols(file);
const { asked, address } = choose(wanted);

/** Ends the lesson. */
function fail(message: string): never {
  console.error(message);
  Deno.exit(1);
}

/** The symbol or number that was asked for; without one, the example's constants or the entry point. */
function choose(wanted?: string): { readonly asked: string; readonly address: bigint } {
  const [symbol] = symbols.find(wanted ?? "constants");
  if (symbol) {
    return { asked: symbol.name, address: symbol.address + (symbol.absolute ? 0n : kernel.virtualAddressOffset) };
  }
  if (wanted === undefined) return { asked: "the entry point", address: kernel.entryPoint };
  if (/^(0x[0-9a-f]+|[0-9]+)$/i.test(wanted) && BigInt(wanted) < 1n << 64n) {
    return { asked: "as given", address: BigInt(wanted) };
  }
  const similar = symbols.similar(wanted);
  const hint = similar.length === 0 ? "Addresses in hex start with 0x." : `Did you mean ${similar.join(" or ")}?`;
  fail(`${wanted} is neither an address of 64 bits nor a symbol of ${path}. ${hint}`);
}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const bits = (high: number, low: number): string => {
  return address.toString(2).padStart(64, "0").slice(63 - high, 64 - low);
};

const { levels, end, canonical, why, permissions } = explainAddress(kernel, address, { symbols });
console.log(`The address ${hex(address)} (${asked}) is virtual: its bits are a path through page tables.\n`);
console.log(
  `Bits 63-48 are ${bits(63, 48)}: ${canonical ? "copies" : "not copies"} of bit 47, which is ${bits(47, 47)}.`,
);

let table = kernel.level4Frame;
if (canonical) console.log(`CR3 says that the level-4 table is at physical ${hex(table)}.\n`);
else console.log("The processor accepts only copies: an access raises an exception, and no table is read.");
for (const { level, index, entry, kind, flags, address: next = 0 } of levels) {
  const [high, low] = [level * 9 + 11, level * 9 + 3];
  console.log(`Level ${level}: bits ${high}-${low} are ${bits(high, low)}, which is ${index}.`);
  console.log(
    `  Entry ${index} is the 8 bytes at ${hex(table)} + 8 * ${index} = ${hex(table + 8 * index)}: ${hex(entry)}.`,
  );
  if (kind === "absent") console.log("  Bit 0, PRESENT, is clear: the walk ends here, with a page fault.");
  else console.log(`  Its flags are ${flags.join(", ")}.`);
  if (kind === "table") console.log(`  Bits 51-12 say that the level-${level - 1} table is at ${hex(next)}.`);
  if (kind === "page") console.log(`  Its address bits say that the page is at ${hex(next)}.`);
  table = next;
}

if (end.kind === "page") {
  const offset = end.phys % end.pageSize;
  const last = Math.log2(end.pageSize) - 1;
  console.log(`\nBits ${last}-0 are the offset in the page, ${hex(offset)}.`);
  console.log(`So the byte is at physical ${hex(table)} + ${hex(offset)} = ${hex(end.phys)}.`);
  const bytes = Array.from(
    kernel.memory.bytes(end.phys, Math.min(8, end.pageSize - offset)),
    (byte) => byte.toString(16).padStart(2, "0"),
  );
  console.log(`The bytes there are ${bytes.join(" ")}.\n`);
  for (const permission of ["write", "execute", "user"] as const) {
    const denying = levels.filter(({ denies }) => denies.includes(permission)).map(({ level }) => level);
    const answer = denying.length === 0 ? "every level allows it" : `denied at level ${denying.join(", ")}`;
    console.log(`${permission}: ${answer}`);
  }
  console.log(`Together: ${permissions}.`);
}
console.log(`\nWhy?\n${why.map(({ message }) => `  ${message}`).join("\n")}`);
