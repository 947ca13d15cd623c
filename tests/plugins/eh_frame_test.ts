import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { LoadError, loadKernel } from "../../mod.ts";
import { ET_DYN, PT_GNU_EH_FRAME } from "../../core/elf/constants.ts";
import { type EhFrame, ehFrame } from "../../plugins/eh_frame.ts";
import { readFde } from "../../plugins/eh_frame/fde.ts";
import { readHeader } from "../../plugins/eh_frame/header.ts";
import { memoryReader } from "../../plugins/eh_frame/memory_reader.ts";
import { relocate } from "../../plugins/relocate.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { GCC_TOOLS, withProgram } from "./gcc.ts";
import { words } from "./note_bytes.ts";

const BASE = 0x40_0000;
const HDR = 0x40_2000;
const FRAME = 0x40_2100;

async function load(bytes: Uint8Array, spec: SegmentSpec = {}, kernelBase?: bigint) {
  const segments = [
    { filesz: 0x1000, offset: 0x1000, p_vaddr: BigInt(BASE) },
    { offset: 0x2000, p_vaddr: BigInt(HDR), data: bytes },
    {
      p_type: PT_GNU_EH_FRAME,
      offset: 0x2000,
      p_vaddr: BigInt(HDR),
      filesz: 0x100,
      p_memsz: 0x100n,
      p_align: 4n,
      ...spec,
    },
  ];
  const header = kernelBase === undefined ? {} : { e_type: ET_DYN };
  const options = kernelBase === undefined ? {} : { kernelBase };
  const kernel = await loadKernel(buildElf({ header, segments }), { plugins: [ehFrame()], ...options });
  const found = kernel.results["eh-frame"];
  assert(found);
  const rules = kernel.diagnostics.map(({ code, severity, index }) => [code, severity, index]);
  return { found, rules, messages: kernel.diagnostics.map(({ message }) => message) };
}

/** A header padded to 0x100 bytes, and what comes behind it: .eh_frame at FRAME. */
function image(header: Uint8Array, frames: Uint8Array = new Uint8Array(16)): Uint8Array {
  return concat([header, new Uint8Array(0x100 - header.length), frames]);
}

/** A "zR" CIE with an encoding of addresses, and an FDE for each range, in that encoding. */
function frames(encoding: number, fdes: readonly Uint8Array[], augmentation = [0x7a, 0x52, 0], data = [1, encoding]) {
  const cieBody = concat([words(0), new Uint8Array([1, ...augmentation, 1, 0x78, 16, ...data])]);
  const pieces = [words(cieBody.length), cieBody];
  let at = 4 + cieBody.length;
  for (const fde of fdes) {
    pieces.push(words(4 + fde.length, at + 4), fde);
    at += 8 + fde.length;
  }
  return { bytes: concat(pieces), first: 4 + cieBody.length };
}

const STANDARD = [1, 0x1b, 0x03, 0x3b];

function standard(rows: readonly (readonly [start: number, fde: number])[]): Uint8Array {
  return concat([
    new Uint8Array(STANDARD),
    words(FRAME - (HDR + 4), rows.length),
    words(...rows.flatMap(([start, fde]) => [start - HDR, fde - HDR])),
  ]);
}

Deno.test("eh-frame gives where the tables are, with the virtual address offset in them", async () => {
  for (const base of [undefined, 0x1000_0000n, 0xffff_ffff_8000_0000n]) {
    const { found, rules } = await load(image(standard([])), {}, base);
    const { lookup, ...rest } = found;
    const offset = base ?? 0n;
    const address = BigInt(HDR) + offset;
    assertEquals(rest, { address, size: 0x100n, ehFrame: BigInt(FRAME) + offset, fdeCount: 0 });
    assertEquals(lookup?.(address), undefined);
    assertEquals(rules, []);
  }
});

Deno.test("eh-frame finds the entry of an address, and none in gaps", async () => {
  const range = (start: number, size: number, fde: number) => words(start - (fde + 8), size);
  const first = frames(0x1b, []).first;
  const fdes = [0, 1, 2].map((row) => FRAME + first + row * 16);
  const starts = [0x40_0010, 0x40_0020, 0x40_0080];
  const { bytes } = frames(0x1b, starts.map((start, row) => range(start, 0x10, fdes[row])));
  const table = standard(starts.map((start, row) => [start, fdes[row]]));
  const { found } = await load(image(table, bytes));
  assertEquals(found.fdeCount, 3);
  const rowOf = (address: number) => {
    const entry = found.lookup?.(BigInt(address));
    return entry && fdes.indexOf(Number(entry.fde));
  };
  const expected: readonly (readonly [number, number | undefined])[] = [
    [0, undefined],
    [0x40_000f, undefined],
    [0x40_0010, 0],
    [0x40_001f, 0],
    [0x40_0020, 1],
    [0x40_0030, undefined],
    [0x40_0080, 2],
    [0x40_008f, 2],
    [0x40_0090, undefined],
  ];
  assertEquals(expected.map(([address]) => [address, rowOf(address)]), expected.map((row) => [...row]));
  assertEquals(found.lookup?.(0x40_0085n), {
    start: 0x40_0080n,
    end: 0x40_0090n,
    fde: BigInt(fdes[2]),
    cie: BigInt(FRAME),
  });
});

Deno.test("eh-frame reads addresses in every supported encoding of header and table", async () => {
  const word64 = (value: number) => words(value, 0);
  const word16 = (value: number) => new Uint8Array([value & 0xff, value >> 8 & 0xff]);
  const uleb = (value: number) =>
    new Uint8Array([value & 0x7f | 0x80, value >> 7 & 0x7f | 0x80, value >> 14 & 0x7f | 0x80, value >> 21]);
  const cases: readonly (readonly [string, number, (at: number) => Uint8Array])[] = [
    ["absptr", 0x00, () => word64(FRAME)],
    ["udata4", 0x03, () => words(FRAME)],
    ["udata8", 0x04, () => word64(FRAME)],
    ["sdata8, pcrel", 0x1c, (at) => word64(FRAME - at)],
    ["sdata2, pcrel", 0x1a, (at) => word16(FRAME - at)],
    ["udata2, datarel", 0x32, () => word16(FRAME - HDR)],
    ["sdata4, datarel", 0x3b, () => words(FRAME - HDR)],
    ["uleb128", 0x01, () => uleb(FRAME)],
    ["sleb128", 0x09, () => uleb(FRAME)],
  ];
  for (const [name, encoding, value] of cases) {
    const header = concat([new Uint8Array([1, encoding, 0x03, 0x3b]), value(HDR + 4), words(0)]);
    const { found, rules } = await load(image(header));
    assertEquals([found.ehFrame, found.fdeCount, rules], [BigInt(FRAME), 0, []], name);
  }
  // Tables of absolute addresses and of 8 bytes, for an entry in absolute addresses.
  const { bytes, first } = frames(0x00, [concat([word64(0x40_0010), word64(8)])]);
  for (
    const [encoding, row] of [
      [0x00, concat([word64(0x40_0010), word64(FRAME + first)])],
      [0x03, words(0x40_0010, FRAME + first)],
      [0x3c, concat([words(0x40_0010 - HDR, 0xffffffff), word64(FRAME + first - HDR)])],
    ] as const
  ) {
    const header = concat([new Uint8Array([1, 0x1b, 0x03, encoding]), words(FRAME - HDR - 4, 1), row]);
    const { found } = await load(image(header, bytes));
    assertEquals(found.lookup?.(0x40_0017n)?.start, 0x40_0010n, encoding.toString(16));
    assertEquals(found.lookup?.(0x40_0018n), undefined);
  }
});

Deno.test("eh-frame reads augmentations with a personality, and knows none where one is unknown", async () => {
  const fde = words(0x40_0010, 0x10);
  const first = (augmentation: readonly number[], data: readonly number[]) =>
    frames(0x03, [fde], [...augmentation, 0], [data.length, ...data]);
  const z = 0x7a, P = 0x50, L = 0x4c, R = 0x52, S = 0x53, X = 0x58;
  const cases: readonly (readonly [string, readonly number[], readonly number[], boolean])[] = [
    ["zPLR", [z, P, L, R], [0x9b, 1, 2, 3, 4, 0x1b, 0x03], true],
    ["zRS", [z, R, S], [0x03], true],
    ["zSR", [z, S, R], [0x03], true],
    ["zXR", [z, X, R], [0, 0x03], false],
    ["eh", [0x65, 0x68], [], false],
    ["zR, indirect", [z, R], [0x9b], false],
  ];
  for (const [name, augmentation, data, known] of cases) {
    const { bytes, first: at } = first(augmentation, data);
    const { found } = await load(image(standard([[0x40_0010, FRAME + at]]), bytes));
    assertEquals(found.lookup?.(0x40_0011n)?.end, known ? 0x40_0020n : undefined, name);
  }
});

Deno.test("eh-frame says which encodings it does not read, and gives what it can", async () => {
  const rest = words(FRAME - HDR - 4, 0);
  const cases: readonly (readonly [readonly number[], Uint8Array, string, Partial<EhFrame>])[] = [
    [[1, 0x9b, 0x03, 0x3b], rest, "eh_frame_ptr_enc 0x9b", {}],
    [[1, 0x2b, 0x03, 0x3b], rest, "eh_frame_ptr_enc 0x2b", {}],
    [[1, 0x1b, 0x50, 0x3b], rest, "fde_count_enc 0x50", { ehFrame: BigInt(FRAME) }],
    [[1, 0x1b, 0x03, 0x4b], rest, "table_enc 0x4b", { ehFrame: BigInt(FRAME) }],
    [[1, 0x1b, 0x03, 0x31], rest, "table_enc 0x31", { ehFrame: BigInt(FRAME) }],
    [[1, 0x1b, 0xff, 0xff], rest, "fde_count_enc 0xff, table_enc 0xff", { ehFrame: BigInt(FRAME) }],
    [[1, 0xff, 0xff, 0xff], rest, "eh_frame_ptr_enc 0xff, fde_count_enc 0xff, table_enc 0xff", {}],
  ];
  for (const [fields, values, text, expected] of cases) {
    const { found, rules, messages } = await load(image(concat([new Uint8Array(fields), values])));
    assertEquals<EhFrame>(found, { address: BigInt(HDR), size: 0x100n, ...expected });
    assertEquals(rules, [["eh-frame-encoding", "info", 2]]);
    assert(messages[0].includes(`: it has unsupported or omitted fields (${text}).`), messages[0]);
  }
});

Deno.test("eh-frame reports what is malformed, and never refuses the file", async () => {
  const good = image(standard([]));
  const cases: readonly (readonly [string, Uint8Array, SegmentSpec, RegExp])[] = [
    ["version", image(new Uint8Array([2])), {}, /its version is 2 instead of 1/],
    ["count", image(concat([new Uint8Array(STANDARD), words(0, 0xffffffff)])), {}, /4294967295 rows does not fit/],
    [
      "no bytes",
      good,
      { filesz: 0, p_memsz: 0n },
      /malformed: Cannot read the header of the unwind table: .*, but 1 is needed/,
    ],
    ["short", good, { filesz: 7, p_memsz: 7n }, /malformed: Cannot read the header of the unwind table: /],
    ["unmapped", good, { p_vaddr: 0x80_0000n }, /malformed/],
    ["not canonical", good, { p_vaddr: 1n << 60n, p_memsz: 0n, filesz: 0 }, /malformed/],
  ];
  for (const [what, bytes, spec, message] of cases) {
    const { found, rules, messages } = await load(bytes, spec);
    assertEquals([rules, found.lookup], [[["eh-frame-malformed", "warning", 2]], undefined], what);
    assertMatch(messages[0], message);
  }
});

Deno.test("pieces of unwind information that are cut off are called by their names", () => {
  const memory = memoryReader((virt, length) => {
    if (virt >> 12n === 2n || virt >> 12n === 0x100n) {
      throw new LoadError("page-not-mapped", { field: "address", value: virt });
    }
    return new Uint8Array(length).fill(1);
  });
  const messages = [
    () => readHeader(0x1000n, 3n, memory),
    () => readHeader(0x1ffdn, 24n, memory),
    () => readFde(0x1ffdn, memory),
    () => readFde(0x10_0000n - 3n - 4n + 0x0101_0101n, memory), // every word is 0x01010101, its distance to the CIE too
  ].map((read) => assertThrows(read, LoadError).message.split(":")[0]);
  assertEquals(messages, [
    "Cannot read the header of the unwind table",
    "Cannot read the header of the unwind table",
    "Cannot read a frame description entry",
    "Cannot read a common information entry",
  ]);
});

Deno.test("eh-frame gives no entry where the table leads nowhere", async () => {
  const rows = (fde: number) => standard([[0x40_0010, fde]]);
  const targets: readonly (readonly [string, Uint8Array])[] = [
    ["unmapped memory", image(rows(0x80_0000))],
    ["zero bytes", image(rows(FRAME))],
    ["a CIE", image(rows(FRAME), frames(0x1b, []).bytes)],
    ["an FDE whose CIE is unmapped", image(rows(FRAME), words(16, 0x7fff_0000, 0, 0))],
    ["an FDE that is its own CIE", image(rows(FRAME), words(16, 4, 0, 0))],
    ["an FDE at memory's end", image(rows(FRAME + 0xefc), new Uint8Array(0xf00).fill(1))],
  ];
  for (const [what, bytes] of targets) {
    const { found } = await load(bytes);
    assertEquals([found.fdeCount, found.lookup?.(0x40_0010n)], [1, undefined], what);
  }
});

Deno.test("eh-frame finds nothing at random bytes, and never throws", async () => {
  let state = 7;
  const random = () => (state = Math.imul(state, 1103515245) + 12345 >>> 0) >>> 16 & 0xff;
  for (let round = 0; round < 50; round++) {
    const table = standard(Array.from({ length: 8 }, (_, at) => [BASE + at * 16, FRAME + random() * 8] as const));
    const { found } = await load(image(table, Uint8Array.from({ length: 0xa00 }, random)));
    for (let code = 0; code < 0x100; code += 8) found.lookup?.(BigInt(BASE + code));
    found.lookup?.(-1n);
    found.lookup?.((1n << 64n) - 1n);
  }
});

interface PrintedFde {
  readonly start: bigint;
  readonly end: bigint;
  readonly offset: bigint;
}

/** The FDE lines of `readelf --debug-dump=frames`: offset in the section, and the range of addresses. */
function printedFdes(text: string): readonly PrintedFde[] {
  const row = /^([0-9a-f]+) [0-9a-f]+ [0-9a-f]+ FDE cie=[0-9a-f]+ pc=([0-9a-f]+)\.\.([0-9a-f]+)$/gm;
  return [...text.matchAll(row)].map(([, offset, start, end]) => {
    return { offset: BigInt(`0x${offset}`), start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) };
  });
}

for (const place of ["-static", "-static-pie"]) {
  testWithTools(GCC_TOOLS, `eh-frame finds what readelf --debug-dump=frames prints of gcc ${place}`, async () => {
    const flags = [place, "-fPIE", "-fasynchronous-unwind-tables", "-Wl,--eh-frame-hdr"];
    await withProgram({ flags }, async (path) => {
      const printed = printedFdes(await runTool("readelf", ["--debug-dump=frames", path]));
      assertEquals(printed.length, 3);
      const sections = await runTool("readelf", ["-SW", path]);
      const section = BigInt(`0x${/\.eh_frame +PROGBITS +([0-9a-f]+)/.exec(sections)?.[1]}`);
      const size = BigInt(`0x${/\.eh_frame_hdr +PROGBITS +[0-9a-f]+ [0-9a-f]+ ([0-9a-f]+)/.exec(sections)?.[1]}`);
      const kernel = await loadKernel(await Deno.readFile(path), { plugins: [ehFrame(), relocate()] });
      const { virtualAddressOffset: offset, diagnostics } = kernel;
      assertEquals(offset === 0n, place === "-static");
      assertEquals(diagnostics.filter(({ code }) => code.startsWith("eh-frame")), []);
      const found = kernel.results["eh-frame"];
      assertEquals([found?.ehFrame, found?.size, found?.fdeCount], [section + offset, size, printed.length]);
      for (const fde of printed) {
        for (const code of [fde.start, fde.end - 1n]) {
          const entry = found?.lookup?.(code + offset);
          assertEquals([entry?.start, entry?.end], [fde.start + offset, fde.end + offset]);
          assertEquals(entry?.fde, section + fde.offset + offset);
          assertEquals(entry?.cie, section + offset);
        }
      }
      assertEquals(found?.lookup?.(printed.at(-1)!.end + offset), undefined);
    });
  });
}
