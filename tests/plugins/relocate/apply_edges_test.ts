/** Single words at the edges that the loops for many words must not step over. */

import { assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import { ET_DYN, PF_R, PF_W, PT_DYNAMIC } from "../../../core/elf/constants.ts";
import { LoadError, loadKernel, type RuleSetName } from "../../../mod.ts";
import { presets } from "../../../plugins/presets.ts";
import { relocate } from "../../../plugins/relocate.ts";
import { buildElf } from "../../elf_builder.ts";
import { kernelFile, type Tags, word } from "./kernel_file.ts";

/** A kernel of one segment at `vaddr` whose data starts with a dynamic table, then `words` at 0x80. */
function fileOf(
  vaddr: bigint,
  kind: "rela" | "relr",
  words: readonly bigint[],
  memsz: bigint,
  filesz = 0x1000,
): Uint8Array {
  const data = new Uint8Array(filesz);
  const values = new BigUint64Array(data.buffer);
  const size = BigInt(words.length * 8);
  const table = vaddr + 0x80n;
  values.set(kind === "rela" ? [7n, table, 8n, size, 9n, 24n] : [36n, table, 35n, size, 37n, 8n]);
  values.set(words, 16);
  const segments = [
    { offset: 0x1000, p_vaddr: vaddr, data, p_memsz: memsz, p_flags: PF_R | PF_W, p_align: 1n },
    { p_type: PT_DYNAMIC, offset: 0x1000, p_vaddr: vaddr, filesz: 0x40, p_align: 1n },
  ];
  const length = Math.max(0x4000, 0x1000 + filesz);
  return buildElf({ header: { e_type: ET_DYN, e_entry: vaddr }, segments, length });
}

const load = (file: Uint8Array, rules: RuleSetName = "default") => loadKernel(file, { rules, plugins: [relocate()] });

async function assertOutside(file: Uint8Array, value: bigint, rules: RuleSetName = "default"): Promise<void> {
  const error = await assertRejects(() => load(file, rules), LoadError);
  assertObjectMatch(error, { code: "relocation-out-of-segment", detail: { index: 1, value } });
}

Deno.test("a word that ends after its segment, in the same page, is refused", async () => {
  const vaddr = 0x10_0000n;
  const end = vaddr + 0x1a00n;
  for (const place of [end - 6n, end - 4n, end - 2n, end]) {
    // After words that are inside, in the same page.
    await assertOutside(fileOf(vaddr, "rela", [end - 8n, 8n, 0n, place, 8n, 0n], 0x1a00n), place);
    await assertOutside(fileOf(vaddr, "relr", [end - 8n, place], 0x1a00n), place);
  }
  await assertOutside(fileOf(vaddr, "relr", [end - 16n, 0b111n], 0x1a00n), end);
  const kernel = await load(fileOf(vaddr, "relr", [end - 16n, 0b11n], 0x1a00n));
  assertEquals(kernel.results.relocate?.counts, { RELR: 2 });
});

Deno.test("every entry of a table of several pages is applied, wherever in a page the table starts", async () => {
  const count = 1000;
  for (const shift of [0n, 4n, 8n, 1n]) {
    const vaddr = 0x10_0000n + shift;
    const entries = Array.from({ length: count }, (_, at) => {
      return [vaddr + 0x8000n + BigInt(8 * at), 8n, BigInt(at) * 0x1_0000_0007n];
    });
    const kernel = await load(fileOf(vaddr, "rela", entries.flat(), 0xa000n, 0x8000));
    const base = kernel.virtualAddressOffset;
    const bytes = kernel.read(base + vaddr + 0x8000n, 8 * count);
    for (const [at, [, , addend]] of entries.entries()) assertEquals(word(bytes.subarray(8 * at)), base + addend);
  }
});

Deno.test("words of DT_RELR that cross pages, on either side of one that does not", async () => {
  const vaddr = 0x10_0000n;
  const first = vaddr + 0x1004n; // the 511th word from here lies in two pages
  const bitmaps = Array<bigint>(9).fill(2n ** 64n - 1n);
  const kernel = await load(fileOf(vaddr, "relr", [first, ...bitmaps], 0x3000n));
  const base = kernel.virtualAddressOffset;
  const bytes = kernel.read(base + vaddr + 0x1000n, 0x2000);
  for (let at = 0; at <= 9 * 63; at++) assertEquals(word(bytes.subarray(4 + at * 8)), base, `word ${at}`);
  assertEquals(bytes.subarray(4 + (9 * 63 + 1) * 8), new Uint8Array(0x2000 - 4 - (9 * 63 + 1) * 8));
  assertEquals(kernel.results.relocate?.counts, { RELR: 9 * 63 + 1 });
});

Deno.test("a word of DT_RELR that starts in the file's last page ends in the bss", async () => {
  const vaddr = 0x10_0000n;
  const places = [vaddr + 0xff0n, vaddr + 0xffcn, vaddr + 0x1004n];
  const kernel = await load(fileOf(vaddr, "relr", places, 0x2000n));
  const base = kernel.virtualAddressOffset;
  for (const place of places) assertEquals(word(kernel.read(base + place, 8)), base);
  assertEquals(kernel.read(base + vaddr + 0x100cn, 0xff4), new Uint8Array(0xff4));
});

Deno.test("an entry of DT_RELR without a bit takes no frame for the words that it stands for", async () => {
  const vaddr = 0x10_0000n;
  const frames = async (words: readonly bigint[]) => {
    const kernel = await load(fileOf(vaddr, "relr", words, 0x2000n, 0x2000));
    assertEquals(kernel.results.relocate?.counts, { RELR: words.filter((entry) => entry !== 1n).length });
    return kernel.framesAllocated;
  };
  const first = await frames([vaddr + 0xff8n]);
  assertEquals(await frames([vaddr + 0xff8n, 1n]), first);
  assertEquals(await frames([vaddr + 0xff8n, 3n]), first + 1);
  assertEquals(await frames([vaddr + 0xff8n, 1n, 1n, 1n, 1n, 1n, 1n, 1n, 1n, 1n]), first); // past the segment's end
});

Deno.test("v0.11: a page of a kernel that is not linked at one may lie on both sides of 2^32", async () => {
  const vaddr = 0xffff_f800n; // it is placed at the start of a page
  const entry = (place: bigint) => [place, 8n, place & 0xfffn];
  const places = [0x1_0000_0010n, 0xffff_ff00n, 0x1_0000_0020n, 0xffff_ff08n];
  const kernel = await load(fileOf(vaddr, "rela", places.flatMap(entry), 0x1000n), "bootloader-0.11");
  for (const place of places) {
    const base = kernel.virtualAddressOffset;
    assertEquals(word(kernel.read(BigInt.asUintN(64, base + place), 8)), BigInt.asUintN(64, base + (place & 0xfffn)));
  }
  for (const outside of [0x1_ffff_ff00n, 0xffff_f7ffn, 0x0000_0010n]) {
    for (const before of places.slice(0, 2)) {
      const words = [...entry(before), ...entry(outside)];
      await assertOutside(fileOf(vaddr, "rela", words, 0x1000n), outside, "bootloader-0.11");
    }
  }
});

Deno.test("an entry that starts in a page that is not mapped, and ends in one that is, is refused", async () => {
  const tags: Tags = [[7n, 0x0ff8n], [8n, 24n], [9n, 24n], [0n, 0n]];
  const error = await assertRejects(() => loadKernel(kernelFile({ tags }), presets["bootloader-0.11"]), LoadError);
  assertObjectMatch(error, { code: "page-not-mapped", detail: { field: "the relocation of DT_RELA at" } });
});

Deno.test("words that are not aligned, after one that is, are relocated where they are and nowhere else", async () => {
  const vaddr = 0x10_0000n;
  for (const shift of [1n, 2n, 3n, 4n, 5n, 6n, 7n]) {
    const places = [0x400n, 0x408n + shift, 0x418n + shift, 0x428n, 0x500n + shift];
    const words = places.flatMap((place, at) => [vaddr + place, 8n, BigInt(at + 1)]);
    const kernel = await load(fileOf(vaddr, "rela", words, 0x1000n));
    const base = kernel.virtualAddressOffset;
    const expected = new Uint8Array(0xc00);
    const view = new DataView(expected.buffer);
    places.forEach((place, at) => view.setBigUint64(Number(place) - 0x400, base + BigInt(at + 1), true));
    assertEquals(kernel.read(base + vaddr + 0x400n, 0xc00), expected, `${shift}`);
  }
});
