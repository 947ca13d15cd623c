/** Section tables that are damaged or odd: reported, or refused, and never costly. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LoadError, type LoadOptions, physicalMemory, type RuleSetName } from "../../mod.ts";
import { RULES } from "../../core/rules.ts";
import { writeFileHeader } from "../elf_builder.ts";
import {
  type FileSpec,
  fileWith,
  FRAME,
  LENGTH,
  load,
  SHDR,
  SHT,
  STRTAB,
  SYMTAB,
  TABLE_AT,
  writeSection,
} from "./section_file.ts";

const RULE_SETS = Object.keys(RULES) as readonly RuleSetName[];

interface Oddity {
  readonly what: string;
  readonly spec: FileSpec;
  readonly names?: readonly string[];
  readonly remarks: readonly string[];
  readonly mapped: readonly string[];
}

const BOTH = [".symtab", ".strtab"];
const MISSING = ["section-missing", "section-missing"];
const odd = (what: string, spec: FileSpec, remarks: readonly string[], mapped: readonly string[], names?: string[]) => {
  return { what, spec, remarks, mapped, ...(names ? { names } : {}) } satisfies Oddity;
};

const ODDITIES: readonly Oddity[] = [
  odd("no section header table", { header: { e_shoff: 0n, e_shnum: 0 } }, ["section-table-missing"], []),
  odd("an empty table", { header: { e_shnum: 0 } }, ["section-table-missing"], []),
  odd("no such section", { sections: [FRAME] }, MISSING, []),
  odd(
    "extended numbering",
    {
      first: { sh_size: 5n, sh_link: 4 },
      header: { e_shnum: 0, e_shstrndx: 0xffff },
    },
    [],
    BOTH,
  ),
  odd("an extended number past the file", { first: { sh_size: 0x1000n }, header: { e_shnum: 0 } }, [
    "section-table-malformed",
  ], []),
  odd("an absurd extended number", { first: { sh_size: 2n ** 64n - 1n }, header: { e_shnum: 0 } }, [
    "section-table-malformed",
  ], []),
  odd("an extended index of names past the table", { first: { sh_link: 9 }, header: { e_shstrndx: 0xffff } }, [
    "section-names-malformed",
    ...MISSING,
  ], []),
  odd("an index of names past the table", { header: { e_shstrndx: 5 } }, ["section-names-malformed", ...MISSING], []),
  odd("no names", { header: { e_shstrndx: 0 } }, MISSING, []),
  odd("names in a section of another type", { names: { sh_type: SHT.PROGBITS } }, [
    "section-names-malformed",
    ...MISSING,
  ], []),
  odd("names past the file", { names: { sh_offset: 0x8f00n, sh_size: 0x101n } }, [
    "section-names-malformed",
    ...MISSING,
  ], []),
  odd("names at an absurd offset", { names: { sh_offset: 2n ** 64n - 1n, sh_size: 2n ** 64n - 1n } }, [
    "section-names-malformed",
    ...MISSING,
  ], []),
  odd("names that do not end", { names: { sh_size: 0x8n } }, [
    "section-names-malformed",
    "section-missing",
    "section-missing",
  ], []),
  odd("a name that starts past the names", { sections: [SYMTAB, { ...STRTAB, sh_name: 2 ** 32 - 1 }] }, [
    "section-names-malformed",
    "section-missing",
  ], [".symtab"]),
  odd("a section without bytes", { sections: [{ ...SYMTAB, sh_type: SHT.NOBITS, sh_size: 2n ** 60n }, STRTAB] }, [
    "section-empty",
  ], [".strtab"]),
  odd("an empty section", { sections: [{ ...SYMTAB, sh_size: 0n }, STRTAB] }, ["section-empty"], [".strtab"]),
  odd("a section of the image", { sections: [{ ...SYMTAB, sh_flags: 2n, sh_addr: 0x40_0000n }, STRTAB] }, [
    "section-loaded",
  ], [".strtab"]),
  odd("a section past the file", { sections: [{ ...SYMTAB, sh_offset: 0x8fffn, sh_size: 2n }, STRTAB] }, [
    "section-malformed",
  ], [".strtab"]),
  odd(
    "a section at an absurd offset",
    { sections: [{ ...SYMTAB, sh_offset: 2n ** 63n, sh_size: 2n ** 63n }, STRTAB] },
    [
      "section-malformed",
    ],
    [".strtab"],
  ),
  odd("sections that overlap", { sections: [{ ...SYMTAB, sh_size: 0x49n }, STRTAB] }, ["sections-overlap"], BOTH),
  odd("sections that are one", { sections: [SYMTAB, { ...SYMTAB, name: ".strtab" }] }, ["sections-overlap"], BOTH),
  odd(
    "a section with two others in it",
    {
      sections: [{ ...FRAME, sh_offset: 0x2000n, sh_size: 0x1000n }, SYMTAB, STRTAB],
    },
    ["sections-overlap", "sections-overlap"],
    [".debug_frame", ...BOTH],
    [...BOTH, ".debug_frame"],
  ),
  odd("two sections of one name", { sections: [SYMTAB, { ...STRTAB, name: ".symtab" }] }, ["section-missing"], [
    ".symtab",
    ".symtab",
  ]),
];

for (const { what, spec, names, remarks, mapped } of ODDITIES) {
  for (const rules of RULE_SETS) {
    Deno.test(`${what} under ${rules}: ${remarks.join(", ") || "nothing to remark"}`, async () => {
      const file = fileWith(spec);
      const found = await load(file, names ? { names } : {}, { rules });
      assertEquals(found.mappedSections.map(({ name }) => name), mapped);
      assertEquals(found.remarks, remarks);
      for (const { hint, message } of found.kernel.diagnostics) assert(hint !== "" && message !== "");
      for (const { virt, size, index } of found.mappedSections) {
        const at = new DataView(file.buffer, TABLE_AT + index * SHDR, SHDR);
        const start = Number(at.getBigUint64(24, true));
        assertEquals(found.kernel.read(virt, size), file.slice(start, start + size));
      }
      if (mapped.length > 0) return;
      assertEquals([found.sectionPages, found.neighbourBytes], [[], 0]);
      assert(!found.kernel.usedLevel4Entries.has(1));
    });
  }
}

Deno.test("record sizes that do not match are reported, and nothing is read for them", async () => {
  for (const e_shentsize of [0, 1, 40, 63, 65, 0xffff]) {
    const { remarks, kernel } = await load(fileWith({ header: { e_shentsize } }));
    assertEquals(remarks, ["section-table-malformed"]);
    assertEquals(kernel.bytesRead, 0x2123);
  }
});

Deno.test("a table out of the file is reported; the rules that read the whole file refuse it", async () => {
  for (const e_shoff of [BigInt(LENGTH - 1), BigInt(LENGTH), 2n ** 40n, 2n ** 64n - 1n]) {
    const file = fileWith({ header: { e_shoff } });
    assertEquals((await load(file)).remarks, ["section-table-malformed"]);
    for (const rules of ["bootloader-0.10", "bootloader-0.11"] as const) {
      const error = await assertRejects(() => load(file, {}, { rules }), LoadError);
      assertEquals(error.code, "section-headers-out-of-file");
    }
  }
});

Deno.test("a file that was cut off before its sections loads without them", async () => {
  for (const length of [0x2123, 0x2400, TABLE_AT, TABLE_AT + SHDR, TABLE_AT + 5 * SHDR - 1]) {
    const { kernel, remarks } = await load(fileWith().slice(0, length));
    assertEquals(remarks, ["section-table-malformed"]);
    assertEquals(kernel.read(0x40_0000n, 0x1000), fileWith().slice(0x1000, 0x2000));
  }
});

Deno.test("nothing past maxMemory, or past the caller's memory, is waited for", async () => {
  const endless = () => {
    let at = 0;
    const file = fileWith({ header: { e_shoff: 2n ** 31n } });
    return {
      taken: () => at,
      read: (into: Uint8Array) => {
        into.set(file.subarray(at, at + into.length));
        at += into.length;
        return into.length;
      },
    };
  };
  const buffer = new ArrayBuffer(0x10_0000);
  const bounds: readonly LoadOptions[] = [
    { maxMemory: 2 ** 24 },
    { memory: { size: 0x40_0000 } },
    { memory: physicalMemory({ base: 0, buffer }), kernelOffset: 0x8000 },
  ];
  for (const options of bounds) {
    const source = endless();
    const { remarks } = await load(source, {}, options);
    assertEquals([remarks, source.taken()], [["section-table-malformed"], 0x2123]);
  }
});

Deno.test("sections that the memory has no room for are reported", async () => {
  const file = fileWith({
    shoff: 0x400,
    sections: [SYMTAB, { ...FRAME, sh_offset: 0x1_0000n }],
    names: {},
    length: 0x2_0000,
  });
  const memory = { base: 0, size: 0x1_4000 };
  const names = [".symtab", ".debug_frame"];
  const { remarks, mappedSections } = await load(file, { names }, { memory, kernelOffset: 0x4000 });
  assertEquals(remarks, ["section-malformed"]);
  assertEquals(mappedSections.map(({ name }) => name), [".symtab"]);
});

Deno.test("of a huge table of sections whose names overlap, no page is mapped twice, and messages stay short", async () => {
  const count = 2 ** 17;
  const file = fileWith({ length: TABLE_AT + (count + 1) * SHDR });
  file.fill(0x41, 0x3000, 0x7000);
  for (let index = 1; index < count; index++) {
    writeSection(file, TABLE_AT + index * SHDR, index % 0x3fff, {
      sh_type: SHT.PROGBITS,
      sh_offset: 0x1000n,
      sh_size: 0x7000n,
    });
  }
  writeSection(file, TABLE_AT, 0, { sh_size: BigInt(count), sh_link: count - 1 });
  writeSection(file, TABLE_AT + (count - 1) * SHDR, 0, { sh_type: SHT.STRTAB, sh_offset: 0x3000n, sh_size: 0x4001n });
  writeFileHeader(file, { e_phnum: 2, e_shoff: BigInt(TABLE_AT), e_shentsize: SHDR, e_shstrndx: 0xffff });
  const { mappedSections, sectionPages, kernel } = await load(file, { select: ({ index }) => index % 2 === 0 });
  assertEquals([mappedSections.length, sectionPages.length], [count / 2 - 1, 1]);
  // A name of thousands of bytes is shown as far as a line has room for it.
  assert(mappedSections.some(({ name }) => name.length === 4095));
  assert(kernel.diagnostics.every(({ message }) => message.length < 300));

  writeSection(file, TABLE_AT, 0, { sh_size: BigInt(count + 1), sh_link: count - 1 });
  assertEquals((await load(file)).remarks, ["section-table-malformed"]);
});
