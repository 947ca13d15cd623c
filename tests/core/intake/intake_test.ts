import { assert, assertEquals, assertLessOrEqual, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { equals } from "@std/bytes/equals";
import fc from "fast-check";
import { quietly } from "../../../core/intake/quietly.ts";
import { LoadError } from "../../../core/errors.ts";
import { type Intake, openIntake, type Progress } from "../../../core/intake/intake.ts";
import { type KernelSource, openSource } from "../../../core/intake/source.ts";
import { loadKernel } from "../../../core/load_kernel.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import { buildElf, fileByte } from "../../elf_builder.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** More than several of the blocks that bytes are staged in. */
const LENGTH = 300_000;
const BYTES: Bytes = Uint8Array.from({ length: LENGTH }, (_, offset) => fileByte(offset));
const BASE = 0x10_0000;

function open(source: KernelSource, maxMemory = 2 ** 30): Intake {
  return openIntake(openSource(source), { maxMemory });
}

function streamOf(bytes: Bytes, size: number): ReadableStream<Bytes> {
  let at = 0;
  return new ReadableStream({
    pull: (controller) => {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, at += size));
      else controller.close();
    },
  }, { highWaterMark: 0 });
}

const memoryOf = (size: number) => physicalMemory({ base: BASE, buffer: new ArrayBuffer(size) });

const KINDS: readonly (readonly [string, () => KernelSource])[] = [
  ["bytes", () => BYTES],
  ["a stream", () => streamOf(BYTES, 1000)],
  ["a Blob", () => new Blob([BYTES])],
];

for (const [kind, source] of KINDS) {
  Deno.test(`require() waits for as many bytes as it is asked for, and no more (${kind})`, async () => {
    const intake = open(source());
    for (const end of [10, 5, 64, 0, 100_000, 100_001]) {
      assertStrictEquals(await intake.require(end), end);
      assert(equals(intake.bytes(0, end), BYTES.subarray(0, end)));
    }
    assertStrictEquals(intake.received, 100_001);
    await intake.close();
  });

  Deno.test(`require() gives the source's end where that comes first (${kind})`, async () => {
    const intake = open(source());
    assertStrictEquals(await intake.require(LENGTH), LENGTH);
    assertStrictEquals(await intake.require(2 ** 40), LENGTH);
    assertStrictEquals(await intake.require(2 ** 40), LENGTH);
    assertEquals([intake.received, intake.bytesRead], [LENGTH, LENGTH]);
    await intake.close();
  });

  Deno.test(`bytes() gives any range that has arrived, before and after it has a place (${kind})`, async () => {
    const intake = open(source());
    await intake.require(200_000);
    const range = fc.tuple(fc.nat(200_000), fc.nat(200_000)).map((ends) => ends.sort((a, b) => a - b));
    const holds = () => {
      fc.assert(
        fc.property(range, ([from, to]) => equals(intake.bytes(from, to - from), BYTES.subarray(from, to))),
        { numRuns: 30 },
      );
    };
    holds();
    await intake.place(memoryOf(0x8_0000), BASE + 0x1000, LENGTH);
    holds();
    await intake.close();
  });

  Deno.test(`place() moves what has arrived, and the rest is read to its place behind it (${kind})`, async () => {
    for (const before of [0, 64, 0x1_0000, 0x1_0001, 250_000, LENGTH]) {
      const intake = open(source());
      const memory = memoryOf(0x8_0000);
      await intake.require(before);
      await intake.place(memory, BASE + 0x1000, LENGTH);
      assert(equals(memory.bytes(BASE + 0x1000, before), BYTES.subarray(0, before)));
      await intake.require(LENGTH);
      assert(equals(memory.bytes(BASE + 0x1000, LENGTH), BYTES));
      assertStrictEquals(intake.bytes(100, 10).buffer, memory.buffer);
      assert(memory.bytes(BASE, 0x1000).every((byte) => byte === 0), "written before the place");
      assert(memory.bytes(BASE + 0x1000 + LENGTH, 0x1000).every((byte) => byte === 0), "written behind the place");
      await intake.close();
    }
  });

  Deno.test(`no byte is written behind the place of the bytes that are kept, whoever asks for more (${kind})`, async () => {
    for (const ask of [(intake: Intake) => intake.require(200_000), (intake: Intake) => intake.length()]) {
      const intake = open(source());
      const memory = memoryOf(0x8_0000);
      await intake.require(64);
      await intake.place(memory, BASE, 100_000);
      await quietly(() => ask(intake));
      const behind = memory.bytes(BASE + 100_000, 100_000);
      assert(behind.every((byte) => byte === 0), "memory behind the place was overwritten");
      await intake.close();
    }
  });
}

Deno.test("bytes() refuses a range that has not arrived", async () => {
  const intake = open(BYTES);
  await intake.require(100);
  for (const [offset, length] of [[0, 101], [100, 1], [-1, 5], [1000, 0]]) {
    assertThrows(() => intake.bytes(offset, length), RangeError, "not arrived");
  }
  assertStrictEquals(intake.bytes(100, 0).length, 0);
});

Deno.test("length() knows the length of bytes without reading them", async () => {
  const intake = open(BYTES);
  assertStrictEquals(await intake.length(), LENGTH);
  assertEquals([intake.received, intake.bytesRead], [0, 0]);
});

Deno.test("length() reads a stream to its end, and keeps its bytes", async () => {
  const intake = open(streamOf(BYTES, 777));
  assertStrictEquals(await intake.length(), LENGTH);
  assert(equals(intake.bytes(0, LENGTH), BYTES));
  assertStrictEquals(await intake.length(), LENGTH);
});

Deno.test("bytes that have no place yet are kept up to maxMemory and not beyond", async () => {
  for (const maxMemory of [64, 1000, 0x1_0000, 100_000]) {
    const intake = open(streamOf(BYTES, 100), maxMemory);
    const error = await assertRejects(async () => await intake.require(LENGTH), LoadError);
    assertStrictEquals(error.code, "memory-limit-exceeded");
    assertLessOrEqual(intake.bytesRead, Math.max(maxMemory + 100, 0x1_0000));
    await intake.close(error);
  }
  const intake = open(streamOf(BYTES, 100), LENGTH);
  assertStrictEquals(await intake.require(LENGTH), LENGTH);
  await intake.close();
});

// onProgress

/** The bytes up to 0x1a00 are needed, out of 0x9000. */
const FILE = buildElf({ segments: [{ filesz: 0xa00 }], length: 0x9000 });
const NEEDED = 0x1a00;

/** A reader that gives at most 100 bytes a time. */
function slow(): { read: (into: Uint8Array) => number | null } {
  let at = 0;
  return {
    read: (into) => {
      const piece = FILE.subarray(at, at + Math.min(100, into.length));
      into.set(piece);
      at += piece.length;
      return piece.length || null;
    },
  };
}

const WATCHED: readonly (readonly [string, () => KernelSource, number])[] = [
  ["bytes", () => FILE, NEEDED],
  ["read(buffer)", slow, NEEDED],
  ["a stream of small chunks", () => streamOf(FILE, 100), NEEDED + 100 - NEEDED % 100],
  ["a stream of large chunks", () => streamOf(FILE, 0x1000), 0x2000],
  ["a stream of one chunk", () => streamOf(FILE, 0x9000), 0x9000],
];

for (const [kind, source, read] of WATCHED) {
  for (const rules of ["default", "bootloader-0.10"] as const) {
    const end = rules === "default" ? read : FILE.length;
    const title = `${kind}, ${rules}`;

    Deno.test(`onProgress() tells of bytes taken, never of fewer than before, up to bytesRead (${title})`, async () => {
      const seen: Progress[] = [];
      const { bytesRead } = await loadKernel(source(), { rules, onProgress: (progress) => seen.push(progress) });
      const loaded = seen.map((progress) => progress.loaded);
      assertStrictEquals(bytesRead, end);
      assertStrictEquals(loaded.at(-1), bytesRead);
      assertEquals(loaded, loaded.toSorted((a, b) => a - b));
    });

    Deno.test(`onProgress() names a total only where it is the number of bytes that will be read (${title})`, async () => {
      const seen: Progress[] = [];
      const { bytesRead } = await loadKernel(source(), { rules, onProgress: (progress) => seen.push(progress) });
      for (const { loaded, total } of seen) {
        if (total === undefined) continue;
        assertLessOrEqual(loaded, total);
        // of a stream's last chunk it is not known beforehand how much it brings along
        if (kind.startsWith("a stream")) assertLessOrEqual(total, bytesRead);
        else assertStrictEquals(total, bytesRead);
      }
    });
  }
}

Deno.test("onProgress() names the total from the time on when the headers have been read", async () => {
  for (const source of [slow(), FILE]) {
    const seen: Progress[] = [];
    await loadKernel(source, { onProgress: (progress) => seen.push(progress) });
    const behind = seen.filter(({ loaded }) => loaded > 64 + 56);
    assert(behind.length > 0);
    assertEquals(behind.filter(({ total }) => total !== NEEDED), []);
  }
});

Deno.test("place() moves megabytes that have arrived, each byte to its place", async () => {
  const bytes: Bytes = new Uint8Array(24_000_000);
  for (let at = 0; at < bytes.length; at++) bytes[at] = fileByte(at);
  const intake = open(streamOf(bytes, 1_000_000));
  assertStrictEquals(await intake.require(bytes.length), bytes.length);
  const memory = memoryOf(0x200_0000);
  await intake.place(memory, BASE + 0x1000, bytes.length);
  assert(equals(memory.bytes(BASE + 0x1000, bytes.length), bytes));
});

Deno.test("bytes that lie in the memory itself are loaded as they are, wherever in it they lie", async () => {
  const file = buildElf({ segments: [{ filesz: 0x3000, p_memsz: 0x5000n, p_flags: 6 }] });
  const expected = await loadKernel(file, { memory: memoryOf(0x2_0000), kernelOffset: BASE + 0x8000 });
  for (const offset of [0, 0x7000, 0x7ff8, 0x8000, 0x8008, 0x9000, 0xb000, 0x1_8000]) {
    const memory = memoryOf(0x2_0000);
    const source = memory.bytes(BASE + offset, file.length);
    source.set(file);
    const kernel = await loadKernel(source, { memory, kernelOffset: BASE + 0x8000 });
    assert(equals(kernel.read(0x40_0000n, 0x5000), expected.read(0x40_0000n, 0x5000)), `at ${offset}`);
  }
});
