import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  fileHeaderAs,
  type FilePart,
  HEAD_SIZE,
  programHeadersAs,
  readerAt,
  readModel,
} from "../../../core/file/file_model.ts";
import { keepFile, type RandomSource } from "../../../core/file/kept_file.ts";
import {
  ELFCLASS32,
  ELFCLASS64,
  PT_DYNAMIC,
  PT_LOAD,
  PT_NOTE,
  RECORD_SIZES,
  segmentTypeName,
} from "../../../core/elf/constants.ts";
import * as writer from "../../../core/elf/writer.ts";
import { buildElf, fileByte } from "../../elf_builder.ts";
import { runTool, testWithTools } from "../../tools.ts";
import { watched } from "../intake/watched_sources.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const PARTS: readonly FilePart[] = ["head", "notes", "sections", "image", "symbols", "dynamic", "length"];

async function modelOf(file: Bytes, parts: readonly FilePart[] = PARTS) {
  return await readModel(keepFile(file), parts);
}

/** A source that counts the bytes read at each offset. */
function counting(file: Bytes) {
  const reads: [offset: number, length: number][] = [];
  const source: RandomSource = {
    size: file.length,
    readAt: (offset, buffer) => {
      const piece = file.subarray(offset, offset + buffer.length);
      buffer.set(piece);
      reads.push([offset, piece.length]);
      return piece.length;
    },
  };
  return { source, reads };
}

/** A file with its headers, and segments of several types 0x20000 bytes apart. */
const SPREAD = buildElf({
  segments: [
    { p_type: PT_NOTE, offset: 0x20000, filesz: 0x100 },
    { p_type: PT_LOAD, offset: 0x40000, filesz: 0x2000 },
    { p_type: PT_DYNAMIC, offset: 0x60000, filesz: 0x200 },
    { p_type: PT_NOTE, offset: 0x20100, filesz: 0x80 },
  ],
  length: 0x80000,
});

/** Where the bytes lie that each part needs besides the headers. */
const NEEDED: readonly (readonly [FilePart, readonly (readonly [offset: number, length: number])[]])[] = [
  ["head", [[0, HEAD_SIZE]]],
  ["notes", [[0x20000, 0x180]]],
  ["image", [[0x40000, 0x2000]]],
  ["dynamic", [[0x60000, 0x200]]],
];

for (const [part, ranges] of NEEDED) {
  Deno.test(`the part "${part}" is what is read besides the headers`, async () => {
    const { source, reads } = counting(SPREAD);
    const model = await readModel(keepFile(source), [part]);
    for (const [offset, length] of ranges) {
      assertEquals(model.bytes(offset, length), SPREAD.subarray(offset, offset + length));
    }
    const headers = 64 + 5 * 56;
    const total = reads.reduce((sum, [, length]) => sum + length, 0);
    assert(total <= headers + 64 + ranges.reduce((sum, [, length]) => sum + length, 0), `${total} bytes were read`);
    assertEquals([model.length, model.isWhole], [SPREAD.length, true]);
  });
}

Deno.test("without a part, only the headers are read, of a stream too", async () => {
  const { source, reads } = counting(SPREAD);
  const model = await readModel(keepFile(source), []);
  assertEquals(reads, [[0, 64], [64, 5 * 56]]);
  assertEquals(model.elf?.programHeaders.map(({ p_type }) => segmentTypeName(p_type)), [
    "NOTE",
    "LOAD",
    "DYNAMIC",
    "NOTE",
  ]);
  assertThrows(() => model.bytes(0x40000, 1), Error, "not kept");

  const { stream } = watched(Array.from({ length: 512 }, (_, at) => SPREAD.slice(at * 1024, (at + 1) * 1024)));
  const file = keepFile(stream);
  await readModel(file, []);
  assertEquals([file.bytesRead, file.length], [1024, 64 + 5 * 56]);
  const notes = await readModel(file, ["notes"]);
  assertEquals(file.bytesRead, 0x20180 + 1024 - 0x180);
  assertEquals([notes.length, notes.isWhole, notes.bytes(0x20000, 1)[0]], [0x20180, false, fileByte(0x20000)]);
});

Deno.test("a stream of single bytes gives the same model as the bytes", async () => {
  const file = SPREAD.slice(0, 0x20200);
  const stream = watched(Array.from(file, (byte) => Uint8Array.of(byte))).stream;
  const [streamed, whole] = [await readModel(keepFile(stream), PARTS), await modelOf(file)];
  assertEquals(streamed.elf, whole.elf);
  assertEquals([streamed.length, streamed.isWhole], [whole.length, true]);
  assertEquals(streamed.bytes(0, Infinity), whole.bytes(0, Infinity));
});

Deno.test("every prefix of a file has a model, and reads nothing past its end", async () => {
  const file = buildElf({
    segments: [{ filesz: 0x20, offset: 0x1f0 }, { p_type: PT_NOTE, offset: 0x200, filesz: 16 }],
  });
  for (let length = 0; length <= file.length; length++) {
    const { elf } = await modelOf(file.slice(0, length));
    assertEquals(elf !== undefined, length >= 64);
    const whole = Math.max(0, Math.floor((Math.min(length, 64 + 2 * 56) - 64) / 56));
    assertEquals(elf?.programHeaders.length ?? 0, whole, `${length} bytes`);
  }
});

Deno.test("a file without the magic number has no ELF headers", async () => {
  const file = buildElf({ segments: [{ filesz: 16 }] });
  for (const at of [0, 1, 2, 3]) {
    const other = file.slice();
    other[at] ^= 0x20;
    assertEquals((await modelOf(other)).elf, undefined);
  }
});

/** Sets bytes of a file header: 64-bit, little-endian. */
function withFields(file: Bytes, fields: Readonly<Record<number, number | bigint>>): Bytes {
  const copy = file.slice();
  const view = new DataView(copy.buffer);
  for (const [offset, value] of Object.entries(fields)) {
    if (typeof value === "bigint") view.setBigUint64(Number(offset), value, true);
    else view.setUint16(Number(offset), value, true);
  }
  return copy;
}

const [E_PHOFF, E_SHOFF, E_PHENTSIZE, E_PHNUM, E_SHENTSIZE, E_SHNUM, E_SHSTRNDX] = [32, 40, 54, 56, 58, 60, 62];

Deno.test("absurd headers give a model too, with no more headers than the file has", async () => {
  const file = buildElf({ segments: [{ filesz: 0x200 }] });
  const most = 2n ** 64n - 1n;
  const absurd: readonly Readonly<Record<number, number | bigint>>[] = [
    { [E_PHOFF]: most, [E_SHOFF]: most, [E_PHNUM]: 0xffff, [E_SHNUM]: 0xffff },
    { [E_PHOFF]: most, [E_PHNUM]: 0xffff, [E_PHENTSIZE]: 0xffff },
    { [E_PHOFF]: 0n, [E_PHNUM]: 0xffff, [E_PHENTSIZE]: 0 },
    { [E_PHOFF]: 0n, [E_PHNUM]: 0xffff, [E_PHENTSIZE]: 1 },
    { [E_SHOFF]: 0n, [E_SHNUM]: 0xffff, [E_SHENTSIZE]: 0, [E_SHSTRNDX]: 0xfffe },
    { [E_SHOFF]: 64n, [E_SHNUM]: 0xffff, [E_SHENTSIZE]: 1, [E_SHSTRNDX]: 3 },
    { [E_PHOFF]: 2n ** 63n, [E_SHOFF]: 2n ** 53n + 1n },
    ...Array.from({ length: 256 }, (_, value) => ({ [4]: value * 257, [E_PHNUM]: 3 })), // EI_CLASS and EI_DATA
  ];
  for (const fields of absurd) {
    const { elf, bytes } = await modelOf(withFields(file, fields));
    assert(elf!.programHeaders.length <= elf!.fileHeader.e_phnum);
    assert(elf!.sections.length <= elf!.fileHeader.e_shnum);
    assertEquals(bytes(Number(most), 8).length, 0);
    for (const wide of [true, false]) {
      for (const stride of [0, 1, 56, 0xffff, undefined]) {
        assert(programHeadersAs({ bytes }, { wide, stride }).length <= 0xffff);
      }
    }
  }
});

Deno.test("65,535 program headers that each name the whole file read it at most twice", async () => {
  const phdrs = 0xffff;
  const file = new Uint8Array(64 + 56 * phdrs);
  file.set(buildElf());
  const types = [PT_NOTE, PT_LOAD, PT_DYNAMIC];
  for (let index = 0; index < phdrs; index++) {
    writer.writeProgramHeader(file, 64 + 56 * index, ELFCLASS64, {
      ...{ p_type: types[index % 3], p_flags: 4, p_vaddr: 0n, p_paddr: 0n, p_memsz: 1n, p_align: 1n },
      ...{ p_offset: BigInt(index * 8192 % file.length), p_filesz: index % 2 === 0 ? 2n ** 64n - 1n : 1n },
    });
  }
  const { source, reads } = counting(withFields(file, { [E_PHNUM]: phdrs }));
  const model = await readModel(keepFile(source), PARTS);
  assertEquals(model.elf?.programHeaders.length, phdrs);
  assert(reads.length < 70, `${reads.length} reads`);
  assert(reads.reduce((sum, [, length]) => sum + length, 0) <= 2 * file.length);
});

Deno.test("65,535 section names without an end are cut off", async () => {
  const count = 0xffff;
  const names = 64 + 64 * count;
  const file = new Uint8Array(names + 2 ** 20);
  file.set(buildElf({ header: { e_phnum: 0 } }));
  file.fill(0x61, names); // no zero byte anywhere
  const view = new DataView(file.buffer);
  for (let index = 0; index < count; index++) view.setUint32(64 + 64 * index, index, true);
  view.setBigUint64(64 + 24, BigInt(names), true);
  view.setBigUint64(64 + 32, 2n ** 20n, true);
  const fields = { [E_SHOFF]: 64n, [E_SHNUM]: count, [E_SHENTSIZE]: 64, [E_SHSTRNDX]: 0 };
  const { elf } = await modelOf(withFields(file, fields), ["sections"]);
  assertEquals(elf?.sections.length, count);
  assert(elf!.sections.every(({ name }) => /^a{1024}$/.test(name)));
});

Deno.test("headers can be read in the layout of the other class, and at any stride", async () => {
  const file = buildElf({ segments: [{ filesz: 16 }, { filesz: 16, p_type: PT_NOTE }] });
  file[4] = ELFCLASS32; // a loader that ignores EI_CLASS reads it as ELF64
  const model = await modelOf(file, []);
  assertEquals(model.elf?.wide, false);
  assertEquals(fileHeaderAs(model, true)?.e_phnum, 2);
  assertEquals(programHeadersAs(model, { wide: true }).map(({ p_type }) => p_type), [PT_LOAD, PT_NOTE]);
  const strided = programHeadersAs(model, { wide: true, stride: 8 });
  const view = new DataView(file.buffer);
  assertEquals(strided.map(({ p_type }) => p_type), [PT_LOAD, view.getUint32(64 + 8, true)]);
});

Deno.test("a reader reads in the file's byte order", async () => {
  const file = buildElf();
  file.set([0x12, 0x34, 0x56, 0x78], 8);
  assertEquals(readerAt(await modelOf(file), "it", 8, 4).u32(0), 0x7856_3412);
  file[5] = 2;
  assertEquals(readerAt(await modelOf(file), "it", 8, 4).u32(0), 0x1234_5678);
});

const FIXTURES = [
  ...["machine-aarch64.elf", "machine-i386mb.elf", "machine-riscv32.elf", "object.o", "no-text.elf"],
  ...["user-pie.elf", "pie-higher-half.elf", "limine.elf", "writes-vga.elf"],
].map((name) => `tests/fixtures/field/${name}`);

/** The hex numbers of the lines that `readelf` prints for headers of one kind. */
function numbersOf(text: string, line: RegExp): readonly (readonly string[])[] {
  return [...text.matchAll(line)].map(([, ...groups]) => groups);
}

const asHex = (value: bigint | number): string => value.toString(16);

async function compareWithReadelf(path: string): Promise<void> {
  const { elf } = await modelOf(await Deno.readFile(path));
  const segments = numbersOf(
    await runTool("readelf", ["-lW", path]),
    /^ {2}[A-Z]\S* +0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) .{3} 0x([0-9a-f]+)$|^ {2}[A-Z]\S* +0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) .{3} (0)$/gm,
  ).map((groups) => groups.filter((group) => group !== undefined).map((group) => asHex(BigInt(`0x${group}`))));
  assertEquals(
    elf!.programHeaders.map(({ p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align }) =>
      [p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align].map(asHex)
    ),
    segments,
    path,
  );
  const sections = numbersOf(
    await runTool("readelf", ["-SW", path]),
    /^ {2}\[ *\d+\] (\S*) +[A-Z]\S* +([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) /gm,
  ).map(([name, ...values]) => [name, ...values.map((value) => asHex(BigInt(`0x${value}`)))]);
  assertEquals(
    elf!.sections.map(({ name, sh_addr, sh_offset, sh_size }) => [name, ...[sh_addr, sh_offset, sh_size].map(asHex)]),
    sections,
    path,
  );
  assert(segments.length + sections.length > 0, `readelf found nothing in ${path}`);
}

testWithTools(["readelf"], "headers of both classes are those that readelf reads", async () => {
  for (const path of FIXTURES) await compareWithReadelf(path);
});

testWithTools(["readelf"], "big-endian headers of both classes are those that readelf reads", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const fileClass of [ELFCLASS32, ELFCLASS64] as const) {
      const path = `${folder}/big-${fileClass}.elf`;
      await Deno.writeFile(path, bigEndian(fileClass));
      await compareWithReadelf(path);
      const { elf } = await modelOf(await Deno.readFile(path));
      assertEquals([elf?.bigEndian, elf?.wide], [true, fileClass === ELFCLASS64]);
      const header = await runTool("readelf", ["-hW", path]);
      assertEquals(BigInt(header.match(/Entry point address: +(0x[0-9a-f]+)/)![1]), elf?.fileHeader.e_entry);
      assert(/big endian/.test(header) && /PowerPC/.test(header), header);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** A big-endian PowerPC executable with two program headers and three sections, field by field. */
function bigEndian(fileClass: 1 | 2): Bytes {
  const wide = fileClass === ELFCLASS64;
  const sizes = RECORD_SIZES[fileClass];
  const word = wide ? 8 : 4;
  const strings = "\0.text\0.shstrtab\0";
  const phoff = sizes.fileHeader;
  const shoff = phoff + 2 * sizes.programHeader;
  const text = shoff + 3 * sizes.sectionHeader;
  const file = new Uint8Array(text + 32 + strings.length);
  const view = new DataView(file.buffer);
  let at = 0;
  const put = (...fields: readonly (readonly [size: number, value: number])[]) => {
    for (const [size, value] of fields) {
      if (size === 8) view.setBigUint64(at, BigInt(value));
      else if (size === 4) view.setUint32(at, value);
      else view.setUint16(at, value);
      at += size;
    }
  };
  file.set([0x7f, 0x45, 0x4c, 0x46, fileClass, 2, 1]);
  at = 16;
  put([2, 2], [2, wide ? 21 : 20], [4, 1], [word, 0x10_0040], [word, phoff], [word, shoff], [4, 0]);
  put([2, sizes.fileHeader], [2, sizes.programHeader], [2, 2], [2, sizes.sectionHeader], [2, 3], [2, 2]);
  for (const [offset, size] of [[0, text], [text, 32]] as const) {
    const address = 0x10_0000 + offset;
    if (wide) put([4, 1], [4, 5], [8, offset], [8, address], [8, address], [8, size], [8, size], [8, 0x1000]);
    else put([4, 1], [4, offset], [4, address], [4, address], [4, size], [4, size], [4, 5], [4, 0x1000]);
  }
  at = shoff + sizes.sectionHeader; // the first is all zeros
  put([4, 1], [4, 1], [word, 6], [word, 0x10_0000 + text], [word, text], [word, 32], [4, 0], [4, 0], [word, 4], [
    word,
    0,
  ]);
  put([4, 7], [4, 3], [word, 0], [word, 0], [word, text + 32], [word, strings.length], [4, 0], [4, 0], [word, 1]);
  file.set(new TextEncoder().encode(strings), text + 32);
  return file;
}
