/** Sections and symbols of real files, against what readelf, nm, addr2line and gdb say of them. */

import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { readSymbols } from "../../../explain/symbols/read_symbols.ts";
import type { KernelSymbol, KernelSymbols } from "../../../explain/symbols/kernel_symbols.ts";
import { runTool, testWithTools } from "../../tools.ts";
import { BUILD_TOOLS, withKernels } from "../kernels.ts";
import { addressSymbols, allocated, readelfNames } from "../readelf_names.ts";
import { slowNames, slowSymbolAt } from "./slow_names.ts";

const ALL = [0n, 1n << 64n] as const;

async function assertAsReadelf(path: string, symbols: KernelSymbols): Promise<void> {
  const printed = await readelfNames(path);
  const expected = allocated(printed).map(({ index, name, address, size }) => ({ index, name, address, size }));
  const found = symbols.sections.map(({ index, name, address, size }) => ({ index, name, address, size }));
  assertEquals(found.toSorted((a, b) => a.index - b.index), expected, path);
  const names = addressSymbols(printed);
  assertEquals(symbols.count, names.length, path);
  for (const [name, lines] of Map.groupBy(names, (line) => line.name)) {
    assertEquals(
      symbols.find(name).map(({ index, address, size }) => [index, address, size]),
      lines.map(({ index, value, size }) => [index, value, size]),
      `${name} in ${path}`,
    );
  }
}

async function* elfFiles(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* elfFiles(`${folder}/${name}`);
    else {
      const bytes = await Deno.readFile(`${folder}/${name}`);
      const isElf = bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
      // What is shorter than its header is refused by readelf, and the addresses of object files are not decided yet.
      if (isElf && bytes.length >= 64 && bytes[bytes[5] === 2 ? 17 : 16] !== 1) yield `${folder}/${name}`;
    }
  }
}

testWithTools(["readelf"], "the sections and symbols of every fixture are those of readelf", async () => {
  let files = 0;
  for (const folder of ["../../fixtures", "../../../examples"]) {
    for await (const path of elfFiles(fromFileUrl(new URL(folder, import.meta.url)))) {
      if (path.endsWith("hdr-shoff-unaligned.elf")) continue; // readelf calls a section without names "<no-strings>"
      await assertAsReadelf(path, await readSymbols(await Deno.readFile(path)));
      files++;
    }
  }
  assert(files > 500, `${files} files`);
});

testWithTools(
  [...BUILD_TOOLS, "readelf", "nm"],
  "the names in compiled kernels are those of readelf and nm",
  async () => {
    await withKernels(async (paths) => {
      for (const [name, path] of paths) {
        const symbols = await readSymbols(await Deno.readFile(path));
        await assertAsReadelf(path, symbols);
        assertEquals(symbols.hasLineNumbers, name.endsWith("debug"), name);
        const { naming } = slowNames(await readelfNames(path));
        const lines = (await runTool("nm", ["-n", path])).trim().split("\n").map((line) => line.split(/ +/));
        const listed = lines.flatMap(([address, , symbol]) => {
          return naming.some((each) => each.name === symbol && each.value === BigInt(`0x${address}`))
            ? [BigInt(`0x${address}`)]
            : [];
        });
        const found = [...symbols.inRange(...ALL)];
        assert(found.length > 5, name);
        assertEquals(found.map(({ address }) => address), listed, name);
        assertEquals(new Set(found.map(({ index }) => index)), new Set(naming.map(({ index }) => index)), name);
      }
    });
  },
);

/** The addresses where something changes, and some between. */
function interestingAddresses(symbols: KernelSymbols): readonly bigint[] {
  const edges = symbols.sections.flatMap(({ address, size }) => [address, address + size]);
  const starts = [...symbols.inRange(...ALL)].flatMap(({ address, size }) => [address, address + size]);
  const near = [...edges, ...starts].flatMap((address) => [-9n, -1n, 0n, 1n, 2n, 5n].map((by) => address + by));
  return [...new Set(near)].filter((address) => address >= 0n && address < 1n << 64n);
}

testWithTools([...BUILD_TOOLS, "readelf"], "symbolAt() finds what a search through all symbols does", async () => {
  await withKernels(async (paths) => {
    for (const [name, path] of paths) {
      const file = await Deno.readFile(path);
      const indexed = await readSymbols(file);
      const names = slowNames(await readelfNames(path));
      for (const address of interestingAddresses(indexed)) {
        const expected = slowSymbolAt(names, address);
        const found = indexed.symbolAt(address);
        assertEquals(found && [found.symbol.index, found.offset], expected, `${address.toString(16)} in ${name}`);
        const first = (await readSymbols(file)).symbolAt(address); // which finds it without an index
        assertEquals(first && [first.symbol.index, first.offset], expected, `${address.toString(16)} in ${name}`);
      }
    }
  });
});

/** The names that are equally true of an address: those of symbols at the same one. */
function aliasesOf(symbols: KernelSymbols, { address }: KernelSymbol): readonly string[] {
  return [...symbols.inRange(address, address + 1n)].map(({ name }) => name);
}

/** Addresses in sections of code that a symbol contains. */
function codeAddresses(symbols: KernelSymbols): readonly bigint[] {
  return interestingAddresses(symbols).filter((address) => {
    const place = symbols.symbolAt(address);
    const isCode = ((symbols.sectionAt(address)?.flags ?? 0n) & 4n) !== 0n;
    return place && isCode && BigInt(place.offset) < place.symbol.size;
  });
}

testWithTools([...BUILD_TOOLS, "addr2line"], "functions are those of addr2line, but for labels in them", async () => {
  await withKernels(async (paths) => {
    for (const [name, path] of paths) {
      const symbols = await readSymbols(await Deno.readFile(path));
      const addresses = codeAddresses(symbols);
      const args = ["-a", "-f", "-i", "-e", path, ...addresses.map((address) => address.toString(16))];
      const groups = (await runTool("addr2line", args)).split(/^0x[0-9a-f]+\n/m).slice(1);
      // Each group has two lines for every function that was inlined there, and two for the one that has a symbol.
      const functions = groups.map((lines) => lines.trim().split("\n").at(-2) ?? "");
      for (const [at, address] of addresses.entries()) {
        const place = symbols.symbolAt(address);
        assert(place);
        const [label] = symbols.find(functions[at]);
        const isLabel = label?.size === 0n && label.address > place.symbol.address && label.address <= address;
        const what = `${address.toString(16)} in ${name}: ${functions[at]}, not ${place.symbol.name}`;
        assert(isLabel || aliasesOf(symbols, place.symbol).includes(functions[at]), what);
      }
    }
  });
});

testWithTools([...BUILD_TOOLS, "gdb"], "functions and offsets are those of gdb", async () => {
  await withKernels(async (paths) => {
    for (const [name, path] of paths) {
      const symbols = await readSymbols(await Deno.readFile(path));
      const addresses = codeAddresses(symbols);
      const script = `${path}.gdb`;
      await Deno.writeTextFile(
        script,
        ["set print asm-demangle off", "set print demangle off", ""].join("\n") +
          addresses.map((address) => `info symbol 0x${address.toString(16)}`).join("\n"),
      );
      const lines = (await runTool("gdb", ["-nx", "-batch", "-x", script, path])).trim().split("\n");
      assertEquals(lines.length, addresses.length, name);
      for (const [at, address] of addresses.entries()) {
        const [, symbol, offset = "0"] = /^(.*?)(?: \+ (\d+))? in section /.exec(lines[at]) ?? [];
        const place = symbols.symbolAt(address);
        assert(place);
        const what = `${address.toString(16)} in ${name}: ${lines[at]}, not ${place.symbol.name} + ${place.offset}`;
        assertEquals(place.offset, Number(offset), what);
        assert(aliasesOf(symbols, place.symbol).includes(symbol), what);
      }
    }
  });
});

testWithTools(
  [...BUILD_TOOLS, "objcopy"],
  "a kernel without sections has the names of its dynamic symbol table",
  async () => {
    await withKernels(async (paths) => {
      for (const name of ["pie-export", "pie-export-sysv"]) {
        const path = `${paths.get(name)}`;
        const stripped = `${path}.stripped`;
        await runTool("objcopy", ["--strip-all", `${path}`, stripped]);
        const bySections = await readSymbols(await Deno.readFile(stripped));
        assertEquals(bySections.table, ".dynsym");
        const file = await Deno.readFile(stripped);
        file.fill(0, 40, 48); // e_shoff
        file.fill(0, 58, 64); // the size and number of sections, and the index of their names
        const bySegments = await readSymbols(file);
        assertEquals(bySegments.table, ".dynsym");
        assertEquals(bySegments.sections, []);
        assert(bySegments.find("shrink").length === 1 && bySegments.find("table").length === 1);
        const listed = (symbols: KernelSymbols) =>
          [...symbols.inRange(...ALL)].map(({ name, address }) => [address, name]);
        // Symbols at the end of a section, such as _edata, name bytes of its segment.
        const both = new Set(listed(bySections).map(String));
        assertEquals(listed(bySegments).map(String).filter((line) => both.has(line)), listed(bySections).map(String));
        for (const symbol of bySections.inRange(...ALL)) {
          assertEquals(bySegments.find(symbol.name), bySections.find(symbol.name));
          assertEquals(bySegments.symbolAt(symbol.address)?.symbol.address, symbol.address);
        }
      }
    });
  },
);
