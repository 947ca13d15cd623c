/** How far a source is read: no further than the file's refusal or the last byte that is needed, and then let go. */

import { assert, assertEquals, assertLessOrEqual, assertRejects, assertStrictEquals } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { PF_R, PF_W, PF_X, PT_NOTE } from "../../../core/elf/constants.ts";
import { type ErrorCode, LoadError } from "../../../core/errors.ts";
import type { ByteReader } from "../../../core/intake/source.ts";
import { loadKernel, type LoadOptions } from "../../../core/load_kernel.ts";
import type { LoadedKernel } from "../../../core/loaded_kernel.ts";
import { physicalMemory } from "../../../core/memory/physical_memory.ts";
import { readHeaders } from "../../../core/read_headers.ts";
import type { RuleSetName } from "../../../core/rules.ts";
import { buildElf, type ElfSpec, fileByte, writeFileHeader } from "../../elf_builder.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A `read(buffer)` source that keeps book of what is asked of it; what it is not meant to do, throws. */
interface Recorder extends ByteReader {
  /** End of the last byte that was asked for. */
  readonly asked: () => number;
  /** End of the last byte that was given. */
  readonly given: () => number;
  readonly close: () => never;
  readonly [Symbol.dispose]: () => never;
}

/** Reads through `fill`, which writes the bytes at an offset and says how many; `null` is the end. */
function recorder(fill: (into: Uint8Array, offset: number) => number | null): Recorder {
  let asked = 0;
  let given = 0;
  const close = (): never => {
    throw new Error("the reader was closed");
  };
  return {
    read: (into) => {
      asked = Math.max(asked, given + into.length);
      const count = fill(into, given);
      given += count ?? 0;
      return count;
    },
    asked: () => asked,
    given: () => given,
    close,
    [Symbol.dispose]: close,
  };
}

function fileRecorder(file: Bytes, shortBy = Infinity): Recorder {
  return recorder((into, offset) => {
    if (offset === file.length) return null;
    const piece = file.subarray(offset, offset + Math.min(into.length, shortBy));
    into.set(piece);
    return piece.length;
  });
}

/** A stream that counts its pulls and tells of being cancelled; `chunk(n)` is its nth chunk, `undefined` its end. */
function countingStream(
  chunk: (pull: number) => Bytes | undefined,
  type?: "bytes",
): { readonly stream: ReadableStream<Bytes>; readonly pulls: () => number; readonly cancels: unknown[] } {
  let pulls = 0;
  const cancels: unknown[] = [];
  const source = {
    pull: (controller: { readonly enqueue: (chunk: Bytes) => void; readonly close: () => void }) => {
      const next = chunk(pulls++);
      if (next) controller.enqueue(next);
      else controller.close();
    },
    cancel: (reason: unknown) => void cancels.push(reason),
  };
  const stream = type
    ? new ReadableStream({ type, ...source }) as ReadableStream<Bytes>
    : new ReadableStream<Bytes>(source, { highWaterMark: 0 });
  return { stream, pulls: () => pulls, cancels };
}

const slices = (file: Bytes, size: number) => (pull: number): Bytes | undefined => {
  return pull * size < file.length ? file.slice(pull * size, (pull + 1) * size) : undefined;
};

// A file that its first 64 bytes refuse

const REFUSED: readonly (readonly [string, ElfSpec["header"] | "not-elf", ErrorCode, RuleSetName[]])[] = [
  ["no ELF magic", "not-elf", "not-elf", ["default", "bootloader-0.10"]],
  ["an unknown class", { EI_CLASS: 3 }, "class-unsupported", ["default", "bootloader-0.10"]],
  ["the class ELFCLASS32", { EI_CLASS: 1 }, "class-unsupported", ["default"]],
  ["big-endian data", { EI_DATA: 2 }, "data-encoding-unsupported", ["default"]],
  ["no data encoding", { EI_DATA: 0 }, "data-encoding-unsupported", ["default", "bootloader-0.10"]],
  ["no version", { EI_VERSION: 0 }, "version-unsupported", ["default", "bootloader-0.10"]],
  ["the type ET_REL", { e_type: 1 }, "type-unsupported", ["default"]],
  ["another machine", { e_machine: 183 }, "machine-unsupported", ["default"]],
  ["an odd e_ehsize", { e_ehsize: 63 }, "record-size-mismatch", ["default", "bootloader-0.10"]],
  ["an odd e_phentsize", { e_phentsize: 57 }, "record-size-mismatch", ["default", "bootloader-0.10"]],
  ["program headers at offset 0", { e_phoff: 0n }, "program-headers-missing", ["default", "bootloader-0.10"]],
  ["an extended count", { e_phnum: 0xffff }, "program-header-count-extended", ["default"]],
  ["a table at 2^50", { e_phoff: 1n << 50n }, "memory-limit-exceeded", ["default"]],
  ["a table at 2^64 - 1", { e_phoff: 2n ** 64n - 1n }, "memory-limit-exceeded", ["default"]],
];

function refusedFile(header: ElfSpec["header"] | "not-elf"): Bytes {
  const file = buildElf({ segments: [{ filesz: 0x3000 }] });
  if (header === "not-elf") file[1] = 0;
  else writeFileHeader(file, { e_phnum: 1, ...header });
  return file;
}

for (const [what, header, code, ruleSets] of REFUSED) {
  for (const rules of ruleSets) {
    Deno.test(`a file with ${what} is refused after 64 bytes of a reader, which stays open (${rules})`, async () => {
      const source = fileRecorder(refusedFile(header));
      const error = await assertRejects(() => loadKernel(source, { rules }), LoadError);
      assertEquals([error.code, source.asked(), source.given()], [code, 64, 64]);
    });

    Deno.test(`a file with ${what} is refused after one chunk of a stream, which is cancelled (${rules})`, async () => {
      for (const size of [64, 100, 4096]) {
        const { stream, pulls, cancels } = countingStream(slices(refusedFile(header), size));
        const error = await assertRejects(() => loadKernel(stream, { rules }), LoadError);
        assertEquals([error.code, pulls(), cancels.length, stream.locked], [code, 1, 1, false]);
        assertStrictEquals(cancels[0], error);
      }
    });
  }
}

Deno.test("a file that its first 64 bytes refuse is refused by them alone, however few a read gives", async () => {
  const source = fileRecorder(refusedFile({ e_machine: 8 }), 1);
  await assertRejects(() => loadKernel(source), LoadError);
  assertEquals([source.asked(), source.given()], [64, 64]);
});

Deno.test("a file that its program headers refuse is refused by the headers alone", async () => {
  const source = fileRecorder(buildElf({ segments: [{ filesz: 0x3000 }, { p_type: 5 }] }));
  const error = await assertRejects(() => loadKernel(source), LoadError);
  assertEquals([error.code, source.asked()], ["segment-type-refused", 64 + 2 * 56]);
});

// Behind the last byte that is needed

const SEGMENTS = [
  { p_flags: PF_R | PF_X, p_vaddr: 0x40_0000n, offset: 0x1000, filesz: 0x1000 },
  { p_flags: PF_R | PF_W, p_vaddr: 0x40_1000n, offset: 0x2000, filesz: 0x123, p_memsz: 0x2700n },
  { p_type: PT_NOTE, p_vaddr: 0n, offset: 0x3000, filesz: 0x100, p_align: 4n },
];
const FILE = buildElf({ segments: SEGMENTS, length: 0x5000 });
const NEEDED = 0x2123;

Deno.test("default: a reader gives exactly the bytes up to the last one that is needed", async () => {
  for (const shortBy of [Infinity, 1, 100]) {
    const source = fileRecorder(FILE, shortBy);
    const kernel = await loadKernel(source);
    assertEquals([kernel.bytesRead, source.asked(), source.given()], [NEEDED, NEEDED, NEEDED]);
  }
});

Deno.test("default: a table behind the segments is read up to its end and no further", async () => {
  const source = fileRecorder(buildElf({ header: { e_phoff: 0x4001n }, segments: SEGMENTS, length: 0x6000 }));
  const kernel = await loadKernel(source);
  assertEquals([kernel.bytesRead, source.asked()], [0x4001 + 3 * 56, 0x4001 + 3 * 56]);
});

Deno.test("bootloader-0.10: a reader gives the whole file", async () => {
  const source = fileRecorder(FILE);
  const kernel = await loadKernel(source, { rules: "bootloader-0.10" });
  assertEquals([kernel.bytesRead, source.given()], [FILE.length, FILE.length]);
});

for (const type of [undefined, "bytes"] as const) {
  const kind = type ? "byte stream" : "stream";
  Deno.test(`default: no chunk is asked of a ${kind} after the one with the last byte that is needed`, async () => {
    for (const size of [1, 100, 0x1000, NEEDED - 1, NEEDED, NEEDED + 1, FILE.length]) {
      const { stream, pulls, cancels } = countingStream(slices(FILE, size), type);
      const kernel = await loadKernel(stream);
      const chunks = Math.ceil(NEEDED / size);
      assertEquals([pulls(), kernel.bytesRead], [chunks, Math.min(chunks * size, FILE.length)], `chunks of ${size}`);
      assertEquals([cancels.length, stream.locked], [1, false]);
    }
  });

  Deno.test(`a ${kind} gives its headers in whole chunks, and is cancelled`, async () => {
    for (const size of [1, 100, 0x1000, FILE.length]) {
      const { stream, pulls, cancels } = countingStream(slices(FILE, size), type);
      const chunks = Math.ceil((64 + 3 * 56) / size);
      assertStrictEquals((await readHeaders(stream)).bytesRead, chunks * size);
      assertEquals([pulls(), cancels.length, stream.locked], [chunks, 1, false]);
    }
  });
}

Deno.test("bootloader-0.10: a stream is read to its end", async () => {
  const { stream, pulls, cancels } = countingStream(slices(FILE, 0x1000));
  const kernel = await loadKernel(stream, { rules: "bootloader-0.10" });
  assertEquals([kernel.bytesRead, pulls(), cancels.length, stream.locked], [FILE.length, 6, 0, false]);
});

Deno.test("default: bytes behind the last one that is needed are not stored, wherever the last chunk ends", async () => {
  for (const size of [NEEDED, NEEDED + 1, 0x2800, 0x3000, FILE.length]) {
    const { memory, frameRuns } = await loadKernel(countingStream(slices(FILE, size)).stream);
    const file = frameRuns().find(({ owner }) => owner === "file")!;
    assertStrictEquals(file.size, 0x3000);
    const kept = memory.bytes(file.phys, file.size);
    assert(equals(kept.subarray(0, NEEDED), FILE.subarray(0, NEEDED)));
    assert(kept.subarray(NEEDED).every((byte) => byte === 0), `chunks of ${size}`);
  }
});

Deno.test("default: a source without an end is read only as far as it is needed", async () => {
  const endless = (into: Uint8Array, offset: number): number => {
    into.forEach((_, index) => into[index] = offset + index < FILE.length ? FILE[offset + index] : 0xee);
    return into.length;
  };
  assertStrictEquals((await loadKernel(recorder(endless))).bytesRead, NEEDED);
  const { stream, pulls } = countingStream((pull) => slices(FILE, 0x800)(pull) ?? new Uint8Array(0x800));
  await loadKernel(stream);
  assertStrictEquals(pulls(), 5);
});

Deno.test("a reader reads straight into physical memory once the memory is known", async () => {
  const buffers: ArrayBufferLike[] = [];
  const inner = fileRecorder(FILE, 0x400);
  const kernel = await loadKernel({ read: (into: Uint8Array) => (buffers.push(into.buffer), inner.read(into)) });
  // the file header, and the program header table
  assertStrictEquals(buffers.slice(2).every((buffer) => buffer === kernel.memory.buffer), true);
  assertStrictEquals(buffers.length, 2 + Math.ceil((NEEDED - 64 - 3 * 56) / 0x400));
});

Deno.test("a reader is never handed shared memory", async () => {
  const buffers: ArrayBufferLike[] = [];
  const inner = fileRecorder(FILE);
  const source = { read: (into: Uint8Array) => (buffers.push(into.buffer), inner.read(into)) };
  await loadKernel(source, { memory: physicalMemory({ base: 0, buffer: new SharedArrayBuffer(0x40_0000) }) });
  assertEquals(buffers.filter((buffer) => !(buffer instanceof ArrayBuffer)), []);
});

Deno.test("default: of a sparse file of 600 MB only what the segments need is read", async () => {
  const size = 50 * 2 ** 20;
  const segments = [
    { p_flags: PF_R | PF_X, p_vaddr: 0x4000_0000n, offset: 0x1000, filesz: 0x1000 },
    { p_flags: PF_R, p_vaddr: 0x4000_1000n, offset: 0x2000, filesz: size - 0x2000 },
  ];
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/sparse.elf`;
    await Deno.writeFile(path, buildElf({ segments, length: 0x2000 }));
    using file = await Deno.open(path, { read: true, write: true });
    await file.seek(size - 4, Deno.SeekMode.Start);
    await file.write(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])); // four of them behind the last segment
    await file.truncate(600 * 2 ** 20);
    await file.seek(0, Deno.SeekMode.Start);
    const kernel = await loadKernel(file);
    assertStrictEquals(kernel.bytesRead, size);
    assertStrictEquals(await file.seek(0, Deno.SeekMode.Current), size);
    const end = 0x4000_1000n + BigInt(size - 0x2000);
    assertEquals([...kernel.read(end - 6n, 6)], [0, 0, 1, 2, 3, 4]);
    assertEquals([...kernel.read(0x4000_0000n, 3)], [0x1000, 0x1001, 0x1002].map(fileByte));
    assertLessOrEqual(kernel.memory.size, size + size / 4);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

// maxMemory

const MIB = 2 ** 20;

async function refusal(source: ByteReader | ReadableStream<Bytes> | Bytes, options: LoadOptions): Promise<LoadError> {
  return await assertRejects(() => loadKernel(source, options), LoadError);
}

Deno.test("bootloader-0.10: a source without an end is refused at maxMemory", async () => {
  const maxMemory = 4 * MIB;
  const header = buildElf({ segments: [{ filesz: 0x100 }] });
  const source = recorder((into, offset) => {
    into.fill(0).set(header.subarray(offset, offset + into.length));
    return into.length;
  });
  const error = await refusal(source, { rules: "bootloader-0.10", maxMemory });
  assertStrictEquals(error.code, "memory-limit-exceeded");
  assertLessOrEqual(source.asked(), 2 * maxMemory);

  const chunk = 0x1_0000;
  const { stream, pulls, cancels } = countingStream((pull) => pull === 0 ? header.slice() : new Uint8Array(chunk));
  const streamError = await refusal(stream, { rules: "bootloader-0.10", maxMemory });
  assertStrictEquals(streamError.code, "memory-limit-exceeded");
  assertLessOrEqual(pulls() * chunk, maxMemory + 2 * chunk);
  assertEquals([cancels.length, stream.locked], [1, false]);
  assertStrictEquals(cancels[0], streamError);
});

Deno.test("a table behind maxMemory refuses the file before anything is read towards it", async () => {
  const segments = [{ filesz: 0x100 }];
  const file = buildElf({ header: { e_phoff: BigInt(2 * MIB) }, segments });
  const source = fileRecorder(file);
  const error = await refusal(source, { maxMemory: MIB, memory: { size: MIB }, kernelOffset: 0 });
  const field = "e_phoff + e_phentsize * e_phnum";
  const place = { field, value: BigInt(2 * MIB + 56), limit: MIB };
  assertEquals([error.code, error.detail], ["memory-limit-exceeded", place]);
  assertStrictEquals(source.asked(), 64);
});

Deno.test("a table that ends at maxMemory is read, and refused only where the memory around it does not fit", async () => {
  const segments = [{ filesz: 0x100 }];
  const file = buildElf({ header: { e_phoff: BigInt(MIB - 56) }, segments });
  for (const kernelOffset of [0, undefined]) {
    const source = fileRecorder(file);
    assertStrictEquals((await refusal(source, { maxMemory: MIB, kernelOffset })).code, "memory-limit-exceeded");
    assertStrictEquals(source.asked(), MIB);
  }
  const { programHeaders } = await loadKernel(file, { maxMemory: MIB + 0x1_0000, kernelOffset: 0 });
  assertStrictEquals(programHeaders.length, 1);
});

Deno.test("a table behind the end of a short file refuses it, whatever maxMemory would allow", async () => {
  const file = buildElf({ segments: [{ filesz: 0x100 }] });
  writeFileHeader(file, { e_phnum: 1, e_phoff: 1n << 50n });
  for (const source of [file, fileRecorder(file), countingStream(slices(file, 1000)).stream]) {
    const error = await refusal(source, { maxMemory: 2 ** 52 });
    assertEquals([error.code, (error.detail as { limit: number }).limit], ["program-headers-out-of-file", file.length]);
  }
});

/** Headers that ask for more than any system has; where they were allocated for, the system itself would refuse. */
const GREEDY: readonly (readonly [string, ElfSpec["segments"], ErrorCode, ErrorCode])[] = [
  [
    "p_memsz 2^62",
    [{ p_vaddr: 0xffff_8000_0000_0000n, filesz: 0x100, p_memsz: 1n << 62n }],
    "address-overflow",
    "address-overflow",
  ],
  [
    "p_memsz 2^62 in the lower half",
    [{ filesz: 0x100, p_memsz: 1n << 62n }],
    "address-not-canonical",
    "address-not-canonical",
  ],
  ["p_memsz 2^46", [{ filesz: 0x100, p_memsz: 1n << 46n }], "memory-limit-exceeded", "memory-too-small"],
  ["p_memsz 2^40", [{ filesz: 0x100, p_memsz: 1n << 40n }], "memory-limit-exceeded", "memory-too-small"],
  [
    "p_filesz and p_memsz 2^40",
    [{ filesz: 1n << 40n, p_memsz: 1n << 40n }],
    "memory-limit-exceeded",
    "memory-too-small",
  ],
  [
    "p_offset 2^62",
    [{ offset: 2 ** 62, filesz: 0x100, p_memsz: 0x100n }],
    "memory-limit-exceeded",
    "memory-too-small",
  ],
];

for (const [what, segments, ours, given] of GREEDY) {
  Deno.test(`default: a header that asks for ${what} is refused by the headers alone, without allocating`, async () => {
    const file = buildElf({ segments, length: 0x2000 });
    const read = () => fileRecorder(file);
    for (const maxMemory of [undefined, 8 * MIB]) {
      const source = read();
      assertStrictEquals((await refusal(source, { maxMemory })).code, ours);
      assertStrictEquals(source.asked(), 64 + 56);
    }
    const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(4 * MIB) });
    assertStrictEquals((await refusal(read(), { memory })).code, given);
    assertStrictEquals((await refusal(read(), { memory: { size: 4 * MIB } })).code, given);
  });
}

Deno.test("bootloader-0.10: a bss of 2^40 bytes is refused without allocating", async () => {
  const file = buildElf({ segments: [{ filesz: 0x100, p_memsz: 1n << 40n }], length: 0x2000 });
  const rules = "bootloader-0.10";
  assertStrictEquals((await refusal(file, { rules })).code, "memory-limit-exceeded");
  assertStrictEquals((await refusal(file, { rules, memory: { size: 4 * MIB } })).code, "memory-too-small");
});

Deno.test("what maxMemory allows and the system refuses is a LoadError with the system's error as cause", async () => {
  const file = buildElf({ segments: [{ filesz: 0x100, p_memsz: 1n << 46n }], length: 0x2000 });
  const error = await refusal(file, { maxMemory: 2 ** 52 });
  assertStrictEquals(error.code, "memory-limit-exceeded");
  assert(error.cause instanceof RangeError);
});

Deno.test("several segments that fit one by one and not together are refused without allocating", async () => {
  const segments = Array.from({ length: 3 }, (_, index) => {
    return { p_vaddr: BigInt(index + 1) << 32n, filesz: 0x10, p_memsz: BigInt(6 * MIB) };
  });
  const error = await refusal(buildElf({ segments }), { maxMemory: 16 * MIB });
  assertStrictEquals(error.code, "memory-limit-exceeded");
  const kernel: LoadedKernel = await loadKernel(buildElf({ segments }), { maxMemory: 24 * MIB });
  assertLessOrEqual(kernel.memory.size, 24 * MIB);
});

for (const rules of ["bootloader-0.10", "bootloader-0.11"] as const) {
  Deno.test(`a header that ${rules} refuses is refused before an endless source is read further`, async () => {
    const segments = [{ p_type: 5, filesz: 0x10 }, { filesz: 0x1000 }]; // PT_SHLIB
    const file = buildElf({ segments, length: 0x3000 });
    const endless = recorder((into, offset) => {
      into.fill(0);
      into.set(file.subarray(offset, offset + into.length));
      return into.length;
    });
    const error = await assertRejects(() => loadKernel(endless, { rules }), LoadError);
    assertStrictEquals(error.code, "segment-type-refused");
    assertLessOrEqual(endless.asked(), 0x2001);
  });
}
