import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { describeResults } from "../../cli/report/describe_results.ts";
import { versionedJson } from "../../cli/report/json.ts";
import {
  PF_R,
  PF_W,
  PF_X,
  PT_GNU_EH_FRAME,
  PT_GNU_PROPERTY,
  PT_GNU_RELRO,
  PT_GNU_STACK,
  PT_INTERP,
  PT_NOTE,
  PT_OPENBSD_BOOTDATA,
  PT_OPENBSD_RANDOMIZE,
  PT_OPENBSD_WXNEEDED,
  PT_PHDR,
} from "../../core/elf/constants.ts";
import { loadKernel } from "../../mod.ts";
import { presets } from "../../plugins/presets.ts";
import { sections } from "../../plugins/sections.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { note, words } from "../plugins/note_bytes.ts";
import { readOriginal } from "../original.ts";
import { HELLO, pathOf } from "./kload.ts";

const TEXT: SegmentSpec = { filesz: 0x1000, p_flags: PF_R | PF_X };
const DATA: SegmentSpec = { offset: 0x2000, filesz: 0x1000, p_vaddr: 0x40_1000n, p_flags: PF_R | PF_W };

function header(p_type: number, spec: SegmentSpec = {}): SegmentSpec {
  return { p_type, offset: 0x3000, p_vaddr: 0n, p_memsz: 0n, p_align: 4n, ...spec };
}

/** What the default preset's plugins find in a file with one more header, in words. */
async function described(name: string, spec: SegmentSpec): Promise<string | undefined> {
  const kernel = await loadKernel(buildElf({ segments: [TEXT, DATA, spec] }), presets.default);
  return Object.fromEntries(describeResults(kernel.results))[name];
}

const SHARED = { d: 1n };

const text = new TextEncoder();
const buildId = note({ owner: "GNU", type: 3, desc: words(0x04030201, 0xff) });
const entry = note({ owner: "Xen", type: 18, desc: words(0x10_0000) });
const properties = (...values: readonly number[]) => note({ owner: "GNU", type: 5, desc: words(...values), align: 8 });

const FOUND: readonly (readonly [string, SegmentSpec, string])[] = [
  ["stack", header(PT_GNU_STACK, { p_flags: 6 }), "not executable"],
  ["stack", header(PT_GNU_STACK, { p_flags: 7, p_memsz: 0x1_0000n }), "executable, asks for 64 KiB"],
  ["relro", header(PT_GNU_RELRO, { p_vaddr: 0x40_1000n, p_memsz: 0x1000n }), "1 page made read-only"],
  [
    "relro",
    header(PT_GNU_RELRO, { p_vaddr: 0x40_1000n, p_memsz: 0x800n }),
    "no pages made read-only, 1 page left writable: 0x401000",
  ],
  [
    "notes",
    header(PT_NOTE, { data: concat([buildId, entry]) }),
    "2 notes from GNU, Xen, build ID 01020304ff000000, PVH entry point at physical 0x100000",
  ],
  [
    "property",
    header(PT_GNU_PROPERTY, {
      data: properties(1, 8, 0x10_0000, 0, 0xc0000002, 4, 3, 0, 0xc0008002, 4, 2, 0, 0xc0010002, 4, 7, 0),
      p_align: 8n,
    }),
    "compiled for indirect branch tracking and shadow stacks, needs x86-64-v2, uses x86-64-v3 if available, " +
    "needs a stack of 1 MiB",
  ],
  [
    "property",
    header(PT_GNU_PROPERTY, { data: properties(0xc0008002, 4, 1, 0), p_align: 8n }),
    "not compiled for IBT or shadow stacks, needs x86-64-baseline",
  ],
  ["interp", header(PT_INTERP, { data: text.encode("/lib/ld.so\0") }), "asks for the program interpreter /lib/ld.so"],
  [
    "phdr",
    header(PT_PHDR, { offset: 64, filesz: 3 * 56, p_vaddr: 0x40_0040n, p_memsz: 168n }),
    "the kernel expects its program headers at 0x400040, but they are not loaded there",
  ],
  [
    "eh-frame",
    // version 1, every value left out (DW_EH_PE_omit): LSB Core, "The .eh_frame_hdr section"
    header(PT_GNU_EH_FRAME, {
      offset: 0x2000,
      data: new Uint8Array([1, 255, 255, 255]),
      p_vaddr: 0x40_1000n,
      p_memsz: 4n,
    }),
    ".eh_frame_hdr at 0x401000, 4 bytes",
  ],
  ["openbsd", header(PT_OPENBSD_WXNEEDED), "needs pages that are writable and executable"],
  [
    "openbsd",
    header(PT_OPENBSD_RANDOMIZE, { p_vaddr: 0x40_1100n, p_memsz: 0x100n }),
    "filled with random bytes: 0x401100..0x401200",
  ],
  [
    "openbsd",
    header(PT_OPENBSD_BOOTDATA, { p_vaddr: 0x40_1000n, p_memsz: 0x10n }),
    "space for boot data: 0x401000..0x401010",
  ],
];

for (const [name, spec, words] of FOUND) {
  Deno.test(`what ${name} found is said as: ${words}`, async () => {
    assertEquals(await described(name, spec), words);
  });
}

Deno.test("what relocate did is said by the types that readelf counts", async () => {
  const hello = await Deno.readFile(pathOf("examples/hello/hello-pie.elf"));
  const { results } = await loadKernel(hello, presets.default);
  assertEquals(Object.fromEntries(describeResults(results)).relocate, "5 relocations applied: R_X86_64_RELATIVE");
  const mixed = await loadKernel(readOriginal("dyn-reloc-type-64.elf"), presets.default);
  assertStringIncludes(Object.fromEntries(describeResults(mixed.results)).relocate, "R_X86_64_64");
  const counts = { R_X86_64_RELATIVE: 1200, R_X86_64_64: 2, RELR: 7 };
  assertEquals(describeResults({ relocate: { counts, needed: ["libc.so.6"] } }), [[
    "relocate",
    "1,209 relocations applied: 1,200 R_X86_64_RELATIVE, 2 R_X86_64_64 and 7 RELR; needs shared libraries, which were " +
    "not loaded: libc.so.6",
  ]]);
});

Deno.test("what sections mapped is said with addresses and sizes", async () => {
  const { results } = await loadKernel(await Deno.readFile(HELLO), { plugins: [sections()] });
  const [symbols, strings] = results.sections!.mappedSections;
  assertEquals(
    Object.fromEntries(describeResults(results)).sections,
    [
      `.symtab at 0x${symbols.virt.toString(16)}, ${symbols.size.toLocaleString("en-US")} bytes; `,
      `.strtab at 0x${strings.virt.toString(16)}, ${strings.size.toLocaleString("en-US")} bytes`,
    ].join(""),
  );
});

Deno.test("a result of another shape is described by its shape, also under the name of a built-in plugin", () => {
  const results = {
    stack: { size: 65536, grows: "down" },
    "kernel-stack": { size: 65536, executable: false, ratio: 0.5, at: -0x1000n },
    notes: [{ owner: "GNU\x1b", desc: new Uint8Array([1, 0xab]) }, { owner: "Xen", desc: new Uint8Array(40) }],
    many: { pages: Array.from({ length: 100 }, (_, at) => at), find: () => 1 },
    long: "word ".repeat(1000),
    nothing: { placement: undefined },
    bytes: new Uint8Array(),
    interp: { path: Symbol("x") },
  };
  const found = Object.fromEntries(describeResults(results));
  assertEquals(found.stack, "size 65,536, grows down");
  assertEquals(found["kernel-stack"], "size 65,536, executable false, ratio 0.5, at -0x1000");
  assertStringIncludes(found.notes, "(owner GNU\\u001b, desc 01ab), (owner Xen, desc");
  assertStringIncludes(found.notes, "... (40 bytes)");
  assertEquals(found.many, "pages (0, 1, 2, 3, 4, 5, 6, 7 and 92 more)");
  assert(found.long.length < 600 && found.long.endsWith("word ... and more (--json has all of it)"));
  assertEquals([found.nothing, found.bytes, found.interp], [undefined, "no bytes", "path Symbol(x)"]);
});

Deno.test("a result that holds itself, a date and a number that is not finite are in the report and in JSON", () => {
  const found: Record<string, unknown> = { at: new Date(0), ratio: NaN };
  found.self = found;
  found.list = [found, new Map([["inner", found]])];
  assertEquals(describeResults({ mine: found, date: new Date(0) }), [
    ["mine", "at 1970-01-01T00:00:00.000Z, ratio NaN, self [circular], list 2 items"],
    ["date", "1970-01-01T00:00:00.000Z"],
  ]);
  assertEquals(JSON.parse(versionedJson({ mine: found, twice: [SHARED, SHARED] })), {
    version: 1,
    mine: {
      at: "1970-01-01T00:00:00.000Z",
      ratio: "NaN",
      self: "[circular]",
      list: ["[circular]", { inner: "[circular]" }],
    },
    twice: [{ d: "0x1" }, { d: "0x1" }],
  });
});

const boo = (): never => {
  throw new Error("boo\x1b");
};

/** Results whose code throws, and what stands in for them. */
const THROWING: readonly (readonly [string, unknown, string, unknown])[] = [
  [
    "a getter",
    {
      get at() {
        return boo();
      },
    },
    "[throws: boo\\u001b]",
    "[throws: boo\x1b]",
  ],
  ["toJSON", { when: { toJSON: boo }, size: 3 }, "when ([throws: boo\\u001b]), size 3", {
    when: "[throws: boo\x1b]",
    size: 3,
  }],
  [
    "a proxy",
    { it: new Proxy({}, { get: boo, has: boo, ownKeys: boo, getPrototypeOf: boo }) },
    "it ([throws: boo\\u001b])",
    {
      it: "[throws: boo\x1b]",
    },
  ],
  ["an iterator", [{ [Symbol.iterator]: boo }], "([throws: boo\\u001b])", [{}]],
  ["a function", { find: new Proxy(() => 1, { get: boo }), size: 3 }, "size 3", { size: 3 }],
  [
    "what is thrown",
    {
      toJSON: () => {
        throw { toString: boo };
      },
    },
    "[throws: an unreadable error]",
    "[throws: an unreadable error]",
  ],
];

for (const [what, result, text, json] of THROWING) {
  Deno.test(`a result in which ${what} throws is in the report and in JSON, with the message`, () => {
    assertEquals(describeResults({ mine: result }), [["mine", text]]);
    assertEquals(JSON.parse(versionedJson({ mine: result, other: 1 })), { version: 1, mine: json, other: 1 });
  });
}
