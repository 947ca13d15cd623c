/** Every code of a LoadError is documented, and here is what gives it. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import {
  type AnyPlugin,
  ascendingFrames,
  type ErrorCode,
  errorHint,
  LoadError,
  loadKernel,
  type LoadOptions,
  physicalMemory,
} from "../../mod.ts";
import { amended, ERROR_CODES } from "../../core/errors.ts";
import { usedLevel4Entries } from "../../core/paging/mod.ts";
import { LOAD_DIAGNOSTICS } from "../../core/stages/load_diagnostics.ts";
import { ET_DYN, PT_DYNAMIC, PT_SHLIB, PT_TLS } from "../../core/elf/constants.ts";
import { addContextSwitch } from "../../boot/context_switch.ts";
import { addRamdisk } from "../../boot/ramdisk.ts";
import { pluginDiagnostics } from "../../plugins/presets.ts";
import { relocate } from "../../plugins/relocate.ts";
import { buildElf, type ElfSpec, type SegmentSpec, writeFileHeader } from "../elf_builder.ts";

const TEXT: SegmentSpec = { offset: 0x1000, filesz: 0x200 };
const load = (spec: ElfSpec, options?: LoadOptions<readonly AnyPlugin[]>) => loadKernel(buildElf(spec), options);
const loadHeader = (header: ElfSpec["header"]) => load({ header, segments: [TEXT] });
const loadSegment = (segment: SegmentSpec, options?: LoadOptions<readonly AnyPlugin[]>) =>
  load({ segments: [segment] }, options);
const ORIGINAL: LoadOptions = { rules: "bootloader-0.10" };

async function breakTables(): Promise<unknown> {
  const { memory, pageTable, level4Frame } = await loadSegment(TEXT);
  memory.bytes(level4Frame, 8).set([1, 0, 0, 0, 0xff, 0xff, 0xf, 0]);
  return pageTable.translate(0x40_0000n);
}

async function exhaustFrames(): Promise<unknown> {
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(0x1_0000) });
  const frames = ascendingFrames({ start: 0x8000, end: 0x9000 });
  return await loadSegment(TEXT, { memory, kernelOffset: 0x1000, frames });
}

function withoutTable(): Uint8Array {
  const file = buildElf({ segments: [TEXT] });
  writeFileHeader(file, { e_phoff: 0n, e_phnum: 1 });
  return file;
}

function misalignedTable(): Uint8Array {
  return buildElf({ header: { e_phoff: 68n }, segments: [TEXT], length: 0x2000 });
}

/** A position-independent kernel with this dynamic table, and one relocation at 0x1100. */
function withDynamic(tags: readonly bigint[], relocation: readonly bigint[] = []): Uint8Array {
  const data = new Uint8Array(0x200);
  data.set(new Uint8Array(new BigUint64Array(tags).buffer));
  data.set(new Uint8Array(new BigUint64Array(relocation).buffer), 0x100);
  const text = { offset: 0x1000, p_vaddr: 0x1000n, data, p_flags: 7 };
  const dynamic = { p_type: PT_DYNAMIC, offset: 0x1000, p_vaddr: 0x1000n, filesz: 0x80, p_align: 8n };
  return buildElf({ header: { e_type: ET_DYN, e_entry: 0x1000n }, segments: [text, dynamic] });
}

function withRelocation(info: bigint, place: bigint): Uint8Array {
  return withDynamic([7n, 0x1100n, 8n, 24n, 9n, 24n, 0n, 0n], [place, info, 0n]);
}

const failingPlugin: AnyPlugin = {
  name: "failing",
  handlers: [{
    type: 1,
    phase: "seal",
    handle: () => {
      throw new Error("out of coffee");
    },
  }],
};

function failingStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: () => Promise.reject(new Error("the disk is on fire")) });
}

async function unusableFrame(): Promise<unknown> {
  const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(0x1_0000) });
  const frames = { allocateFrame: () => 0x800, nextFrame: 0, framesAllocated: 0 };
  return await loadSegment(TEXT, { memory, kernelOffset: 0x1000, frames });
}

async function mapRecursive(): Promise<unknown> {
  const { memory, pageTable, level4Frame } = await loadSegment(TEXT);
  new DataView(memory.buffer).setBigUint64(level4Frame + 511 * 8, BigInt(level4Frame) | 3n, true);
  return pageTable.mapTo(0xffff_ff80_0000_0000n, 0, 1n);
}

async function readDevice(): Promise<unknown> {
  const { pageTable, read } = await loadSegment(TEXT);
  pageTable.mapTo(0x10_0000n, 0xb_8000_0000, 1n);
  return read(0x10_0000n, 2);
}

const PRODUCERS: { readonly [C in ErrorCode]: () => unknown } = {
  "file-too-short": () => loadKernel(new Uint8Array(3)),
  "not-elf": () => loadKernel(new Uint8Array(64)),
  "class-unsupported": () => loadHeader({ EI_CLASS: 1 }),
  "data-encoding-unsupported": () => loadHeader({ EI_DATA: 2 }),
  "version-unsupported": () => loadHeader({ EI_VERSION: 0 }),
  "type-unsupported": () => loadHeader({ e_type: 1 }),
  "machine-unsupported": () => loadHeader({ e_machine: 183 }),
  "record-size-mismatch": () => loadHeader({ e_phentsize: 64 }),
  "program-headers-missing": () => loadKernel(withoutTable()),
  "program-header-count-extended": () => loadHeader({ e_phnum: 0xffff }),
  "program-headers-out-of-file": () => loadKernel(buildElf({ segments: [TEXT] }).subarray(0, 100)),
  "section-headers-out-of-file": () => load({ header: { e_shoff: 1n << 63n }, segments: [TEXT] }, ORIGINAL),
  "segment-out-of-file": () => load({ segments: [TEXT], length: 0x1100 }),
  "segment-type-refused": () => loadSegment({ ...TEXT, p_type: PT_SHLIB }),
  "alignment-invalid": () => loadSegment({ ...TEXT, p_align: 3n }),
  "alignment-mismatch": () => load({ segments: [{ ...TEXT, p_align: 0x20_0000n }], length: 0x2000 }, ORIGINAL),
  "filesz-exceeds-memsz": () => loadSegment({ ...TEXT, p_memsz: 1n }),
  "address-not-canonical": () => loadSegment({ ...TEXT, p_vaddr: 1n << 47n }),
  "address-overflow": () => loadSegment({ ...TEXT, p_vaddr: (1n << 64n) - 0x1000n, p_memsz: 0x2000n }),
  "segments-overlap": () => load({ segments: [TEXT, TEXT] }),
  "no-load-segment": () => load({}),
  "tls-repeated": () => load({ segments: [TEXT, { ...TEXT, p_type: PT_TLS }, { ...TEXT, p_type: PT_TLS }] }),
  "kernel-base-refused": () => loadSegment(TEXT, { kernelBase: 0x1000n }),
  "kernel-base-misaligned": () => load({ header: { e_type: ET_DYN }, segments: [TEXT] }, { kernelBase: 1n }),
  "memory-limit-exceeded": () => loadSegment({ ...TEXT, p_memsz: 1n << 46n }),
  "memory-too-small": () => loadSegment(TEXT, { memory: { size: 0x10_0000 } }),
  "frames-exhausted": exhaustFrames,
  "page-already-mapped": () => load({ segments: [TEXT, TEXT], length: 0x2000 }, ORIGINAL),
  "frame-unusable": unusableFrame,
  "range-recursive": mapRecursive,
  "frame-out-of-memory": readDevice,
  "range-in-use": async () => addRamdisk(await loadSegment(TEXT), { phys: 0x20_1000, size: 0x1000 }),
  "not-bootable": async () => {
    const memory = physicalMemory({ base: 2 ** 32, buffer: new ArrayBuffer(0x40_0000) });
    return addContextSwitch(await loadSegment(TEXT, { memory }));
  },
  "page-not-mapped": async () => (await loadSegment(TEXT)).read(0x1234n, 1),
  "table-out-of-memory": breakTables,
  "level4-exhausted": () => usedLevel4Entries(Array.from({ length: 512 }, (_, index) => index)).getFreeEntry(),
  "program-headers-misaligned": () => loadKernel(misalignedTable(), { rules: "bootloader-0.11" }),
  "dynamic-malformed": () => loadKernel(withDynamic([7n, 0n]), { plugins: [relocate()] }),
  "relocation-unsupported": () => loadKernel(withRelocation(18n, 0x1000n), { plugins: [relocate()] }),
  "relocation-out-of-segment": () => loadKernel(withRelocation(8n, 0x9000n), { plugins: [relocate()] }),
  "symbol-undefined": () => loadKernel(withRelocation((3n << 32n) | 1n, 0x1000n), { plugins: [relocate()] }),
  "plugin-failed": () => loadSegment({ ...TEXT, p_flags: 7 }, { plugins: [failingPlugin] }),
  "source-failed": () => loadKernel(failingStream()),
  "response-not-ok": () => loadKernel(new Response("no such kernel", { status: 404, statusText: "Not Found" })),
};

Deno.test("every code is given by what it stands for, with a message that names field and value", async (t) => {
  for (const code of ERROR_CODES) {
    await t.step(code, async () => {
      const error = await (async () => await PRODUCERS[code]())().then(() => undefined, (reason: unknown) => reason);
      assertInstanceOf(error, LoadError);
      assertEquals(error.code, code, error.message);
      const { field, value, index } = error.detail;
      assertMatch(error.message, /^Cannot [a-z]+ /);
      const names = [field, typeof value === "string" ? value : `0x${value.toString(16)}`, `${value}`];
      // How far a source was read is said in a sentence.
      assert(error.message.includes(field) || code === "source-failed", error.message);
      assert(names.slice(1).some((name) => error.message.includes(name)), error.message);
      if (index !== undefined) assert(error.message.includes(`program header ${index}`), error.message);
    });
  }
});

Deno.test("a load error keeps the error of the source as its cause", async () => {
  const error = await loadKernel(failingStream()).then(() => undefined, (reason: unknown) => reason);
  assertInstanceOf(error, LoadError);
  assertInstanceOf(error.cause, Error);
  assertEquals(error.cause.message, "the disk is on fire");
  assertMatch(error.message, /^Cannot read the source: it failed after [0-9,]+ bytes: the disk is on fire$/);
});

Deno.test("what was reported before a refusal is in the error's diagnostics", async () => {
  const unknown = { p_type: 8, p_vaddr: 0n, filesz: 0x10, p_align: 1n };
  const load = () => loadKernel(buildElf({ segments: [unknown, TEXT, TEXT] }));
  const error = await assertRejects(load, LoadError);
  assertEquals(error.code, "segments-overlap");
  assertEquals(error.diagnostics.map(({ code, index }) => [code, index]), [["segment-type-unknown", 0]]);
  assert(Object.isFrozen(error.diagnostics));
  assertEquals((await assertRejects(() => loadKernel(new Uint8Array(64)), LoadError)).diagnostics, []);
});

Deno.test("instanceof recognises load errors of another copy of the module, and nothing else", async () => {
  const copy: typeof import("../../core/errors.ts") = await import(
    new URL("../../core/errors.ts?copy", import.meta.url).href
  );
  assert(copy.LoadError !== LoadError);
  const error = new copy.LoadError("not-elf", { field: "its magic number", value: 0 });
  assert(error instanceof LoadError && error instanceof copy.LoadError && error instanceof Error);
  assert(new LoadError("not-elf", { field: "its magic number", value: 0 }) instanceof copy.LoadError);
  const others = [new Error("no"), { ...new Error("no"), name: "LoadError" }, { code: "not-elf", detail: {} }, null, 1];
  for (const other of others) assert(!(other instanceof LoadError));
  class Own extends LoadError {}
  assert(!(error instanceof Own) && new Own("not-elf", error.detail) instanceof LoadError);
});

Deno.test("a plugin's load error of another copy of the module passes through a load as one", async () => {
  const copy: typeof import("../../core/errors.ts") = await import(
    new URL("../../core/errors.ts?copy", import.meta.url).href
  );
  const handle = () => {
    throw new copy.LoadError("dynamic-malformed", { field: "DT_MINE", value: 7n });
  };
  const plugin: AnyPlugin = { name: "mine", handlers: [{ type: 1, handle }] };
  const error = await assertRejects(() => loadSegment(TEXT, { plugins: [plugin] }), LoadError);
  assertEquals([error.code, error.detail], ["dynamic-malformed", { field: "DT_MINE", value: 7n, index: 0 }]);
});

const INCOMPLETE: readonly object[] = [
  { code: "alignment-invalid", detail: null },
  { code: "segment-out-of-file", detail: {} },
  { code: "page-already-mapped", detail: {} },
  { code: "of-another-version", detail: null },
];

for (const incomplete of INCOMPLETE) {
  Deno.test(`a plugin's load error with an incomplete detail stays as it is: ${JSON.stringify(incomplete)}`, async () => {
    const thrown = { name: "LoadError", message: "no", ...incomplete };
    const handle = () => {
      throw thrown;
    };
    const plugin: AnyPlugin = { name: "mine", handlers: [{ type: 1, handle }] };
    const error = await loadSegment(TEXT, { plugins: [plugin] }).catch((error) => error);
    assert(error === thrown, String(error));
  });
}

Deno.test("hints go by the case at hand", async () => {
  const hintOf = async (work: Promise<unknown>) => {
    const error = await assertRejects(() => work, LoadError);
    return [error.message, errorHint(error.code, error.detail)];
  };
  const atEnd = buildElf({ segments: [TEXT] });
  for (const rules of ["bootloader-0.10", "bootloader-0.11"] as const) {
    assertEquals(await hintOf(loadKernel(atEnd, { rules })), [
      "Cannot read the segment of program header 0: p_offset + p_filesz is 0x1200, " +
      "exactly the end of the file, which these rules refuse",
      "Append a byte to the file, for example with truncate -s +1.",
    ]);
    await loadKernel(new Uint8Array([...atEnd, 0]), { rules });
  }
  assertEquals(await hintOf(loadKernel(atEnd.subarray(0, 0x1100), ORIGINAL)), [
    "Cannot read the segment of program header 0: p_offset + p_filesz is 0x1200, past the end of the file (0x1100)",
    errorHint("segment-out-of-file"),
  ]);
  const align = async (p_align: bigint) => {
    return await hintOf(loadKernel(buildElf({ segments: [{ ...TEXT, p_align }], length: 0x2000 }), ORIGINAL));
  };
  assertEquals((await align(0x20_0000n))[1], errorHint("alignment-mismatch"));
  assertStringIncludes((await align(7n))[1], "p_align must be 0 or a power of two");
  const fileClass = async (EI_CLASS: number) => {
    const error = new LoadError("class-unsupported", { field: "EI_CLASS", value: EI_CLASS });
    return await hintOf(Promise.reject(error));
  };
  assertEquals((await fileClass(1))[1], errorHint("class-unsupported"));
  assertStringIncludes((await fileClass(3))[1], "The header is damaged");
});

Deno.test("source-failed says after how many bytes, and why if the cause says so", () => {
  const messageFor = (value: number, cause?: unknown) => {
    return new LoadError("source-failed", { field: "the number of bytes read", value }, { cause }).message;
  };
  const failed = "Cannot read the source: it failed after";
  assertEquals(messageFor(5423, new Error("no carrier")), `${failed} 5,423 bytes: no carrier`);
  assertEquals(messageFor(1, "no carrier"), `${failed} 1 byte`);
  assertEquals(messageFor(0, new Error()), `${failed} 0 bytes`);
});

Deno.test("no hint says that a file loads by other rules", () => {
  for (const hint of ERROR_CODES.map((code) => errorHint(code))) assert(!/rules load/.test(hint), hint);
});

Deno.test("amended() keeps code, cause and the frames of the stack, and composes the message anew", () => {
  const cause = new Error("why");
  const error = new LoadError("page-not-mapped", { field: "address", value: 0x1000n }, { cause });
  const more = amended(error, { detail: { index: 3 } });
  assertEquals([more.code, more.detail], ["page-not-mapped", { field: "address", value: 0x1000n, index: 3 }]);
  assertEquals(more.message, "Cannot use address 0x1000 of program header 3: it is not mapped");
  assertStrictEquals(more.cause, cause);
  const framesOf = ({ stack = "" }: Error) => stack.slice(stack.indexOf("\n    at "));
  assertEquals(framesOf(more), framesOf(error));
  assert(more.stack?.startsWith(`LoadError: ${more.message}\n    at `), more.stack);
  assert(!("cause" in amended(new LoadError("not-elf", { field: "x", value: 1 }), {})));
  const diagnostic = { code: "mine", severity: "info", addresses: [], message: "M." } as const;
  assertEquals(amended(amended(error, { diagnostics: [diagnostic] }), {}).diagnostics, [diagnostic]);
});

Deno.test("a load error keeps the error of the source as its cause", async () => {
  const error = await loadKernel(failingStream()).then(() => undefined, (reason: unknown) => reason);
  assertInstanceOf(error, LoadError);
  assertInstanceOf(error.cause, Error);
  assertEquals(error.cause.message, "the disk is on fire");
});

Deno.test("a message is true where the value is at the limit, or below it", () => {
  const field = "p_offset + p_filesz";
  const atEnd = new LoadError("segment-out-of-file", { index: 1, field, value: 0x1000n, limit: 0x1000 });
  assert(atEnd.message.endsWith("is 0x1000, exactly the end of the file, which these rules refuse"), atEnd.message);
  const place = { field: "the size of the memory", value: 0x1000, limit: 0x2000 };
  const failed = new LoadError("memory-limit-exceeded", place);
  assertEquals(failed.message, "Cannot load the file: the size of the memory is 0x1000, which could not be allocated");
});

/** The rows of a table in the documentation, each as its cells. */
function documented(heading: string): readonly (readonly string[])[] {
  const text = Deno.readTextFileSync(new URL("../../docs/errors.md", import.meta.url));
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  return rows.map((row) => {
    const cells = row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("\\|", "|"));
    return [cells[0].replaceAll("`", ""), ...cells.slice(1)];
  });
}

Deno.test("the documentation has a row for every code, with the same advice", () => {
  const rows = documented("Errors").map(([code, , advice]) => [code, advice]);
  assertEquals(rows, ERROR_CODES.map((code) => [code, errorHint(code)]));
});

Deno.test("the documentation has a row for every diagnostic, with who reports it and the same advice", () => {
  const rows = documented("Diagnostics").map(([code, plugin, , advice]) => [code, plugin, advice]);
  const kinds = Object.entries({ "": LOAD_DIAGNOSTICS, ...pluginDiagnostics });
  const expected = kinds.flatMap(([plugin, kinds]) => {
    return Object.entries(kinds).map(([code, { hint = "" }]) => [code, plugin, hint]);
  });
  assertEquals(rows, expected);
});

Deno.test("no two plugins report the same code", () => {
  const codes = Object.values({ "": LOAD_DIAGNOSTICS, ...pluginDiagnostics }).flatMap((kinds) => Object.keys(kinds));
  assertEquals(codes.length, new Set(codes).size);
});

Deno.test("no diagnostic's message names the program header that its index names", () => {
  const faults: string[] = [];
  const search = (folder: URL): void => {
    for (const entry of Deno.readDirSync(folder)) {
      const path = new URL(entry.name + (entry.isDirectory ? "/" : ""), folder);
      if (entry.isDirectory) search(path);
      else if (Deno.readTextFileSync(path).includes("`Program header ${")) faults.push(path.pathname);
    }
  };
  for (const folder of ["core/", "plugins/"]) search(new URL(`../../${folder}`, import.meta.url));
  assertEquals(faults, []);
});

Deno.test("a message speaks of 1 byte, and of 0 or 2 bytes", async () => {
  const length = async (size: number) => {
    return (await assertRejects(() => loadKernel(new Uint8Array(size)), LoadError)).message;
  };
  assertStringIncludes(await length(1), "the file's length is 1 byte, but 64 are needed");
  assertStringIncludes(await length(0), "the file's length is 0 bytes, but 64 are needed");
  const e_phentsize = 1;
  const file = buildElf({ header: { e_phentsize }, segments: [{ filesz: 0x100 }] });
  const { message } = await assertRejects(() => loadKernel(file), LoadError);
  assertStringIncludes(message, "e_phentsize is 1 byte, but must be 56");
});
