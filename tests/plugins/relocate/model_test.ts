/** Random relocation tables: the plugin and an independent model agree on memory, frames, counts and errors. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ET_DYN, PF_R, PF_W, PF_X, PT_DYNAMIC } from "../../../core/elf/constants.ts";
import { LoadError, loadKernel, type LoadOptions, physicalMemory, type RuleSetName } from "../../../mod.ts";
import { relocate } from "../../../plugins/relocate.ts";
import { buildElf, fileByte, type SegmentSpec } from "../../elf_builder.ts";
import { ModelRefusal, type ModelSegment, type ModelTable, RelocationModel } from "./relocation_model.ts";

const PAGE = 0x1000;
/** Where the parts of a test kernel lie, from its base on; data starts with the dynamic table. */
const [TEXT, DATA, BSS, END, FAR] = [0x1000, 0x2000, 0x4e00, 0x6800, 0x9000];
const SYMBOLS = 0x100;
const TABLES = 0x200;
const MEMORY = { base: 0x40_0000, size: 0x4_0000 };

/** Entries and where they are: 24 bytes for an `Elf64_Rela`, 8 for an entry of DT_RELR. */
interface Case {
  readonly base: bigint;
  readonly kernelBase?: bigint;
  readonly shared: boolean;
  readonly rela: readonly (readonly [place: bigint, info: bigint, addend: bigint])[];
  readonly relaAt: number;
  readonly relr: readonly bigint[];
  readonly relrAt: number;
  readonly symbols: readonly bigint[];
}

/** Bases at which kernels cross 2^32, and lie at either end of each half. */
const BASES = [0n, 0xffff_c000n, 0x7fff_ffff_0000n, 0xffff_8000_0000_0000n, 0xffff_ffff_8000_0000n];

const at = (base: bigint, place: number | bigint) => BigInt.asUintN(64, base + BigInt(place));

/** A place: mostly in the kernel, often at the edge of a page or segment, now and then anywhere. */
const place = fc.oneof(
  { weight: 120, arbitrary: fc.integer({ min: DATA / 8, max: END / 8 - 1 }).map((word) => word * 8) },
  { weight: 20, arbitrary: fc.integer({ min: DATA, max: END - 8 }) },
  { weight: 20, arbitrary: fc.integer({ min: TABLES / 4, max: 0x100 }).map((word) => DATA + word * 4) },
  { weight: 6, arbitrary: fc.integer({ min: TEXT, max: TEXT + PAGE - 8 }) },
  { weight: 6, arbitrary: fc.integer({ min: FAR, max: FAR + 0xf8 }) },
  {
    weight: 8,
    arbitrary: fc.tuple(
      fc.constantFrom(TEXT, DATA, 0x3000, 0x4000, BSS, 0x5000, END, FAR),
      fc.integer({ min: -9, max: 9 }),
    )
      .map(([edge, by]) => edge + by),
  },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
);
const addend = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }).map(BigInt),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 1n, 8n, 2n ** 32n - 1n, 2n ** 63n),
);
const relative = fc.constant(8n);
const info = fc.oneof(
  { weight: 20, arbitrary: relative },
  { weight: 1, arbitrary: fc.constantFrom(0n, 1n, 6n, 7n, 18n, 37n, (1n << 32n) | 8n) },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom(1n, 6n, 7n), fc.integer({ min: 0, max: 3 }))
      .map(([type, symbol]) => (BigInt(symbol) << 32n) | type),
  },
);
const symbol = fc.tuple(
  fc.constantFrom(0x10n, 0x11n, 0x11n, 0x20n, 0x22n, 0x16n, 0x1an),
  fc.constantFrom(0n, 1n, 5n, 0xfff1n),
  addend,
)
  .map(([kind, section, value]) => [(kind << 32n) | (section << 48n), value, 0n]);
/** Addresses, and bitmaps with few or many bits. */
const relrEntry = fc.oneof(
  place.map((value) => BigInt(value) & ~1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((bits) => bits | 1n),
  fc.constantFrom(1n, 3n, (1n << 63n) | 1n, 2n ** 64n - 1n, 0x8000_0001n, 0x1_0000_0001n),
);
const position = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: TABLES / 8, max: 0x1e0 }).map((word) => word * 8) },
  { weight: 1, arbitrary: fc.integer({ min: TABLES, max: 0xf00 }) },
);

function cases(most: number, ofOriginal: boolean): fc.Arbitrary<Case> {
  return fc.record({
    base: fc.constantFrom(...BASES.filter((base) => !ofOriginal || base !== 0xffff_8000_0000_0000n)),
    kernelBase: fc.constantFrom(undefined, 0n, 0x20_0000n),
    shared: fc.boolean(),
    rela: fc.array(
      fc.tuple(place.map(BigInt), ofOriginal ? fc.oneof({ weight: 30, arbitrary: relative }, info) : info, addend),
      {
        maxLength: most,
      },
    ),
    relaAt: position,
    relr: ofOriginal ? fc.constant<readonly bigint[]>([]) : fc.array(relrEntry, { maxLength: 5 }),
    relrAt: position,
    symbols: fc.array(symbol, { minLength: 3, maxLength: 3 }).map((symbols) => symbols.flat()),
  }).map((each) => {
    // What is less than 2^32 is a place in the kernel; the rest is an address already.
    const linked = (value: bigint) => value < 2n ** 20n ? at(each.base, value) : value;
    return {
      ...each,
      rela: each.rela.map(([place, info, addend]) => [linked(place), info, addend] as const),
      relr: each.relr.map((entry) => entry & 1n ? entry : linked(entry)),
    };
  });
}

/** The bytes of data: the dynamic table, symbols, and the tables, which may overlap. */
function dataOf({ base, rela, relaAt, relr, relrAt, symbols }: Case): Uint8Array {
  const data = Uint8Array.from({ length: BSS - DATA }, (_, offset) => fileByte(DATA + offset));
  const view = new DataView(data.buffer);
  const put = (offset: number, words: readonly bigint[]): void => {
    words.forEach((word, index) => view.setBigUint64(offset + index * 8, BigInt.asUintN(64, word), true));
  };
  put(SYMBOLS, [0n, 0n, 0n, ...symbols]);
  put(relrAt, relr);
  put(relaAt, rela.flat());
  const address = (offset: number) => at(base, DATA + offset);
  const tags = [[7n, address(relaAt)], [8n, BigInt(rela.length * 24)], [9n, 24n], [6n, address(SYMBOLS)]];
  if (relr.length > 0) tags.push([36n, address(relrAt)], [35n, BigInt(relr.length * 8)], [37n, 8n]);
  put(0, [...tags.flat(), 0n, 0n]);
  return data;
}

function fileOf(spec: Case): Uint8Array {
  const { base, relr } = spec;
  const dynamic = { p_type: PT_DYNAMIC, offset: DATA, filesz: relr.length > 0 ? 0x80 : 0x50, p_align: 8n };
  const segments: readonly SegmentSpec[] = [
    { offset: TEXT, p_vaddr: at(base, TEXT), filesz: PAGE, p_flags: PF_R | PF_X },
    { offset: DATA, p_vaddr: at(base, DATA), data: dataOf(spec), p_memsz: BigInt(END - DATA), p_flags: PF_R | PF_W },
    { offset: 0x5000, p_vaddr: at(base, FAR), filesz: 0x100, p_flags: PF_R },
    { ...dynamic, p_vaddr: at(base, DATA) },
  ];
  return buildElf({ header: { e_type: ET_DYN, e_entry: at(base, TEXT) }, segments, length: 0x6000 });
}

function segmentsOf(spec: Case): readonly ModelSegment[] {
  const bytes = (size: number, offset: number, fileSize = size) =>
    Uint8Array.from({ length: size }, (_, at) => at < fileSize ? fileByte(offset + at) : 0);
  const data = new Uint8Array(END - DATA);
  data.set(dataOf(spec));
  return [
    { start: at(spec.base, TEXT), bytes: bytes(PAGE, TEXT), fileSize: PAGE },
    { start: at(spec.base, DATA), bytes: data, fileSize: BSS - DATA },
    { start: at(spec.base, FAR), bytes: bytes(0x100, 0x5000), fileSize: 0x100 },
  ];
}

function optionsOf({ shared, kernelBase }: Case, rules: RuleSetName): LoadOptions<readonly []> {
  const buffer = shared ? new SharedArrayBuffer(MEMORY.size) : new ArrayBuffer(MEMORY.size);
  const memory = physicalMemory({ base: MEMORY.base, buffer });
  return { rules, memory, kernelOffset: MEMORY.base, ...(kernelBase === undefined ? {} : { kernelBase }) };
}

/** The pages whose frames are their own before relocation: that of the file's end, and under the default rules the bss. */
function ownPages({ base }: Case, original: boolean): readonly bigint[] {
  return (original ? [0x4000] : [0x4000, 0x5000, 0x6000]).map((page) => at(base, page));
}

async function check(spec: Case, rules: RuleSetName): Promise<"applied" | "refused"> {
  const original = rules === "bootloader-0.11";
  const file = fileOf(spec);
  const plain = await loadKernel(file, { ...optionsOf(spec, rules), plugins: [] }).catch((error: LoadError) => error);
  const load = () => loadKernel(file, { ...optionsOf(spec, rules), plugins: [relocate()] });
  const kernel = await load().catch((error: LoadError) => error);
  if (kernel instanceof LoadError && plain instanceof LoadError && plain.code === kernel.code) return "refused";
  const { index } = kernel instanceof LoadError ? kernel.detail : { index: undefined };
  const wrapped = kernel instanceof LoadError ? await offsetOf(file, spec, rules) : kernel.virtualAddressOffset;
  const offset = signed(wrapped, spec);
  const model = new RelocationModel(segmentsOf(spec), offset, { original }, at(spec.base, DATA + SYMBOLS));
  const tables: readonly ModelTable[] = [
    { kind: "relr", address: at(spec.base, DATA + spec.relrAt), size: BigInt(spec.relr.length * 8) },
    { kind: "rela", address: at(spec.base, DATA + spec.relaAt), size: BigInt(spec.rela.length * 24) },
  ];
  try {
    for (const table of tables) model.apply(table);
  } catch (refusal) {
    if (!(refusal instanceof ModelRefusal)) throw refusal;
    assert(kernel instanceof LoadError, `it must be refused: ${refusal.code}`);
    assertEquals([kernel.code, index], [refusal.code, 3], kernel.message);
    if (refusal.value !== undefined) assertEquals(kernel.detail.value, refusal.value);
    return "refused";
  }
  if (kernel instanceof LoadError) throw kernel;
  assertEquals(kernel.results.relocate?.counts, model.counts);
  for (const { start, bytes } of segmentsOf(spec)) {
    const expected = bytes.map((_, offset) => {
      const address = start + BigInt(offset);
      return model.pages.get(address - address % 4096n)![Number(address % 4096n)];
    });
    assertEquals(kernel.read(BigInt.asUintN(64, start + offset), bytes.length), expected);
  }
  // The file stays as it is, and each page that was written to got its own frame, in the order of the first writes.
  assertEquals(kernel.memory.bytes(MEMORY.base, kernel.bytesRead), file.subarray(0, kernel.bytesRead));
  const owned = ownPages(spec, original);
  const copied = [...model.touched].filter((page) => !owned.includes(page));
  const frames = copied.map((page) => {
    const found = kernel.pageTable.translate(BigInt.asUintN(64, page + offset));
    return found.mapped && found.phys;
  });
  const first = kernel.nextFrame - copied.length * PAGE;
  assertEquals(frames, copied.map((_, at) => first + at * PAGE));
  return "applied";
}

/** The offset of a kernel whose relocations are refused: that of the same kernel without any. */
async function offsetOf(file: Uint8Array, spec: Case, rules: RuleSetName): Promise<bigint> {
  const without = file.slice();
  const view = new DataView(without.buffer);
  view.setBigUint64(64 + 3 * 56 + 32, 0n, true); // p_filesz of PT_DYNAMIC
  return (await loadKernel(without, { ...optionsOf(spec, rules), plugins: [relocate()] })).virtualAddressOffset;
}

/** The offset before its reduction modulo 2^64: the one that keeps the kernel's addresses in 64 bits. */
function signed(offset: bigint, { base }: Case): bigint {
  return at(base, FAR) + offset >= 1n << 64n ? offset - (1n << 64n) : offset;
}

for (const rules of ["default", "bootloader-0.11"] as const) {
  Deno.test(`random tables under ${rules} do what the model does, to every byte, frame and error`, async () => {
    const outcomes = { applied: 0, refused: 0 };
    const arbitrary = cases(8, rules === "bootloader-0.11");
    await fc.assert(
      fc.asyncProperty(arbitrary, async (spec) => {
        outcomes[await check(spec, rules)]++;
      }),
      { numRuns: 400, seed: 20_261_125 },
    );
    assert(outcomes.applied > 60 && outcomes.refused > 40, JSON.stringify(outcomes));
  });
}
