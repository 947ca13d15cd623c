/** Frame description entries, as "Exception Frames" of the LSB Core specification lays them out. */

import { assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { LoadError } from "../../../core/errors.ts";
import { readFde } from "../../../plugins/eh_frame/fde.ts";
import { words } from "../note_bytes.ts";
import { memoryWith } from "./fake_memory.ts";

const CIE = 0x40_0100n;
const FDE = 0x40_0800n;
const START = 0x1234;
const SIZE = 0x56;

const text = (letters: string): Uint8Array => new TextEncoder().encode(`${letters}\0`);
const bytes = (...values: readonly number[]): Uint8Array => new Uint8Array(values);

interface CieSpec {
  readonly extended?: boolean;
  readonly length?: number;
  readonly id?: number;
  readonly version?: number;
  readonly augmentation?: string;
  /** The alignment factors, the return address register, and the augmentation data with its length. */
  readonly rest?: Uint8Array;
}

const FACTORS = bytes(1, 0x78, 16);

function cie(spec: CieSpec = {}): Uint8Array {
  const { extended = false, id = 0, version = 1, augmentation = "zR", rest = concat([FACTORS, bytes(1, 3)]) } = spec;
  const body = concat([words(id), bytes(version), text(augmentation), rest]);
  return concat([lengthOf(spec.length ?? body.length, extended), body]);
}

/** A length of four bytes, or 0xffffffff and one of eight. */
function lengthOf(length: number, extended: boolean): Uint8Array {
  return extended ? words(0xffff_ffff, length, 0) : words(length);
}

interface FdeSpec {
  readonly extended?: boolean;
  readonly length?: number;
  readonly distance?: number;
  readonly range?: Uint8Array;
}

function fde({ extended = false, length, distance, range = words(START, SIZE) }: FdeSpec = {}): Uint8Array {
  const pointer = Number(FDE - CIE) + (extended ? 12 : 4);
  return concat([lengthOf(length ?? 4 + range.length, extended), words(distance ?? pointer), range]);
}

const entry = (start: bigint, size: bigint) => ({ start, end: start + size, fde: FDE, cie: CIE });
const read = (one: Uint8Array, other: Uint8Array) => readFde(FDE, memoryWith([[CIE, one], [FDE, other]]));

const FOUND = entry(BigInt(START), BigInt(SIZE));

Deno.test("readFde() reads lengths of four and of eight bytes", () => {
  for (const [one, other] of [[false, false], [true, false], [false, true], [true, true]]) {
    assertEquals(read(cie({ extended: one }), fde({ extended: other })), FOUND);
  }
  // One less than the mark is a length like any other.
  assertEquals(read(cie({ length: 0xffff_fffe }), fde({ length: 0xffff_fffe })), FOUND);
});

Deno.test("readFde() gives nothing at the end mark of .eh_frame, at a CIE, or if it leads to neither", () => {
  assertEquals(read(cie(), fde({ length: 1 })), FOUND);
  assertEquals(read(cie({ length: 1 }), fde()), FOUND);
  assertEquals(read(cie(), fde({ length: 0 })), undefined);
  assertEquals(read(cie(), fde({ distance: 0 })), undefined);
  assertEquals(read(cie({ length: 0 }), fde()), undefined);
  assertEquals(read(cie({ id: 4 }), fde()), undefined);
  assertEquals(read(cie({ id: 0x0100_0000 }), fde()), undefined);
});

Deno.test("readFde() finds the CIE at any distance, modulo 2^64", () => {
  const near = 0x40_0000n;
  const memory = memoryWith([[near, cie()], [near + 0x40n, concat([words(12, 0x44), words(START, SIZE)])]]);
  assertEquals(readFde(near + 0x40n, memory)?.cie, near);
  const top = (1n << 64n) - 0x1000n;
  const around = memoryWith([[top, cie()], [0x100n, concat([words(12, 0x1104), words(START, SIZE)])]]);
  assertEquals(readFde(0x100n, around)?.cie, top);
  const after = memoryWith([[0x101n, cie()], [0x100n - 0x10n, concat([words(12, 1), words(START, SIZE)])]]);
  assertEquals(readFde(0xf0n, after)?.cie, undefined);
  // A distance of one leads to the byte before the distance itself.
  assertEquals(readFde(0x2000n, memoryWith([[0x2000n, concat([words(12, 1), words(START, SIZE)])]])), undefined);
});

Deno.test("readFde() knows the versions 1 and 3, which differ in the size of the return address register", () => {
  // In version 1 it is a byte; in version 3 a LEB128 number, here of two bytes.
  const wide = concat([bytes(1, 0x78, 0x90, 0x00), bytes(1, 3)]);
  assertEquals(read(cie({ version: 3 }), fde()), FOUND);
  assertEquals(read(cie({ version: 3, rest: wide }), fde()), FOUND);
  // With 0x90 as a byte, 0x00 is the length of no data, and the next byte the encoding: of absolute addresses of 8 bytes.
  const narrow = concat([bytes(1, 0x78, 0x90), bytes(1, 3)]);
  assertEquals(read(cie({ version: 1, rest: narrow }), fde()), FOUND);
  for (const version of [0, 2, 4]) assertEquals(read(cie({ version }), fde()), undefined, `version ${version}`);
});

Deno.test("readFde() skips alignment factors and lengths of several bytes", () => {
  const rest = concat([bytes(0x81, 0x80, 0), bytes(0xf8, 0x7f), bytes(16), bytes(0x81, 0), bytes(3)]);
  assertEquals(read(cie({ rest }), fde()), FOUND);
});

Deno.test("readFde() reads absolute addresses of eight bytes if the CIE does not say otherwise", () => {
  const range = concat([words(START, 1), words(SIZE, 0)]);
  const expected = entry(BigInt(START) + (1n << 32n), BigInt(SIZE));
  assertEquals(read(cie({ augmentation: "", rest: FACTORS }), fde({ range })), expected);
  for (const augmentation of ["z", "zS", "zL", "zB"]) {
    assertEquals(read(cie({ augmentation, rest: concat([FACTORS, bytes(1, 3)]) }), fde({ range })), expected);
  }
});

Deno.test("readFde() finds the encoding after the data of other letters", () => {
  const cases: readonly (readonly [string, readonly number[], boolean])[] = [
    ["zR", [0x03], true],
    ["zLR", [0xff, 0x03], true],
    ["zSBR", [0x03], true],
    ["zBSLR", [0xff, 0x03], true],
    ["zPR", [0x03, 1, 2, 3, 4, 0x03], true], // four bytes
    ["zPR", [0x9b, 1, 2, 3, 4, 0x03], true], // four bytes, indirect
    ["zPR", [0x02, 1, 2, 0x03], true], // two bytes
    ["zPR", [0x00, 1, 2, 3, 4, 5, 6, 7, 8, 0x03], true], // eight bytes
    ["zPR", [0x01, 0x81, 0x82, 0x04, 0x03], true], // LEB128
    ["zPLR", [0x02, 1, 2, 0x1b, 0x03], true],
    ["zRP", [0x03, 0x05], true],
    ["zPR", [0x05, 1, 2, 0x03], false], // no such format
    ["zXR", [0x03, 0x03], false],
    ["R", [0x03], false],
    ["eh", [0x03], false],
  ];
  for (const [augmentation, data, known] of cases) {
    const rest = concat([FACTORS, bytes(data.length, ...data)]);
    assertEquals(read(cie({ augmentation, rest }), fde()), known ? FOUND : undefined, `${augmentation} ${data}`);
  }
});

Deno.test("readFde() takes the start relative to its own place and the size as it is, modulo 2^64", () => {
  const relative = (encoding: number) => cie({ rest: concat([FACTORS, bytes(1, encoding)]) });
  const place = FDE + 8n;
  assertEquals(read(relative(0x1b), fde({ range: words(-8 >>> 0, SIZE) })), entry(place - 8n, BigInt(SIZE)));
  // Data-relative addresses have no base here.
  assertEquals(read(relative(0x3b), fde({ range: words(START, SIZE) })), FOUND);
  const top = fde({ range: concat([words(-16 >>> 0, -1 >>> 0), words(16, 0)]) });
  const found = read(relative(0x04), top);
  assertEquals([found?.start, found?.end], [(1n << 64n) - 16n, 0n]);
  const high = fde({ range: concat([words(0, 0x8000_0000), words(1, 0)]) });
  assertEquals(read(relative(0x04), high)?.end, (1n << 63n) + 1n);
  assertEquals(read(relative(0x05), fde()), undefined);
});

Deno.test("readFde() reads entries across pages, and at the end of what is mapped", () => {
  const shifted = (to: bigint) => {
    const distance = Number(to - CIE) + 4;
    return memoryWith([[CIE, cie()], [to, concat([words(12, distance), words(START, SIZE)])]]);
  };
  for (const to of [0x40_0ff0n, 0x40_0ff8n, 0x40_0fffn, 0x40_1000n]) {
    assertEquals(readFde(to, shifted(to)), { ...FOUND, fde: to });
  }
  const cut = memoryWith([[CIE, cie()], [0x40_0ff1n, concat([words(12, 0xef5), words(START)]).subarray(0, 15)]]);
  assertEquals(assertThrows(() => readFde(0x40_0ff1n, cut), LoadError).code, "file-too-short");
});

Deno.test("readFde() looks at 256 bytes of a CIE", () => {
  // The encoding follows 9 bytes of fields, "z", the letters, "R" and a zero byte, 3 bytes, and the length.
  const long = (letters: number) => cie({ augmentation: `z${"S".repeat(letters)}R` });
  assertEquals(read(long(255 - 16), fde()), FOUND);
  assertEquals(assertThrows(() => read(long(256 - 16), fde()), LoadError).code, "file-too-short");
});
