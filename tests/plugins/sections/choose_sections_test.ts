/** Which sections the plugin chooses, in which order, and what it says of the others. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ET_DYN } from "../../../core/elf/constants.ts";
import { fileWith, FRAME, load, SHT, slice, STRTAB, SYMTAB } from "../section_file.ts";

/** A section without flags. */
const part = (name: string, start: number, end: number) => {
  return { name, sh_type: SHT.PROGBITS, sh_offset: BigInt(start), sh_size: BigInt(end - start) };
};

const messagesOf = ({ kernel }: Awaited<ReturnType<typeof load>>, code: string): readonly string[] =>
  kernel.diagnostics.filter((diagnostic) => diagnostic.code === code).map(({ message }) => message);

Deno.test("sections are mapped in the order of their bytes in the file, those at one offset in that of the table", async () => {
  const offsets = [0x5000, 0x3000, 0x6000, 0x2000, 0x3000, 0x4000];
  const list = offsets.map((offset, at) => part(`.s${at}`, offset, offset + 0x100));
  const file = fileWith({ sections: list });
  const { kernel, mappedSections } = await load(file, { names: list.map(({ name }) => name) });
  assertEquals(mappedSections.map(({ index }) => index), [4, 2, 5, 6, 1, 3]);
  for (const { index, virt, size } of mappedSections) {
    assertEquals(kernel.read(virt, size), slice(file, list[index - 1]), `section ${index}`);
  }
});

Deno.test("the file is kept up to the end that lies furthest, whichever section it is of", async () => {
  for (const list of [[part(".a", 0x2800, 0x6000), part(".b", 0x4000, 0x4001)], [part(".a", 0x4000, 0x6000)]]) {
    const file = fileWith({ sections: list });
    const { kernel, mappedSections } = await load(file, { names: [".a", ".b"] });
    assertEquals(mappedSections.length, list.length);
    assert(kernel.addressSpace.file.size >= 0x6000);
    const [{ virt, size }] = mappedSections;
    assertEquals(kernel.read(virt, size), slice(file, list[0]));
  }
});

Deno.test("a section of the image is reported with the address that it was loaded at", async () => {
  const file = fileWith({
    sections: [{ ...SYMTAB, sh_flags: 2n, sh_addr: 0x40_1000n }, STRTAB],
    header: { e_type: ET_DYN, e_entry: 0x40_0000n },
  });
  for (const kernelBase of [0n, 0x1000_0000n, 0xffff_ffff_8000_0000n]) {
    const { kernel, remarks } = await load(file, {}, { kernelBase });
    assertEquals(remarks, ["section-loaded"]);
    const virt = kernelBase + 0x40_1000n;
    const [{ addresses, message }] = kernel.diagnostics.filter(({ code }) => code === "section-loaded");
    assertEquals(addresses, [virt]);
    assertStringIncludes(message, `Section 1 (.symtab) is part of the kernel's image, at 0x${virt.toString(16)};`);
  }
});

Deno.test("other flags than that of allocated memory do not keep a section from being mapped", async () => {
  const flags = 0xffff_ffff_ffff_fffdn;
  const { mappedSections } = await load(fileWith({ sections: [{ ...SYMTAB, sh_flags: flags }, STRTAB] }));
  assertEquals(mappedSections.map(({ name, flags }) => [name, flags]), [[".symtab", flags], [".strtab", 0n]]);
});

Deno.test("sections are called by their index, and by their name if they have one", async () => {
  const file = fileWith({ sections: [{ ...SYMTAB, name: "", sh_size: 0n }, { ...STRTAB, sh_size: 0n }] });
  const found = await load(file, { select: ({ index }) => index < 3 });
  assertEquals(messagesOf(found, "section-empty").map((message) => message.split(" has ")[0]), [
    "Section 1",
    "Section 2 (.strtab)",
  ]);
});

Deno.test("only names that the file does not have are missed, each one", async () => {
  const found = await load(fileWith(), { names: [".symtab", ".foo", ".strtab", ".bar"] });
  assertEquals(messagesOf(found, "section-missing"), [
    "The file has no section .foo.",
    "The file has no section .bar.",
  ]);
  assertEquals(found.mappedSections.map(({ name }) => name), [".symtab", ".strtab"]);
});

Deno.test("the empty name stands for no section", async () => {
  const found = await load(fileWith({ sections: [{ ...SYMTAB, name: "" }, FRAME] }), { names: ["", ".debug_frame"] });
  assertEquals(found.mappedSections.map(({ name }) => name), [".debug_frame"]);
  assertEquals(messagesOf(found, "section-missing"), ["The file has no section ."]);
});

Deno.test("a section of one byte is mapped, at any place", async () => {
  const file = fileWith({ sections: [part(".a", 0x2fff, 0x3000), part(".b", 0x3000, 0x3001)] });
  const { kernel, mappedSections, sectionPages, neighbourBytes } = await load(file, { names: [".a", ".b"] });
  assertEquals(mappedSections.map(({ virt }) => kernel.read(virt, 1)[0]), [file[0x2fff], file[0x3000]]);
  // Pages next to each other are one range.
  assertEquals(sectionPages.map(({ size, fileOffset }) => [size, fileOffset]), [[0x2000, 0x2000]]);
  assertEquals(neighbourBytes, 0x2000 - 2);
});

// Which sections share bytes: of those before, the one that reaches furthest is named.
const OVERLAPS: readonly (readonly [what: string, ranges: readonly (readonly [number, number])[], pairs: string[]])[] =
  [
    ["that touch", [[0x2000, 0x3000], [0x3000, 0x4000]], []],
    ["that share a byte", [[0x2000, 0x3001], [0x3000, 0x4000]], ["1 2"]],
    ["of which one is inside another", [[0x2000, 0x5000], [0x3000, 0x3100], [0x4000, 0x4100]], ["1 2", "1 3"]],
    ["of which each overlaps the next", [[0x2000, 0x3001], [0x3000, 0x4001], [0x4000, 0x5000]], ["1 2", "2 3"]],
    ["of which two end together", [[0x2000, 0x4000], [0x3000, 0x4000], [0x3800, 0x3900]], ["1 2", "1 3"]],
    ["that are apart", [[0x2000, 0x2100], [0x3000, 0x3100], [0x4000, 0x4100]], []],
  ];

for (const [what, ranges, pairs] of OVERLAPS) {
  Deno.test(`sections ${what}: ${pairs.length} overlaps`, async () => {
    const list = ranges.map(([start, end], at) => part(`.s${at + 1}`, start, end));
    const found = await load(fileWith({ sections: list }), { names: list.map(({ name }) => name) });
    const named = messagesOf(found, "sections-overlap").map((message) => {
      const [one, other] = [...message.matchAll(/(\d) \(\.s\d\)/g)].map(([, index]) => index);
      return `${one} ${other}`;
    });
    assertEquals(named, pairs);
    assertEquals(found.mappedSections.length, list.length);
  });
}
