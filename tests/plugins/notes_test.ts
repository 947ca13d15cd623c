import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { LoadError, loadKernel } from "../../mod.ts";
import { PT_NOTE } from "../../core/elf/constants.ts";
import { notes } from "../../plugins/notes.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { GCC_TOOLS, withProgram } from "./gcc.ts";
import { note, words } from "./note_bytes.ts";

const TEXT: SegmentSpec = { filesz: 16 };

function segment(data: Uint8Array, spec: SegmentSpec = {}): SegmentSpec {
  return { p_type: PT_NOTE, offset: 0x2000, p_vaddr: 0n, p_memsz: 0n, p_align: 4n, data, ...spec };
}

async function load(...segments: readonly SegmentSpec[]) {
  const kernel = await loadKernel(buildElf({ segments: [TEXT, ...segments] }), { plugins: [notes()] });
  const found = kernel.results.notes;
  assert(found);
  return { found, diagnostics: kernel.diagnostics };
}

Deno.test("notes reads the build-id in hex, also outside every PT_LOAD", async () => {
  const { found, diagnostics } = await load(segment(note({ owner: "GNU", type: 3, desc: words(0x04030201, 0xff) })));
  assertEquals(found.buildId, "01020304ff000000");
  assertEquals(found.notes, [{
    index: 1,
    fileOffset: 0x2000,
    owner: "GNU",
    type: 3,
    alignment: 4,
    descriptorOffset: 0x2010,
    descriptor: words(0x04030201, 0xff),
    name: "NT_GNU_BUILD_ID",
    value: "01020304ff000000",
  }]);
  assertEquals(diagnostics, []);
});

Deno.test("notes reads every Xen note by its name", async () => {
  // Xen, public/elfnote.h
  const text = new TextEncoder();
  const cases = [
    [0, "INFO", text.encode("a=b\0"), "a=b"],
    [1, "ENTRY", words(0x81000000, 0xffffffff), 0xffffffff81000000n],
    [2, "HYPERCALL_PAGE", words(0x1000), 0x1000n],
    [3, "VIRT_BASE", words(0x80000000, 0xffffffff), 0xffffffff80000000n],
    [4, "PADDR_OFFSET", words(0, 0), 0n],
    [5, "XEN_VERSION", text.encode("xen-3.0\0"), "xen-3.0"],
    [6, "GUEST_OS", text.encode("osv"), "osv"],
    [7, "GUEST_VERSION", text.encode("2.6\0"), "2.6"],
    [8, "LOADER", text.encode("generic\0"), "generic"],
    [9, "PAE_MODE", text.encode("yes\0"), "yes"],
    [
      10,
      "FEATURES",
      text.encode("!writable_page_tables|pae_pgdir_above_4gb\0"),
      "!writable_page_tables|pae_pgdir_above_4gb",
    ],
    [11, "BSD_SYMTAB", text.encode("yes\0"), "yes"],
    [18, "PHYS32_ENTRY", words(0x1000200), 0x1000200],
    [19, "PHYS32_RELOC", words(0x1000, 0x100000, 0x3fffffff), { align: 0x1000, min: 0x100000, max: 0x3fffffff }],
  ] as const;
  const { found, diagnostics } = await load(
    segment(concat(cases.map(([type, , desc]) => note({ owner: "Xen", type, desc })))),
  );
  assertEquals(
    found.notes.map(({ type, name, value }) => [type, name, value]),
    cases.map(([type, name, , value]) => [type, `XEN_ELFNOTE_${name}`, value]),
  );
  assertEquals([found.pvhEntry, found.pvhReloc], [0x1000200, { align: 0x1000, min: 0x100000, max: 0x3fffffff }]);
  assertEquals(diagnostics, []);
});

Deno.test("notes takes a PVH entry point of eight bytes, and the defaults of the relocation note", async () => {
  const { found } = await load(segment(concat([
    note({ owner: "Xen", type: 18, desc: words(0x1000200, 0) }),
    note({ owner: "Xen", type: 19 }),
  ])));
  assertEquals(found.pvhEntry, 0x1000200);
  assertEquals(found.pvhReloc, { align: 0x200000, min: 0, max: 0xffffffff });
});

Deno.test("notes reports a descriptor that is not valid for its type, and reads on", async () => {
  const cases = [
    [{ owner: "Xen", type: 18, desc: words(0, 1) }, "8 bytes is not valid for its type (XEN_ELFNOTE_PHYS32_ENTRY)"],
    [{ owner: "Xen", type: 1, desc: new Uint8Array(3) }, "3 bytes is not valid for its type (XEN_ELFNOTE_ENTRY)"],
    [
      { owner: "Xen", type: 19, desc: new Uint8Array(6) },
      "6 bytes is not valid for its type (XEN_ELFNOTE_PHYS32_RELOC)",
    ],
    [{ owner: "GNU", type: 3 }, "0 bytes is not valid for its type (NT_GNU_BUILD_ID)"],
  ] as const;
  for (const [spec, text] of cases) {
    const { found, diagnostics } = await load(
      segment(concat([note(spec), note({ owner: "Xen", type: 2, desc: words(7) })])),
    );
    assertEquals(found.notes.map(({ value }) => value), [undefined, 7n]);
    assertEquals(diagnostics.map(({ code, severity, index }) => [code, severity, index]), [
      ["note-malformed", "warning", 1],
    ]);
    assertMatch(diagnostics[0].message, /^The note at file offset 0x2010 is malformed/);
    assert(diagnostics[0].message.includes(text), diagnostics[0].message);
  }
});

Deno.test("notes reports a malformed note with its file offset, and goes on with the next header", async () => {
  const bad = concat([note({ owner: "Xen", type: 1, desc: words(1) }), words(0xffff, 0, 0)]);
  const good = segment(note({ owner: "Xen", type: 18, desc: words(9) }), { offset: 0x3000 });
  const { found, diagnostics } = await load(segment(bad), good);
  assertEquals(found.notes.map(({ index, type }) => [index, type]), [[1, 1], [2, 18]]);
  assertEquals(found.pvhEntry, 9);
  assertEquals(diagnostics.map(({ code }) => code), ["note-malformed"]);
  assertMatch(
    diagnostics[0].message,
    /^The note at file offset 0x2014 is malformed: its name of 65535/,
  );
});

Deno.test("notes takes the first build-id and entry of several headers", async () => {
  const one = (id: number) =>
    concat([note({ owner: "GNU", type: 3, desc: words(id) }), note({ owner: "Xen", type: 18, desc: words(id) })]);
  const { found } = await load(segment(one(1)), segment(one(2), { offset: 0x3000 }));
  assertEquals([found.buildId, found.pvhEntry, found.notes.length], ["01000000", 1, 4]);
});

Deno.test("notes reports malformed properties by their file offset", async () => {
  const desc = words(0xc0000002, 4, 3, 0, 0xc0008002, 99, 0, 0);
  const { found, diagnostics } = await load(segment(note({ owner: "GNU", type: 5, desc, align: 8 }), { p_align: 8n }));
  assertEquals([found.properties?.ibt, found.properties?.shstk], [true, true]);
  assertEquals(diagnostics.map(({ code }) => code), ["note-malformed"]);
  assertMatch(diagnostics[0].message, /at file offset 0x2020 is malformed: a property's data of 99 bytes/);
});

Deno.test("notes finds the PVH entry behind notes of 4 bytes where p_align is 8, and says so", async () => {
  const data = concat([
    note({ owner: "Xen", type: 6, desc: new TextEncoder().encode("osv\0") }),
    note({ owner: "Xen", type: 18, desc: words(0x1000) }),
  ]);
  const { found, diagnostics } = await load(segment(data, { p_align: 8n }));
  assertEquals(found.pvhEntry, 0x1000);
  assertEquals(diagnostics.map(({ code, severity, index }) => [code, severity, index]), [[
    "note-alignment",
    "info",
    1,
  ]]);
  assertMatch(diagnostics[0].message, /p_align is 8, but some notes are aligned to 4 bytes/);
});

Deno.test("notes hands notes of their own to the caller's readers", async () => {
  const reader = {
    owner: "Example",
    type: 7,
    name: "EXAMPLE_LEVEL",
    read: (desc: Uint8Array) => desc.length === 1 ? { level: desc[0] } : undefined,
  };
  const data = concat([
    note({ owner: "Example", type: 7, desc: new Uint8Array([42]) }),
    note({ owner: "Example", type: 8, desc: new Uint8Array([42]) }),
    note({ owner: "Example", type: 7 }),
  ]);
  const plugins = [notes({ readers: [reader] })] as const;
  const kernel = await loadKernel(buildElf({ segments: [TEXT, segment(data)] }), { plugins });
  const found = kernel.results.notes?.notes ?? [];
  const value: { level: number } | string | bigint | number | object | undefined = found[0].value;
  assertEquals(value, { level: 42 });
  assertEquals(found.map(({ name }) => name), ["EXAMPLE_LEVEL", undefined, "EXAMPLE_LEVEL"]);
  assertEquals(found.slice(1).map(({ value }) => value), [undefined, undefined]);
  assertEquals(kernel.diagnostics.map(({ code }) => code), ["note-malformed"]);
});

Deno.test("notes names itself where a reader of the caller's throws", async () => {
  const read = () => {
    throw new Error("a fault of the caller's");
  };
  const plugins = [notes({ readers: [{ owner: "Example", type: 1, read }] })];
  const file = buildElf({ segments: [TEXT, segment(note({ owner: "Example", type: 1 }))] });
  const error = await assertRejects(() => loadKernel(file, { plugins }), LoadError);
  assertEquals([error.code, error.detail], ["plugin-failed", { index: 1, field: "plugin", value: "notes" }]);
});

Deno.test("notes refuses two readers for the same notes, and readers that are none", () => {
  const read = () => 1;
  assertThrows(() => notes({ readers: [{ owner: "GNU", type: 3, read }] }), TypeError, 'owner "GNU" and type 3');
  const twice = { owner: "Example", type: 1, read };
  assertThrows(() => notes({ readers: [twice, twice] }), TypeError, 'owner "Example" and type 1');
  assertThrows(() => notes({ readers: [{ owner: "Example" } as never] }), TypeError, "it needs an owner, a type, and");
});

Deno.test("notes reads the first 64 KiB of notes and says that there are more", async () => {
  const one = note({ owner: "Example", type: 1, desc: new Uint8Array(4096 - 20).fill(1) });
  const data = concat(Array.from({ length: 10 }, () => one));
  const { found, diagnostics } = await load(segment(data), segment(data), segment(data));
  assertEquals([found.notes.length, found.bytesRead], [16, 2 ** 16]);
  assertEquals(diagnostics.map(({ code, index }) => [code, index]), [["notes-left-out", 2]]);
});

const XEN = `
.macro xen type, text:vararg
  .long 2f-1f, 4f-3f, \\type
1: .asciz "Xen"
2: .balign ALIGN
3: \\text
4: .balign ALIGN
.endm
.section .note.Xen, "a", @note
.balign ALIGN
  xen 6, .asciz "kload"
  xen 5, .asciz "xen-3.0"
  xen 18, .long 0x1000200
  xen 1, .quad 0xffffffff81000000
.section .note.GNU-stack, "", @progbits
`;

interface Printed {
  readonly owner: string;
  readonly size: number;
  readonly rest: string;
}

/** The rows of `readelf -nW`: owner, size in hex, and what it makes of the note. */
function printedNotes(text: string): readonly Printed[] {
  return [...text.matchAll(/^ {2}(\S+) +0x([0-9a-f]{8})\t(.*)$/gm)].map(([, owner, size, rest]) => {
    return { owner, size: parseInt(size, 16), rest };
  });
}

/** The type of a note that readelf does not know, and its descriptor. */
function parsedUnknown(rest: string): readonly [number, string] | undefined {
  const found = /Unknown note type: \(0x([0-9a-f]+)\)\s+description data: ([0-9a-f ]+)/.exec(rest);
  return found ? [parseInt(found[1], 16), found[2].trim()] : undefined;
}

for (const align of [4, 8]) {
  for (const place of ["-static", "-static-pie"]) {
    const name = `notes of gcc ${place} aligned to ${align} bytes are those of readelf -n`;
    testWithTools(GCC_TOOLS, name, async () => {
      const flags = [place, "-fPIE", `-DALIGN=${align}`, "-fcf-protection=full"];
      const link = "-Wl,--build-id=sha1,-z,ibt,-z,shstk,-z,x86-64-v3,-z,stack-size=0x100000";
      await withProgram({ asm: XEN, flags: [...flags, link] }, async (path) => {
        const printed = printedNotes(await runTool("readelf", ["-nW", path]));
        const { results, diagnostics } = await loadKernel(await Deno.readFile(path), { plugins: [notes()] });
        const found = results.notes;
        assert(found);
        assertEquals(diagnostics.filter(({ code }) => code.startsWith("note")), []);
        assertEquals(
          found.notes.map(({ owner, descriptor }) => [owner, descriptor.length]).toSorted(),
          printed.map(({ owner, size }) => [owner, size]).toSorted(),
        );
        assertEquals(
          found.notes.filter(({ owner }) => owner === "Xen").map((xen) => xen.alignment),
          Array(4).fill(align),
        );
        for (const [type, data] of printed.flatMap(({ rest }) => parsedUnknown(rest) ? [parsedUnknown(rest)!] : [])) {
          const xen = found.notes.find((one) => one.owner === "Xen" && one.type === type);
          assertEquals(Array.from(xen?.descriptor ?? [], (b) => b.toString(16).padStart(2, "0")).join(" "), data);
        }
        const all = printed.map(({ rest }) => rest).join("\n");
        assertEquals(found.buildId, /Build ID: ([0-9a-f]+)/.exec(all)?.[1]);
        assert(all.includes("stack size: 0x100000, x86 feature: IBT, SHSTK, x86 ISA needed: x86-64-v3"), all);
        const { ibt, shstk, isaNeeded, stackSize } = found.properties ?? {};
        assertEquals([ibt, shstk, isaNeeded, stackSize], [true, true, "x86-64-v3", 0x100000n]);
        assertEquals(found.pvhEntry, 0x1000200);
      });
    });
  }
}

testWithTools(GCC_TOOLS, "notes that a linker script puts into one segment are all found", async () => {
  const script = `
    PHDRS { text PT_LOAD; note PT_NOTE; }
    SECTIONS {
      . = 0x100000;
      .notes : { *(.note.gnu.property) *(.note.Xen) *(.note.gnu.build-id) } :text :note
      .text : { *(.text*) } :text
      .data : { *(.data*) *(.bss*) } :text
      /DISCARD/ : { *(.eh_frame*) *(.comment) }
    }`;
  const flags = [
    "-static",
    "-fno-pie",
    "-DALIGN=4",
    "-fcf-protection=full",
    "-Wl,--build-id=sha1,-z,ibt,--no-warn-rwx-segments",
  ];
  await withProgram({ asm: XEN, script, flags }, async (path) => {
    const header = /NOTE +0x\w+ 0x\w+ 0x\w+ 0x\w+ 0x\w+ R\s+E? +(0x\w+)/.exec(await runTool("readelf", ["-lW", path]));
    assertEquals(header?.[1], "0x8");
    const { results, diagnostics } = await loadKernel(await Deno.readFile(path), { plugins: [notes()] });
    const found = results.notes?.notes.map(({ owner, type }) => [owner, type]);
    assertEquals(found, [["GNU", 5], ["Xen", 6], ["Xen", 5], ["Xen", 18], ["Xen", 1], ["GNU", 3]]);
    assertEquals(results.notes?.pvhEntry, 0x1000200);
    assertEquals(diagnostics.filter(({ code }) => code.startsWith("note")).map(({ code }) => code), ["note-alignment"]);
  });
});
