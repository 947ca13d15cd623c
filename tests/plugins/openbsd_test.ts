/** What the program header types of OpenBSD ask for: random bytes at their place, and ranges told of. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { PF_R, PF_W, PF_X } from "../../core/elf/constants.ts";
import { loadKernel, type LoadOptions, type RuleSetName } from "../../mod.ts";
import { RULES } from "../../core/rules.ts";
import { openbsd } from "../../plugins/openbsd.ts";
import { buildElf, fileByte, type SegmentSpec } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { counted } from "./counted_work.ts";
import { GCC_TOOLS, withProgram } from "./gcc.ts";

const MUTABLE = 0x65a3dbe5;
const RANDOMIZE = 0x65a3dbe6;
const WXNEEDED = 0x65a3dbe7;
const BOOTDATA = 0x65a41be6;
const RULE_SETS = Object.keys(RULES) as readonly RuleSetName[];

const TEXT = { p_flags: PF_R | PF_X, p_vaddr: 0x40_0000n, offset: 0x1000, filesz: 0x1000 };
/** 0x1800 bytes of the file, then bss up to 0x40_5000. */
const DATA = { p_flags: PF_R | PF_W, p_vaddr: 0x40_1000n, offset: 0x2000, filesz: 0x1800, p_memsz: 0x4000n };

const special = (p_type: number, p_vaddr: bigint, size: bigint): SegmentSpec => {
  return { p_type, p_flags: PF_R, p_vaddr, p_memsz: size, offset: Number(p_vaddr) - 0x40_0000 + 0x1000, p_align: 1n };
};

/** Loads a file with these headers before its segments. */
async function load(specials: readonly SegmentSpec[], seed?: bigint, options: LoadOptions = {}) {
  const file = buildElf({ segments: [...specials, TEXT, DATA], length: 0x4000 });
  const { pipeline: _, plugins: __, ...rest } = options;
  return await loadKernel(file, { ...rest, plugins: [openbsd(seed === undefined ? {} : { seed })] });
}

const fromFile = (offset: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => fileByte(offset + at));

for (const rules of RULE_SETS) {
  Deno.test(`the range, and nothing else, is filled at random under ${rules}, across pages and into bss`, async () => {
    const [virt, size] = [0x40_1ff8n, 0x1010];
    const kernel = await load([special(RANDOMIZE, virt, BigInt(size))], 7n, { rules });
    assertEquals(kernel.results.openbsd, {
      randomized: [{ virt, size: 0x1010n }],
      bootData: [],
      mutable: [],
      wxNeeded: false,
    });
    assertEquals(kernel.read(0x40_1000n, 0xff8), fromFile(0x2000, 0xff8));
    assertEquals(kernel.read(virt + BigInt(size), 0x1000), new Uint8Array(0x1000));
    const random = kernel.read(virt, size);
    assert(new Set(random).size > 200, "the bytes do not look random");
    assertNotEquals(random.slice(0, 0x808), fromFile(0x2ff8, 0x808));
    // The file's bytes in memory stay what they were.
    assertEquals(kernel.memory.bytes(0x20_0000 + 0x2000, 0x1800), fromFile(0x2000, 0x1800));
  });
}

Deno.test("random bytes follow from the seed, and from the header", async () => {
  const ranges = [special(RANDOMIZE, 0x40_1000n, 0x20n), special(RANDOMIZE, 0x40_3000n, 0x20n)];
  const bytesOf = async (seed?: bigint) => {
    const kernel = await load(ranges, seed);
    assertEquals(kernel.results.openbsd?.randomized.map(({ virt }) => virt), [0x40_1000n, 0x40_3000n]);
    return [kernel.read(0x40_1000n, 0x20), kernel.read(0x40_3000n, 0x20)];
  };
  const seeds = [0n, 1n, 2n ** 64n - 1n];
  const all = await Promise.all(seeds.map(bytesOf));
  assertEquals(await Promise.all(seeds.map(bytesOf)), all);
  const distinct = new Set([...all, await bytesOf(), await bytesOf()].flat().map(String));
  assertEquals(distinct.size, 10);
});

Deno.test("a large range is filled whole", async () => {
  const bss = { p_flags: PF_R | PF_W, p_vaddr: 0x80_0000n, offset: 0, p_memsz: 0x12_3457n };
  const spec = { p_type: RANDOMIZE, p_vaddr: 0x80_0001n, p_memsz: 0x12_3456n, p_align: 1n };
  const file = buildElf({ segments: [TEXT, bss, spec] });
  for (const seed of [5n, undefined]) {
    const kernel = await loadKernel(file, { plugins: [openbsd(seed === undefined ? {} : { seed })] });
    const bytes = kernel.read(0x80_0000n, 0x12_3457);
    assertEquals(bytes[0], 0);
    // A byte in 256 is 0 by chance; a page that was left out would show.
    const zeros = bytes.filter((byte) => byte === 0).length;
    assert(Math.abs(zeros - 0x12_3456 / 256) < 1000, `${zeros} zeros`);
    assert(bytes.subarray(-64).some((byte) => byte !== 0));
  }
});

Deno.test("a position-independent kernel gets its random bytes where it was placed", async () => {
  const file = buildElf({
    header: { e_type: 3, e_entry: 0x40_0000n },
    segments: [TEXT, DATA, special(RANDOMIZE, 0x40_3000n, 8n)],
    length: 0x4000,
  });
  const kernel = await loadKernel(file, { kernelBase: 0x80_0000_0000n, plugins: [openbsd({ seed: 3n })] });
  assertEquals(kernel.results.openbsd?.randomized, [{ virt: 0x80_0040_3000n, size: 8n }]);
  assertNotEquals(kernel.read(0x80_0040_3000n, 8), new Uint8Array(8));
});

Deno.test("the other types are told of", async () => {
  const specials = [
    special(WXNEEDED, 0n + 0x40_0000n, 0n),
    special(BOOTDATA, 0x40_4000n, 0x100n),
    special(MUTABLE, 0x40_1000n, 0x1000n),
    special(MUTABLE, 0x40_3000n, 0x2000n),
  ];
  const kernel = await load(specials);
  assertEquals(kernel.results.openbsd, {
    randomized: [],
    bootData: [{ virt: 0x40_4000n, size: 0x100n }],
    mutable: [{ virt: 0x40_1000n, size: 0x1000n }, { virt: 0x40_3000n, size: 0x2000n }],
    wxNeeded: true,
  });
  assertEquals(kernel.diagnostics.map(({ code, severity, index, addresses }) => [code, severity, index, addresses]), [
    ["openbsd-wx-needed", "info", 0, []],
    ["openbsd-bootdata-empty", "info", 1, [0x40_4000n]],
  ]);
});

const OUTSIDE: readonly [what: string, virt: bigint, size: bigint][] = [
  ["before every segment", 0x3f_f000n, 0x10n],
  ["behind every segment", 0x40_5000n, 1n],
  ["over the end of one", 0x40_4fffn, 2n],
  ["over two", 0x40_0ff0n, 0x20n],
];

for (const [what, virt, size] of OUTSIDE) {
  Deno.test(`a range ${what} is left out and reported`, async () => {
    for (const type of [RANDOMIZE, BOOTDATA, MUTABLE]) {
      const spec = { p_type: type, p_vaddr: virt, p_memsz: size, p_align: 1n };
      const kernel = await load([spec], 1n);
      assertEquals(kernel.results.openbsd, { randomized: [], bootData: [], mutable: [], wxNeeded: false });
      assertEquals(kernel.diagnostics.map(({ code, severity, index }) => [code, severity, index]), [
        ["openbsd-range-not-loaded", "warning", 0],
      ]);
      assertEquals(kernel.diagnostics[0].addresses, [virt]);
      assertEquals(kernel.read(0x40_1000n, 0x1800), fromFile(0x2000, 0x1800));
    }
  });
}

Deno.test("an empty range is nothing to speak of", async () => {
  for (const type of [RANDOMIZE, BOOTDATA, MUTABLE]) {
    const kernel = await load([{ p_type: type, p_vaddr: 0n, p_memsz: 0n }], 1n);
    assertEquals(kernel.diagnostics, []);
    assertEquals(kernel.results.openbsd, { randomized: [], bootData: [], mutable: [], wxNeeded: false });
  }
});

for (const rules of RULE_SETS) {
  Deno.test(`absurd ranges under ${rules} are refused or reported, and cost nothing`, async () => {
    for (const [virt, size] of [[0n, 2n ** 64n - 1n], [2n ** 64n - 1n, 2n], [0x40_1000n, 2n ** 63n]]) {
      const spec = { p_type: RANDOMIZE, p_vaddr: virt, p_memsz: size, p_align: 1n };
      const outcome = await load([spec], 1n, { rules }).catch((error: Error) => error);
      if (outcome instanceof Error) assertEquals(outcome.name, "LoadError");
      else assertEquals(outcome.results.openbsd?.randomized, []);
    }
  });
}

Deno.test("where ranges overlap, the bytes are those of the last one, and each is written once", async () => {
  const [first, second, third] = [[0x40_1000n, 0x800n], [0x40_1400n, 0x200n], [0x40_1700n, 0x400n]] as const;
  const ranges = [first, second, third].map(([virt, size]) => special(RANDOMIZE, virt, size));
  const kernel = await load(ranges, 5n);
  assertEquals(kernel.results.openbsd?.randomized, [first, second, third].map(([virt, size]) => ({ virt, size })));
  // A range that no later one overlaps has the bytes of a file in which the others lie elsewhere.
  const [away, size] = [0x40_3000n, 0x10n];
  const alone = async (at: number) => {
    const others = ranges.map((range, index) => index === at ? range : special(RANDOMIZE, away, size));
    const [virt, length] = [first, second, third][at];
    return (await load(others, 5n)).read(virt, Number(length));
  };
  assertEquals(kernel.read(second[0], 0x200), await alone(1));
  assertEquals(kernel.read(third[0], 0x400), await alone(2));
  // The first one's bytes fill what is left of it, in order.
  const rest = [...kernel.read(0x40_1000n, 0x400), ...kernel.read(0x40_1600n, 0x100)];
  assertEquals(Uint8Array.from(rest), (await alone(0)).subarray(0, 0x500));
  assertEquals(kernel.read(0x40_1b00n, 0x500), fromFile(0x2b00, 0x500));
});

Deno.test("however many ranges overlap, the work is that of their bytes", async () => {
  const size = 0x40_0000n;
  const bss = { p_flags: PF_R | PF_W, p_vaddr: 0x80_0000n, offset: 0, p_memsz: size };
  const ranges = Array.from({ length: 300 }, (_, at) => {
    return { p_type: RANDOMIZE, p_vaddr: 0x80_0000n + BigInt(at), p_memsz: size - BigInt(2 * at), p_align: 1n };
  });
  const file = buildElf({ header: { e_phoff: 0x2000n }, segments: [TEXT, bss, ...ranges], length: 0x8000 });
  const { plugin, work } = counted(openbsd({ seed: 1n }));
  const kernel = await loadKernel(file, { plugins: [plugin] });
  assertEquals(work.written, Number(size));
  assert(work.pauses >= 3 * 300 && work.pauses < 5 * 300 + 80, `${work.pauses} pauses`);
  assertEquals(kernel.results.openbsd?.randomized.length, 300);
});

for (const type of [RANDOMIZE, BOOTDATA, MUTABLE]) {
  Deno.test(`a load pauses between the headers of type 0x${type.toString(16)} whose ranges are not loaded`, async () => {
    const ranges = Array.from({ length: 300 }, (_, at) => special(type, 0x80_0000n + BigInt(at), 1n));
    const file = buildElf({ header: { e_phoff: 0x2000n }, segments: [TEXT, ...ranges], length: 0x8000 });
    const { plugin, work } = counted(openbsd());
    const kernel = await loadKernel(file, { plugins: [plugin] });
    assertEquals(kernel.diagnostics.length, 300);
    assert(work.pauses >= 300, `${work.pauses} pauses`);
  });
}

Deno.test("thousands of ranges in as many segments are found without a search of them all", async () => {
  const [start, count] = [0x80_0000n, 2000];
  const segments = Array.from({ length: count }, (_, at) => [
    { p_flags: PF_R | PF_W, p_vaddr: start + BigInt(at * 4096), offset: 0, p_memsz: 4096n },
    { p_type: MUTABLE, p_vaddr: start + BigInt(at * 4096 + 8), p_memsz: 16n, p_align: 1n },
  ]).flat();
  const file = buildElf({ header: { e_phoff: 0x2000n }, segments: [TEXT, ...segments], length: 0x4_0000 });
  const { plugin, work } = counted(openbsd());
  const kernel = await loadKernel(file, { plugins: [plugin] });
  assertEquals(kernel.results.openbsd?.mutable.length, count);
  assertEquals(kernel.diagnostics, []);
  assert(work.addresses < 20 * count, `${work.addresses} addresses`);
});

const SCRIPT = `
PHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); random 0x65a3dbe6 FLAGS(6); }
SECTIONS {
  . = 0x200000;
  .text : { *(.text*) *(.rodata*) } :text
  . = ALIGN(4096);
  .data : { *(.data*) *(.bss*) *(COMMON) } :data
  .openbsd.randomdata : { *(.openbsd.randomdata) } :data :random
  /DISCARD/ : { *(.note*) *(.eh_frame*) *(.comment) }
}`;
const C = `
__attribute__((section(".openbsd.randomdata"), used)) long guard[3] = { 0 };
int before = 0x11223344;
void _start(void) { before = (int) guard[0]; for (;;); }
`;

testWithTools(GCC_TOOLS, "a kernel of gcc's gets its stack guard where readelf says it is", async () => {
  await withProgram({ c: C, script: SCRIPT, flags: ["-static", "-no-pie"] }, async (path) => {
    // A row of readelf: Type, Offset, VirtAddr, PhysAddr, FileSiz, MemSiz; older versions know the type by number alone.
    const lines = (await runTool("readelf", ["-lW", path])).split("\n").map((line) => line.trim().split(/ +/));
    const row = lines.find(([type]) => type.startsWith("OPENBSD_RANDOM") || type === "LOOS+0x5a3dbe6");
    assert(row, "readelf shows no such header");
    const [virt, size] = [BigInt(row[2]), BigInt(row[5])];
    assertEquals(size, 24n);
    const kernel = await loadKernel(await Deno.readFile(path), { plugins: [openbsd({ seed: 9n })] });
    assertEquals(kernel.results.openbsd?.randomized, [{ virt, size }]);
    assert(new Set(kernel.read(virt, 24)).size > 12);
  });
});

Deno.test("memory that the load allocates has room for every page of the file that is filled at random", async () => {
  const size = 0x80_0000;
  const data = { p_flags: PF_R | PF_W, p_vaddr: 0x80_0000n, offset: 0x2000, filesz: size };
  const random = { p_type: RANDOMIZE, p_vaddr: 0x80_0000n, p_memsz: BigInt(size), offset: 0x2000, p_align: 1n };
  const kernel = await loadKernel(buildElf({ segments: [TEXT, data, random] }), { plugins: [openbsd({ seed: 1n })] });
  assertEquals(kernel.results.openbsd?.randomized, [{ virt: 0x80_0000n, size: BigInt(size) }]);
});
