/** Loaders and protocols look at any bytes without failing, whatever way the file comes, and the work is bounded. */

import { assert, assertEquals } from "@std/assert";
import { ELFCLASS64, PT_LOAD, PT_NOTE } from "../../core/elf/constants.ts";
import { writeFileHeader, writeProgramHeader } from "../../core/elf/writer.ts";
import { checkKernel, type CheckReport } from "../../loaders/check_kernel.ts";
import { makeQemuFile, randomNumbers } from "./qemu_files.ts";
import { linuxImage, pvhKernel } from "./pvh_kernels.ts";

/** A file of which bytes are read where they are asked for. */
function randomAccess(bytes: Uint8Array) {
  return {
    size: bytes.length,
    readAt: (offset: number, buffer: Uint8Array) => {
      const piece = bytes.subarray(offset, offset + buffer.length);
      buffer.set(piece);
      return piece.length;
    },
  };
}

/** A stream of small chunks. */
function stream(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return ReadableStream.from(
    Array.from(
      { length: Math.ceil(bytes.length / 1000) },
      (_, chunk) => bytes.slice(chunk * 1000, chunk * 1000 + 1000),
    ),
  );
}

const plain = (report: CheckReport): string =>
  JSON.stringify(report, (_, value) => typeof value === "bigint" ? `0x${value.toString(16)}` : value);

Deno.test("a file gets the same report as bytes, as a file and as a stream", async () => {
  for (let seed = 0; seed < 150; seed++) {
    const { name, bytes } = makeQemuFile(seed);
    const whole = plain(await checkKernel(bytes));
    assertEquals(plain(await checkKernel(randomAccess(bytes))), whole, name);
    assertEquals(plain(await checkKernel(stream(bytes))), whole, name);
  }
});

Deno.test("any bytes get a verdict of every loader", async () => {
  const random = randomNumbers(1);
  const kernels = [pvhKernel(), linuxImage(), makeQemuFile(1).bytes, makeQemuFile(2).bytes];
  for (let round = 0; round < 1500; round++) {
    const bytes = kernels[round % kernels.length].slice();
    for (let change = random(6); change >= 0; change--) {
      // Mostly in the headers, where each byte has a meaning, and mostly to the ends of its range.
      const at = random(4) === 0 ? random(bytes.length) : random(0x100);
      bytes[at] = [0, 1, 0x7f, 0x80, 0xff, random(256)][random(6)];
    }
    const { verdicts } = await checkKernel(randomAccess(bytes));
    assert(verdicts.every(({ outcome, rule }) => (outcome === "boots") === (rule === undefined)));
  }
});

/** As many headers as there can be, all over the same notes and segments. */
function manyHeaders(note: Uint8Array, size: number): Uint8Array {
  const e_phnum = 0xfffe;
  const bytes = new Uint8Array(64 + e_phnum * 56 + size);
  const p_offset = BigInt(64 + e_phnum * 56);
  writeFileHeader(bytes, ELFCLASS64, { e_type: 2, e_machine: 62, e_entry: 1n << 20n, e_phoff: 64n, e_phnum });
  for (let index = 0; index < e_phnum; index++) {
    const fields = index % 2 === 0
      ? { p_type: PT_NOTE, p_offset, p_filesz: BigInt(size), p_memsz: 0n, p_align: 4n }
      : { p_type: PT_LOAD, p_offset, p_paddr: 1n << 20n, p_filesz: 1n, p_memsz: 1n << 63n, p_align: 4n };
    writeProgramHeader(bytes, 64 + index * 56, ELFCLASS64, fields);
  }
  for (let at = Number(p_offset); at + note.length <= bytes.length; at += note.length) bytes.set(note, at);
  return bytes;
}

Deno.test("as many headers as there can be, over the same mebibyte of small notes, are judged in bounded work", async () => {
  const emptyNotes = new Uint8Array(12);
  const smallNotes = Uint8Array.from([4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0x58, 0x65, 0x6e, 0]);
  for (const note of [emptyNotes, smallNotes]) {
    const { verdicts } = await checkKernel(manyHeaders(note, 2 ** 20));
    const refuse = verdicts.filter(({ loader }) => loader === "qemu-kernel" || loader === "openvmm");
    assertEquals(refuse.map(({ outcome }) => outcome), ["refuses", "refuses"]);
  }
});
