import { assert, assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import { ET_DYN, PF_R, PF_W, PT_DYNAMIC, PT_TLS } from "../../../core/elf/constants.ts";
import { type AnyPlugin, type LoadedKernel, LoadError, loadKernel, type RuleSetName } from "../../../mod.ts";
import { presets } from "../../../plugins/presets.ts";
import { relocate } from "../../../plugins/relocate.ts";
import { buildElf, fileByte, type SegmentSpec } from "../../elf_builder.ts";

const TEXT: SegmentSpec = { offset: 0x1000, p_vaddr: 0x40_0000n, filesz: 0x200 };

async function diagnosticsOf(segments: readonly SegmentSpec[], rules: RuleSetName) {
  const { diagnostics } = await loadKernel(buildElf({ segments, length: 0x8000 }), { rules });
  return diagnostics.map(({ code, severity, index, addresses }) => [code, severity, index, ...addresses]);
}

Deno.test("rules that copy nothing report a segment whose pages put other bytes at its addresses", async () => {
  const shifted: SegmentSpec = { offset: 0x2010, p_vaddr: 0x50_0100n, filesz: 0x800, p_align: 1n };
  for (const rules of ["bootloader-0.10", "bootloader-0.11"] as const) {
    const expected = [["bytes-misplaced", "warning", 1, 0x50_0100n]];
    assertEquals(await diagnosticsOf([TEXT, shifted], rules), expected);
    const kernel = await loadKernel(buildElf({ segments: [TEXT, shifted], length: 0x8000 }), { rules });
    const [byte] = kernel.read(0x50_0100n, 1);
    assert(byte === fileByte(0x2100) && byte !== fileByte(0x2010));
  }
  assertEquals(await diagnosticsOf([TEXT, shifted], "default"), [["segment-copied", "info", 1, 0x50_0100n]]);
});

Deno.test("a segment without file bytes, or at the same place in its page, is not reported", async () => {
  const segments: readonly SegmentSpec[] = [
    TEXT,
    { offset: 0x2010, p_vaddr: 0x50_0010n, filesz: 0x800, p_align: 1n },
    { offset: 0x3010, p_vaddr: 0x60_0000n, filesz: 0, p_memsz: 0n, p_align: 1n, p_flags: PF_R | PF_W },
  ];
  for (const rules of ["bootloader-0.10", "bootloader-0.11", "default"] as const) {
    assertEquals(await diagnosticsOf(segments, rules), []);
  }
});

/** A kernel with data, bss, a TLS template and relocations, linked at `base`. */
function linkedAt(base: bigint, gap = 0n): Uint8Array<ArrayBuffer> {
  const data = base + 0x1000n + gap;
  const words = new BigUint64Array(0x80);
  words.set([7n, data + 0x100n, 8n, 48n, 9n, 24n, 0n, 0n]);
  words.set([data + 0x300n, 8n, base + 0x10n, data + 0x308n, 8n, BigInt.asUintN(64, -0x10n)], 0x20);
  const bytes = new Uint8Array(words.buffer);
  const segments: readonly SegmentSpec[] = [
    { offset: 0x1000, p_vaddr: base, filesz: 0x1000 },
    { offset: 0x2000, p_vaddr: data, data: bytes, p_memsz: 0x2000n, p_flags: PF_R | PF_W },
    { p_type: PT_DYNAMIC, offset: 0x2000, p_vaddr: data, filesz: 0x40, p_align: 8n },
    { p_type: PT_TLS, offset: 0x2380, p_vaddr: data + 0x380n, filesz: 8, p_memsz: 16n, p_align: 8n },
  ];
  return buildElf({ header: { e_type: ET_DYN, e_entry: base + 0x20n }, segments, length: 0x4000 });
}

/** All of a kernel that a place could change. */
function facts(kernel: LoadedKernel<readonly AnyPlugin[]>) {
  const { memory, nextFrame, entryPoint, virtualAddressOffset, tlsTemplate, usedLevel4Entries, results } = kernel;
  return {
    bytes: memory.bytes(memory.base, nextFrame - memory.base),
    ...{ entryPoint, virtualAddressOffset, tlsTemplate },
    used: [...usedLevel4Entries],
    mappings: [...kernel.mappings()],
    results: { ...results, place: undefined },
    diagnostics: kernel.diagnostics,
  };
}

const LINKED: readonly (readonly [base: bigint, gap: bigint])[] = [
  [0n, 0n],
  [0x40_0000n, 0n],
  [0x40_0000n, 5n << 39n],
  [0x7fff_0000_0000n, 0n],
  [0xffff_8000_0000_0000n, 0n],
  [0xffff_8000_0000_0000n, 3n << 39n],
  [0xffff_ffff_8000_0000n, 0n],
  [0xffff_ffff_ffff_c000n, 0n],
];

for (const [base, gap] of LINKED) {
  const name = `0x${base.toString(16)} with a gap of 0x${gap.toString(16)}`;
  Deno.test(`the offset of a placed kernel, given as kernelBase, gives the same kernel (linked at ${name})`, async () => {
    const file = linkedAt(base, gap);
    for (const seed of [undefined, 0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]) {
      const plugins = [relocate({ seed }), ...presets.default.plugins.slice(1)];
      const placed = await loadKernel(file, { plugins });
      const kernelBase = placed.virtualAddressOffset;
      assertEquals(BigInt.asUintN(64, base + 0x20n + kernelBase), placed.entryPoint);
      const based = await loadKernel(file, { plugins, kernelBase });
      assertEquals(facts(based), facts(placed));
    }
  });
}

Deno.test("a kernelBase that takes only the higher segments past 2^64 is refused", async () => {
  const file = linkedAt(0x1000n, 1n << 39n);
  const load = () => loadKernel(file, { kernelBase: 0xffff_ffff_ffff_0000n });
  const error = await assertRejects(load, LoadError);
  assertEquals(error.code, "address-overflow");
  assertObjectMatch(error.detail, { index: 1 });
});

Deno.test("v0.11 adds kernelBase without wrapping", async () => {
  const file = linkedAt(0xffff_ffff_8000_0000n);
  const options = { ...presets["bootloader-0.11"], kernelBase: 0xffff_9000_0000_0000n };
  assertEquals((await assertRejects(() => loadKernel(file, options), LoadError)).code, "address-overflow");
});
