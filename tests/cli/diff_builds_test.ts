/** `kload diff` of two builds: whose names are named, held against what nm, readelf and objcopy print. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { PF_R, PF_X } from "../../core/elf/constants.ts";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { kload, kloadJson, withFolder } from "./kload.ts";

const SOURCE = `
static const char version[] = "one kernel";
volatile int counter = 3;
__attribute__((noinline)) int compute(int a) {
#ifdef NEW
  int sum = 0;
  for (int at = 0; at < a; at++) sum += at * counter;
  return sum;
#else
  return a * 2 + counter;
#endif
}
__attribute__((noinline)) void print(const char *text) {
  while (*text) __asm__ volatile("outb %0, $0xe9" ::"a"(*text++));
}
void _start(void) { print(version); counter = compute(7); for (;;) __asm__ volatile("hlt"); }
`;

const FLAGS = [
  ...["-O1", "-ffreestanding", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-mcmodel=kernel"],
  ...["-fno-asynchronous-unwind-tables", "-z", "noexecstack", "-Wl,-Ttext-segment=0xffffffff80000000"],
];

/** A name and its addresses. */
interface Range {
  readonly name: string;
  readonly start: bigint;
  readonly end: bigint;
}

/** The functions of a file, as nm prints them. */
async function functionsOf(path: string): Promise<readonly Range[]> {
  const lines = (await runTool("nm", ["-S", path])).matchAll(/^(\w+) (\w+) [tT] (.+)$/gm);
  return Array.from(lines, ([, address, size, name]) => {
    const start = BigInt(`0x${address}`);
    return { name, start, end: start + BigInt(`0x${size}`) };
  });
}

/** The sections of a file that take memory, as readelf prints them. */
async function sectionsOf(path: string): Promise<readonly Range[]> {
  const lines = (await runTool("readelf", ["-SW", path])).matchAll(
    /\] (\S+) +\w+ +(\w+) \w+ (\w+) \w+ +(?=[WXSMI]*A)/g,
  );
  return Array.from(lines, ([, name, address, size]) => {
    const start = BigInt(`0x${address}`);
    return { name, start, end: start + BigInt(`0x${size}`) };
  });
}

function nameAt(ranges: readonly Range[], address: bigint): string | undefined {
  return ranges.find(({ start, end }) => address >= start && address < end)?.name;
}

/** The memory of a file without bss: its segments as readelf lists them. */
async function memoryOf(path: string): Promise<(address: bigint) => number> {
  const file = await Deno.readFile(path);
  const lines = (await runTool("readelf", ["-lW", path])).matchAll(/LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)/g);
  const segments = Array.from(lines, ([, ...numbers]) => numbers.map((text) => BigInt(`0x${text}`)));
  return (address) => {
    const found = segments.find(([, start, size]) => address >= start && address < start + size);
    return found ? file[Number(found[0] + address - found[1])] : 0;
  };
}

async function withBuilds(work: (old: string, fresh: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/k.c`, SOURCE);
    await runTool("gcc", [...FLAGS, "-o", `${folder}/old.elf`, `${folder}/k.c`]);
    await runTool("gcc", [...FLAGS, "-DNEW", "-o", `${folder}/new.elf`, `${folder}/k.c`]);
    await work(`${folder}/old.elf`, `${folder}/new.elf`);
  });
}

testWithTools(["gcc", "nm", "readelf"], "bytes of two builds are named as each side names them", async () => {
  await withBuilds(async (old, fresh) => {
    const [namesA, namesB] = [await functionsOf(old), await functionsOf(fresh)];
    const [sectionsA, sectionsB] = [await sectionsOf(old), await sectionsOf(fresh)];
    const [memoryA, memoryB] = [await memoryOf(old), await memoryOf(fresh)];
    const base = 0xffff_ffff_8000_0000n;
    const expected = new Map<string, number>();
    let [differing, inSections] = [0, 0];
    for (let address = base; address < base + 0x4000n; address++) {
      if (memoryA(address) === memoryB(address)) continue;
      differing++;
      if (nameAt(sectionsA, address) ?? nameAt(sectionsB, address)) inSections++;
      const [a = "-", b = "-"] = [nameAt(namesA, address), nameAt(namesB, address)];
      if (a !== "-" || b !== "-") expected.set(`${a} ${b}`, (expected.get(`${a} ${b}`) ?? 0) + 1);
    }
    assert(expected.has("print compute") && differing > inSections, "functions moved, and the file header differs");
    const { json } = await kloadJson(["diff", old, fresh, "--limit", "1000"]);
    const { content, names } = json;
    assertEquals([content.differing, content.inSections, content.outside], [differing, inSections, 0]);
    const found = (content.symbols.items as readonly Record<string, string>[]).map(
      ({ name, nameInB, side, ...item }) => {
        return [side === "b" ? "- " : `${name} `, side === "a" ? "-" : nameInB ?? name, ` ${item.differing}`].join("");
      },
    );
    const functions = [...expected].map(([pair, count]) => `${pair} ${count}`);
    assertEquals(found.filter((line) => functions.includes(line)).sort(), [...functions].sort());
    for (const { address, symbol, inB } of content.ranges.items) {
      const at = BigInt(address);
      const [a, b] = [nameAt(namesA, at), nameAt(namesB, at)];
      if (a !== undefined) assertEquals(symbol.name, a);
      if (b !== undefined) assertEquals((inB ?? { symbol }).symbol.name, b);
    }
    const { stdout } = await kload(["diff", old, fresh]);
    const counts = `${inSections} bytes in .+, ${differing - inSections} bytes elsewhere`;
    const [verdict] = stdout.split("\n\n");
    const expectedVerdict = new RegExp(`^differ: ${counts}, 1 symbol resized, ${names.moved} moved, the entry point$`);
    assertMatch(verdict.replaceAll(/\n */g, " "), expectedVerdict);
    assertMatch(stdout, /\n {2}symbol in A +in B +bytes +first at\n/);
    assertMatch(stdout, new RegExp(`\n  print +compute +${expected.get("print compute")} +0x`));
    assertMatch(stdout, /print\+0x0 in A, compute\+0x\w+ in B\n/);
    assertStringIncludes(stdout, `${differing - inSections} bytes of them in a segment, but in no section\n`);
  });
});

Deno.test("what is mapped before a kernel and after it is one mapping, in order of address", async () => {
  const file = buildElf({ segments: [{ p_vaddr: 0x10_b000n, p_flags: PF_R | PF_X, offset: 0x1000, filesz: 4096 }] });
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/low.elf`, file);
    const flags = ["--memory-size", "0x400000", "--identity"];
    const { json } = await kloadJson(["diff", `${folder}/low.elf`, ...flags]);
    const items: readonly Record<"address" | "size", string>[] = json.mappings.items;
    const runs = items.map(({ address, size }) => ({ start: Number(address), end: Number(address) + Number(size) }));
    assertEquals(runs, runs.toSorted((one, other) => one.start - other.start));
    // The page of the kernel is between two runs; the one after it ends with the first frame that has an owner.
    assertEquals(runs[0], { start: 0, end: 0x10_b000 });
    assertEquals(runs[1].start, 0x10_c000);
    const owned = (json.mappings.items as readonly { readonly address: string; readonly b: { owner?: string } }[])
      .find(({ b }) => b.owner !== undefined);
    assertEquals(runs[1].end, Number(owned?.address));
    assert(runs[1].end > 0x10_d000);
  });
});
