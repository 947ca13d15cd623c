/** However a file's bytes arrive, the same kernel comes out, and it is the one that the file describes. */

import { assert, assertEquals } from "@std/assert";
import { equals } from "@std/bytes/equals";
import fc from "fast-check";
import { PF_R, PF_W, PF_X, PT_LOAD, PT_NOTE, PT_TLS } from "../../../core/elf/constants.ts";
import { loadKernel, type LoadOptions } from "../../../core/load_kernel.ts";
import type { LoadedKernel } from "../../../core/loaded_kernel.ts";
import type { RuleSetName } from "../../../core/rules.ts";
import { buildElf } from "../../elf_builder.ts";
import { answeredFiles, ORIGINAL_LAYOUT, readOriginal } from "../../original.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const BASE = 0x1000_0000;
const KERNEL_OFFSET = BASE + 0x1000;
const RULES: readonly RuleSetName[] = ["default", "bootloader-0.10"];
const ALL_RULES: readonly RuleSetName[] = [...RULES, "bootloader-0.11"];

/** A segment as this file knows it, for checking what was loaded without the loader's help. */
interface Segment {
  readonly vaddr: bigint;
  readonly offset: number;
  readonly filesz: number;
  readonly memsz: number;
}

interface Sample {
  readonly name: string;
  readonly rules: readonly RuleSetName[];
  readonly file: Bytes;
  readonly loads: readonly Segment[];
  readonly headers: { readonly offset: number; readonly count: number };
}

function sample(
  name: string,
  rules: readonly RuleSetName[],
  loads: readonly (Segment & { readonly flags: number })[],
  { phoff = 64, length }: { readonly phoff?: number; readonly length: number },
): Sample {
  const [first] = loads;
  const segments = [
    ...loads.map(({ vaddr, offset, filesz, memsz, flags }) => {
      return { p_type: PT_LOAD, p_flags: flags, p_vaddr: vaddr, offset, filesz, p_memsz: BigInt(memsz), p_align: 1n };
    }),
    { p_type: PT_TLS, p_vaddr: first.vaddr, offset: first.offset, filesz: 0x10, p_memsz: 0x38n, p_align: 8n },
    { p_type: PT_NOTE, p_vaddr: 0n, offset: length - 0x40, filesz: 0x20, p_align: 4n },
  ];
  const file = buildElf({ header: { e_phoff: BigInt(phoff), e_entry: first.vaddr + 8n }, segments, length });
  return { name, rules, file, loads, headers: { offset: phoff, count: segments.length } };
}

const TEXT = { vaddr: 0xffff_ffff_8000_0000n, offset: 0x1000, filesz: 0x823, memsz: 0x823, flags: PF_R | PF_X };
const DATA = { vaddr: 0xffff_ffff_8000_1830n, offset: 0x1830, filesz: 0x9d1, memsz: 0x3123, flags: PF_R | PF_W };
const SAMPLES: readonly Sample[] = [
  sample("a table before the segments", ALL_RULES, [TEXT, DATA], { length: 0x2800 }),
  sample("a table behind the segments", RULES, [TEXT, DATA], { phoff: 0x2309, length: 0x2900 }),
  sample("a table between the segments", RULES, [
    { ...TEXT, offset: 0x100, filesz: 0x300, memsz: 0x300, vaddr: 0x40_0100n },
    { ...DATA, vaddr: 0x40_1830n },
  ], { phoff: 0x1234, length: 0x2280 }),
  sample("segments that are copied and merged", ["default"], [
    { ...TEXT, vaddr: 0x40_0345n, filesz: 0x1100, memsz: 0x1100 },
    { ...DATA, vaddr: 0x40_1777n, offset: 0x2200, filesz: 0x500, memsz: 0x1000 },
    { ...TEXT, vaddr: 0x40_2800n, offset: 0x2780, filesz: 0x70, memsz: 0x70 },
  ], { length: 0x2900 }),
];

const options = (rules: RuleSetName): LoadOptions => {
  return { rules, memory: { base: BASE, size: 2 ** 17 }, kernelOffset: KERNEL_OFFSET, level4Frame: BASE };
};

/** Everything of a kernel that a source could spoil; memory from its base to the first frame never handed out. */
function outcome(kernel: LoadedKernel): { readonly facts: Record<string, unknown>; readonly memory: Uint8Array } {
  const { entryPoint, tlsTemplate, framesAllocated, nextFrame, diagnostics, memory } = kernel;
  const facts = {
    entryPoint,
    tlsTemplate,
    usedLevel4Entries: [...kernel.usedLevel4Entries],
    mappings: [...kernel.mappings()],
    framesAllocated,
    nextFrame,
    frameRuns: kernel.frameRuns(),
    diagnostics,
  };
  return { facts, memory: memory.bytes(memory.base, nextFrame - memory.base) };
}

function assertSameOutcome(kernel: LoadedKernel, expected: LoadedKernel, message?: string): void {
  const [one, other] = [outcome(kernel), outcome(expected)];
  assertEquals(one.facts, other.facts, message);
  assert(equals(one.memory, other.memory), `memory differs: ${message}`);
}

/** A page walk of our own: the physical address that a virtual one translates to, or `undefined`. */
function walk({ memory, level4Frame }: LoadedKernel, virt: bigint): number | undefined {
  let table = level4Frame;
  for (const shift of [39n, 30n, 21n, 12n]) {
    const index = Number((virt >> shift) & 511n);
    const entry = new DataView(memory.buffer, table - memory.base + index * 8, 8).getBigUint64(0, true);
    if ((entry & 1n) === 0n) return undefined;
    table = Number(entry & 0x000f_ffff_ffff_f000n);
  }
  return table + Number(virt & 0xfffn);
}

/** The promise of a load: every file byte where the header says, zeros behind them, the file itself unchanged. */
function assertLoaded(kernel: LoadedKernel, { file, loads }: Sample, message: string): void {
  for (const { vaddr, offset, filesz, memsz } of loads) {
    const expected = new Uint8Array(memsz);
    expected.set(file.subarray(offset, offset + filesz));
    for (let at = 0; at < memsz;) {
      const virt = vaddr + BigInt(at);
      const phys = walk(kernel, virt);
      assert(phys !== undefined, `0x${virt.toString(16)} is not mapped: ${message}`);
      const size = Math.min(memsz - at, 4096 - phys % 4096);
      const found = kernel.memory.bytes(phys, size);
      assert(equals(found, expected.subarray(at, at + size)), `0x${virt.toString(16)} differs: ${message}`);
      at += size;
    }
  }
  const kept = kernel.frameRuns().find(({ owner }) => owner === "file")!;
  const bytes = kernel.memory.bytes(kept.phys, Math.min(kept.size, file.length));
  const lastNeeded = Math.max(...loads.map(({ offset, filesz }) => offset + filesz));
  assert(equals(bytes.subarray(0, lastNeeded), file.subarray(0, lastNeeded)), `the file's bytes differ: ${message}`);
}

function streamOf(chunks: readonly Bytes[]): ReadableStream<Bytes> {
  let at = 0;
  return new ReadableStream({
    pull: (controller) => at < chunks.length ? controller.enqueue(chunks[at++]) : controller.close(),
  }, { highWaterMark: 0 });
}

/** Cuts a file into chunks of the given sizes, over and over; a size of 0 gives an empty chunk. */
function cut(file: Bytes, sizes: readonly number[]): readonly Bytes[] {
  const chunks: Bytes[] = [];
  for (let offset = 0, turn = 0; offset < file.length; turn++) {
    const size = sizes[turn % sizes.length];
    chunks.push(file.slice(offset, offset + size));
    offset += size;
  }
  return chunks;
}

function cutAt(file: Bytes, offset: number): readonly Bytes[] {
  return [file.slice(0, offset), file.slice(offset)];
}

const CUTS: readonly (readonly [string, readonly number[]])[] = [
  ["as one chunk", [2 ** 30]],
  ["byte by byte", [1]],
  ["page by page", [4096]],
  ["in chunks that end one byte behind a page", [4097, 4096]],
  ["with empty chunks between", [0, 100, 0, 0, 1]],
];

for (const it of SAMPLES) {
  const { name, file, headers } = it;
  for (const rules of it.rules) {
    const title = `${name} (${rules})`;
    const whole = () => loadKernel(file, options(rules));

    Deno.test(`${title}: bytes give what the headers describe`, async () => {
      const kernel = await whole();
      assertLoaded(kernel, it, "from bytes");
      assertEquals(kernel.entryPoint, it.loads[0].vaddr + 8n);
      const { vaddr } = it.loads[0];
      assertEquals(kernel.tlsTemplate, { startAddr: vaddr, fileSize: 0x10n, memSize: 0x38n, align: 8n });
      assertEquals([...kernel.usedLevel4Entries], vaddr > 2n ** 47n ? [0, 511] : [0]);
    });

    for (const [how, sizes] of CUTS) {
      Deno.test(`${title}: a stream ${how} gives the same kernel as the bytes`, async () => {
        const kernel = await loadKernel(streamOf(cut(file, sizes)), options(rules));
        assertLoaded(kernel, it, how);
        assertSameOutcome(kernel, await whole(), how);
      });
    }

    Deno.test(`${title}: a stream in random chunks gives the same kernel as the bytes`, async () => {
      const expected = await whole();
      const sizes = fc.array(fc.oneof(fc.nat(100), fc.nat(6000)), { minLength: 1, maxLength: 20 });
      await fc.assert(
        fc.asyncProperty(sizes.filter((list) => list.some((size) => size > 0)), async (list) => {
          const kernel = await loadKernel(streamOf(cut(file, list)), options(rules));
          assertSameOutcome(kernel, expected, `chunks of ${list}`);
        }),
        { numRuns: 25 },
      );
    });

    Deno.test(`${title}: a stream cut at any offset inside a header gives the same kernel as the bytes`, async () => {
      const expected = await whole();
      const table = { start: headers.offset, end: headers.offset + headers.count * 56 };
      const offsets = [
        ...Array.from({ length: 64 }, (_, index) => index + 1),
        ...Array.from({ length: table.end - table.start + 1 }, (_, index) => table.start + index),
      ];
      for (const offset of offsets) {
        const kernel = await loadKernel(streamOf(cutAt(file, offset)), options(rules));
        assertSameOutcome(kernel, expected, `cut at ${offset}`);
      }
    });

    Deno.test(`${title}: a gzip stream inflated on the way gives the same kernel as the bytes`, async () => {
      const packed = await new Response(new Blob([file]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();
      const inflated = streamOf(cut(packed, [37])).pipeThrough(new DecompressionStream("gzip"));
      const kernel = await loadKernel(inflated, options(rules));
      assertSameOutcome(kernel, await whole(), "gzip");
    });
  }
}

Deno.test("without options a stream byte by byte gives the same kernel as the bytes", async () => {
  const file = await Deno.readFile(new URL("../../../examples/hello/hello.elf", import.meta.url));
  assertSameOutcome(await loadKernel(streamOf(cut(file, [1]))), await loadKernel(file));
});

// Files of the original's, whose answers do not come from this loader.
const ANSWERED = ["real-tls.elf", "real-higher-half.elf", "bss-32-pages.elf", "hdr-phoff-table-at-eof.elf"];

for (const name of ANSWERED) {
  for (const [how, sizes] of CUTS) {
    Deno.test(`bootloader-0.10: ${name} ${how} gives the original's memory`, async () => {
      const answer = answeredFiles().find((file) => file.name === name)!["bootloader-0.10"];
      assert(typeof answer === "object" && answer.ok);
      const layout = { ...ORIGINAL_LAYOUT, rules: "bootloader-0.10" } as const;
      const kernel = await loadKernel(streamOf(cut(readOriginal(name), sizes)), layout);
      const { memory, nextFrame, framesAllocated, entryPoint } = kernel;
      const digest = await crypto.subtle.digest("SHA-256", memory.bytes(memory.base, nextFrame - memory.base) as Bytes);
      const { memorySha256 } = answer;
      assertEquals(
        { entryPoint: `0x${entryPoint.toString(16)}`, framesAllocated, memorySha256: new Uint8Array(digest).toHex() },
        { entryPoint: answer.entryPoint, framesAllocated: answer.framesAllocated, memorySha256 },
      );
    });
  }
}
