/** Page tables in dumps: raw memory and ELF cores, read in parts, with their holes, and refused in clear words. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import fc from "fast-check";
import { readElfCore } from "../../../cli/input/foreign/elf_core.ts";
import { disjointRanges, filePages, type StoredRange } from "../../../cli/input/foreign/file_pages.ts";
import type { ForeignOptions, ForeignTables } from "../../../cli/input/foreign/foreign_tables.ts";
import { openForeignTables } from "../../../cli/input/foreign/open_foreign_tables.ts";
import { CliError } from "../../../cli/output/cli_error.ts";
import { listRuns } from "../../../explain/tables/list_runs.ts";
import { loadKernel } from "../../../mod.ts";
import { withFile, withFolder } from "../kload.ts";
import { coreFile, type CorePlan, registers } from "./core_file.ts";

const signal = new AbortController().signal;
const MIB = 2 ** 20;

async function hello() {
  const file = await Deno.readFile(new URL("../../../examples/hello/hello.elf", import.meta.url));
  const kernel = await loadKernel(file, { memory: { base: MIB } });
  const expected = [...kernel.mappings()].map((mapping) => ({ kind: "pages" as const, ...mapping }));
  return { kernel, memory: new Uint8Array(kernel.memory.buffer as ArrayBuffer), expected };
}

/** Opens a dump, uses it and closes it. */
async function withTables<T>(options: ForeignOptions, use: (tables: ForeignTables) => T): Promise<T> {
  const tables = await openForeignTables(options, signal);
  try {
    return use(tables);
  } finally {
    tables.close();
  }
}

Deno.test("the tables in a memory dump are those of the memory", async () => {
  const { kernel, memory, expected } = await hello();
  await withFile("memory.bin", memory, async (path) => {
    const options = { memory: path, base: MIB, cr3: kernel.level4Frame };
    await withTables(options, ({ tables, about }) => {
      assertEquals<unknown>([...listRuns(tables)], expected);
      assertEquals(about, {
        source: path,
        kind: "dump",
        cr3: kernel.level4Frame,
        cr3From: "flag",
        levels: 4,
        levelsFrom: "default",
        memory: [{ start: MIB, size: memory.length }],
      });
    });
    await withTables({ ...options, levels: 5 }, ({ tables, about }) => {
      assertEquals([tables.levels, about.levels, about.levelsFrom], [5, 5, "flag"]);
    });
  });
});

Deno.test("a dump of many gigabytes is read only where the tables are", async () => {
  const at = 700 * 2 ** 30;
  const entries = new BigUint64Array(4 * 512);
  for (const table of [0, 1, 2]) entries[table * 512 + 511] = BigInt(at + (table + 1) * 4096) | 3n;
  entries[3 * 512] = BigInt(at) | 1n;
  await withFolder(async (folder) => {
    const path = `${folder}/memory.bin`;
    using file = await Deno.open(path, { create: true, write: true });
    await file.truncate(at); // a hole, which takes no room
    await file.seek(at, Deno.SeekMode.Start);
    await file.write(new Uint8Array(entries.buffer));
    await withTables({ memory: path, cr3: at }, ({ tables }) => {
      const shown = Array.from(listRuns(tables), (item) => item.kind === "pages" && [item.virt, item.phys, item.size]);
      assertEquals(shown, [[0xffff_ffff_ffe0_0000n, at, 0x1000]]);
    });
  });
});

Deno.test("windows of a file are read once, and only those that are asked for", () => {
  const file = new Uint8Array(2 ** 20).map((_, at) => at >> 12);
  const reads: number[] = [];
  const pages = filePages((offset, buffer) => {
    reads.push(offset);
    const part = file.subarray(offset, offset + Math.min(buffer.length, 10_000)); // short reads are gone on with
    buffer.set(part);
    return part.length;
  }, [{ phys: 0x1000, size: 2 ** 20, offset: 0 }]);
  const words = pages.words(0x5000)!;
  assertEquals([words.length, words[0], words[1023]], [1024, 0x0404_0404, 0x0404_0404]);
  assert(reads.every((offset) => offset < 0x1_0000), `${reads}`);
  const before = reads.length;
  assertEquals(pages.bytes(0x6ffe, 2), Uint8Array.of(5, 5));
  assertEquals(pages.bytes(0x6ffe, 3), undefined); // not in one page
  assertEquals([pages.words(0), pages.bytes(2 ** 40, 1)], [undefined, undefined]);
  assertEquals(reads.length, before);
  assertEquals(pages.words(2 ** 20)?.[0], 0xffff_ffff); // the last page
  assertEquals(pages.words(2 ** 20 + 0x1000), undefined);
});

Deno.test("pages are whole or unknown, wherever ranges of a file meet, overlap and end", () => {
  const PAGE = 4096;
  const part = fc.record({ phys: fc.nat(6 * PAGE), size: fc.nat(4 * PAGE), offset: fc.nat(8 * PAGE) });
  const file = new Uint8Array(10 * PAGE).map((_, at) => (at * 31 + (at >> 8)) % 251);
  const readAt = (offset: number, buffer: Uint8Array): number => {
    const bytes = file.subarray(offset, offset + buffer.length);
    buffer.set(bytes);
    return bytes.length;
  };
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.constantFrom(0, 2 ** 16 - 3 * PAGE, 2 ** 40), (parts, base) => {
      const ranges: readonly StoredRange[] = parts.map(({ phys, ...range }) => ({ phys: base + phys, ...range }));
      const pages = filePages(readAt, disjointRanges(ranges));
      const sorted = [...ranges].filter(({ size }) => size > 0).sort((one, other) => one.phys - other.phys);
      for (let page = 0; page < 12; page++) {
        const frame = base + page * PAGE;
        // Byte by byte: the first range by address that has it.
        const bytes = Array.from({ length: PAGE }, (_, at) => {
          const range = sorted.find(({ phys, size }) => frame + at >= phys && frame + at < phys + size);
          return range && file[range.offset + frame + at - range.phys];
        });
        const expected = bytes.some((byte) => byte === undefined) ? undefined : Uint8Array.from(bytes as number[]);
        assertEquals(pages.bytes(frame, PAGE), expected);
        const words = pages.words(frame);
        assertEquals(words && new Uint8Array(words.slice().buffer), expected);
      }
    }),
    { numRuns: 150 },
  );
});

Deno.test("an ELF core says where its memory is, and where the tables start", async () => {
  const { kernel, memory, expected } = await hello();
  const half = 0x3_1234; // in the middle of a page
  const cr3 = BigInt(kernel.level4Frame);
  const plans: readonly (readonly [plan: CorePlan, options: ForeignOptions, about: object])[] = [
    [{ loads: [{ phys: 2n ** 20n, bytes: memory }], processors: [registers(cr3 | 0x18n)] }, {}, {
      cr3From: "core",
      levelsFrom: "core",
      processors: 1,
    }],
    [{ loads: [{ phys: 2n ** 20n, bytes: memory }] }, { cr3: kernel.level4Frame }, {
      cr3From: "flag",
      levelsFrom: "default",
      processors: 0,
    }],
    // The first processor has not enabled paging yet; the memory is in two parts, not in order, and some of it twice.
    [
      {
        loads: [
          { phys: 2n ** 20n + BigInt(half), bytes: memory.subarray(half) },
          { phys: 2n ** 20n, bytes: memory.subarray(0, half) },
          { phys: 2n ** 20n, bytes: memory.subarray(0, 0x2000) },
        ],
        processors: [{ cr0: 0x11n, cr3: 0n, cr4: 0n }, registers(cr3)],
        extended: true,
      },
      {},
      { cr3From: "core", levelsFrom: "core", processors: 2 },
    ],
  ];
  for (const [plan, options, about] of plans) {
    await withFile("core", coreFile(plan), (path) =>
      withTables({ memory: path, ...options }, (opened) => {
        assertEquals<unknown>([...listRuns(opened.tables)], expected);
        const { memory: _, ...facts } = opened.about;
        assertEquals<unknown>(facts, { source: path, kind: "core", cr3: kernel.level4Frame, levels: 4, ...about });
      }));
  }
  const five = coreFile({ loads: [{ phys: 2n ** 20n, bytes: memory }], processors: [registers(cr3, true)] });
  await withFile("core", five, (path) =>
    withTables({ memory: path }, ({ tables, about }) => {
      assertEquals([tables.levels, about.levels], [5, 5]);
    }));
});

/** The error with which a dump is refused. */
async function refusal(bytes: Uint8Array, options: ForeignOptions = {}): Promise<readonly [string, string, string?]> {
  let found: CliError | undefined;
  await withFile("dump", bytes, async (path) => {
    found = await assertRejects(() => openForeignTables({ memory: path, ...options }, signal), CliError);
    found.message = found.message.replaceAll(path, "DUMP");
  });
  return [found!.code, found!.message, found!.hint];
}

Deno.test("dumps that cannot be used are refused in words that say why, and what to do", async () => {
  const page = new Uint8Array(0x2000);
  const loads = [{ phys: 0x10_0000n, bytes: page }];
  const text = (start: string): Uint8Array =>
    new Uint8Array(0x2000).fill(0, start.length).map((_, at) => start.charCodeAt(at) || 0);
  const UNPACK = "Unpack it first; a dump is read at any offset.";
  const AS_CORE = "dump-guest-memory without a format writes an ELF core.";
  const cases: readonly (readonly [Uint8Array, ForeignOptions, string, string, string?])[] = [
    [
      page,
      {},
      "usage",
      "Cannot read page tables of DUMP: memory alone does not say where they start, so --cr3 is needed",
      'QEMU\'s monitor prints CR3 with "info registers", in hex: add the 0x. An ELF core from "dump-guest-memory" contains it.',
    ],
    [
      page,
      { cr3: 0x20_0000, base: 0x1000 },
      "usage",
      "Cannot use --cr3 0x200000 for DUMP: the level-4 table at 0x200000 is not in it: " +
      "it holds physical 0x1000..0x3000",
      "--base says where a dump's first byte is.",
    ],
    [
      text("\x1f\x8b\x08"),
      { cr3: 0 },
      "source-failed",
      "Cannot read page tables of DUMP: it is compressed with gzip",
      UNPACK,
    ],
    [
      text("\x28\xb5\x2f\xfd"),
      {},
      "source-failed",
      "Cannot read page tables of DUMP: it is compressed with zstd",
      UNPACK,
    ],
    [text("KDUMP   "), {}, "source-failed", "Cannot read page tables of DUMP: it is a kdump-compressed dump", AS_CORE],
    [
      text("PAGEDU64"),
      {},
      "source-failed",
      "Cannot read page tables of DUMP: it is a dump for Windows' debugger",
      AS_CORE,
    ],
    [new Uint8Array(), { cr3: 0 }, "source-failed", "Cannot read page tables of DUMP: the file is empty"],
    [
      coreFile({ loads }),
      { base: 0x1000 },
      "usage",
      "Cannot use --base 0x1000: DUMP is an ELF core, which says where its memory is",
    ],
    [
      coreFile({ loads }),
      {},
      "usage",
      "Cannot read page tables of DUMP: the core has no control registers, so --cr3 is needed",
      'QEMU\'s "dump-guest-memory" writes cores that have them.',
    ],
    [
      coreFile({ loads, processors: [{ cr0: 0x11n, cr3: 0x10_0000n, cr4: 0n }] }),
      {},
      "source-failed",
      "Cannot read page tables of DUMP: the guest has not enabled paging (CR0.PG is 0)",
      "Give the physical address of the table of the highest level with --cr3.",
    ],
    [
      coreFile({ loads, processors: [registers(0x30_0000n, true)] }),
      {},
      "source-failed",
      "Cannot read page tables of DUMP: the level-5 table at 0x300000 is not in it: " +
      "it holds physical 0x100000..0x102000",
      'QEMU\'s "dump-guest-memory" without -p writes all memory.',
    ],
    [
      coreFile({ loads, fileClass: 1, machine: 3 }),
      {},
      "source-failed",
      "Cannot read page tables of DUMP: it is the core of a 32-bit guest, and only 64-bit page tables can be read",
    ],
    [
      coreFile({ loads, machine: 183 }),
      {},
      "source-failed",
      "Cannot read page tables of DUMP: it is the core of a machine of type AArch64, not x86-64",
    ],
    [
      coreFile({ loads }).subarray(0, 100),
      {},
      "source-failed",
      "Cannot read page tables of DUMP: the core ends inside its program header table",
    ],
    [
      coreFile({ loads }).subarray(0, 50),
      {},
      "source-failed",
      "Cannot read page tables of DUMP: the core ends inside its file header",
    ],
  ];
  for (const [bytes, options, code, message, hint] of cases) {
    assertEquals(await refusal(bytes, options), [code, message, hint]);
  }
});

Deno.test("of notes that many headers share, no more is read than of notes that they have for themselves", () => {
  const [count, size] = [60_000, 2 ** 24];
  const head = new Uint8Array(64 + count * 56);
  head.set(coreFile({ loads: [] }).subarray(0, 64));
  const view = new DataView(head.buffer);
  view.setUint16(56, count, true); // e_phnum
  for (let at = 0; at < count; at++) {
    view.setUint32(64 + at * 56, 4, true); // p_type: PT_NOTE
    view.setBigUint64(64 + at * 56 + 8, BigInt(head.length), true); // p_offset
    view.setBigUint64(64 + at * 56 + 32, BigInt(size), true); // p_filesz
  }
  let read = 0;
  const core = readElfCore((offset, buffer) => {
    if (offset < head.length) buffer.set(head.subarray(offset, offset + buffer.length));
    else read += buffer.length;
    return buffer.length;
  }, head.length + size);
  assert(typeof core !== "string");
  assertEquals([core.processors, read], [[], size]);
});

Deno.test("cores with too many headers, or with half a register, are no trouble", async () => {
  const many = coreFile({ loads: [], extended: true });
  new DataView(many.buffer).setUint32(64 + 44, 0xffff_ffff, true); // sh_info
  const [, message] = await refusal(many);
  assertEquals(
    message,
    "Cannot read page tables of DUMP: it has 4294967295 program headers, and the limit is 1048576",
  );
  // A descriptor that ends inside CR4 has no registers; one that ends after it has them.
  for (const [size, processors] of [[431, 0], [432, 1], [440, 1]] as const) {
    const core = coreFile({ loads: [{ phys: 0n, bytes: new Uint8Array(0x1000) }], processors: [registers(0n)] });
    const note = 64 + 2 * 56; // after the headers
    const view = new DataView(core.buffer);
    view.setUint32(note + 4, size, true);
    view.setBigUint64(64 + 32, BigInt(20 + Math.ceil(size / 4) * 4), true); // p_filesz
    await withFile("core", core, (path) =>
      withTables({ memory: path, cr3: 0 }, ({ about }) => {
        assertEquals(about.processors, processors, `${size}`);
      }));
  }
});

Deno.test("what is no dump is refused, and so is a dump next to a running QEMU", async () => {
  await withFolder(async (folder) => {
    const open = (memory: string, more: ForeignOptions = {}) => openForeignTables({ memory, cr3: 0, ...more }, signal);
    await assertRejects(() => open(folder), CliError, "it is a directory");
    await assertRejects(() => open(`${folder}/none`), CliError, "No such file or directory");
    const gdb = { transport: "unix", path: "none" } as const;
    await assertRejects(() => open(folder, { gdb }), CliError, "Cannot use --gdb: --memory was already given");
    await assertRejects(() => openForeignTables({}, signal), TypeError);
    await assertRejects(() => openForeignTables({ memory: "x" }, AbortSignal.abort(new Error("stop"))), Error, "stop");
  });
  if (Deno.build.os !== "windows") {
    await withFolder(async (folder) => { // a pipe that nobody writes to
      await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
      await assertRejects(
        () => openForeignTables({ memory: `${folder}/pipe`, cr3: 0 }, signal),
        CliError,
        "it is not a regular file",
      );
    });
    await assertRejects(
      () => openForeignTables({ memory: "/dev/null", cr3: 0 }, signal),
      CliError,
      "it is not a regular file",
    );
  }
});

Deno.test("a kernel's file can be the start of memory", async () => {
  const { kernel, memory, expected } = await hello();
  // The kernel is at 2 MiB above the base of memory: from there, a dump starts with the kernel's own headers.
  const start = kernel.memory.base + 2 * MIB;
  const from = memory.subarray(start - kernel.memory.base);
  assertEquals(from.subarray(0, 4), Uint8Array.of(0x7f, 0x45, 0x4c, 0x46));
  await withFile(
    "memory.bin",
    from,
    (path) =>
      withTables({ memory: path, base: start, cr3: kernel.level4Frame }, ({ tables }) => {
        assertEquals<unknown>([...listRuns(tables)], expected);
      }),
  );
});

Deno.test("a dump that shrinks while it is read has fewer pages, and an error of a read ends the work", async () => {
  const { kernel, memory } = await hello();
  await withFile("memory.bin", memory, async (path) => {
    const opened = await openForeignTables({ memory: path, base: MIB, cr3: kernel.level4Frame }, signal);
    await Deno.truncate(path, 0x1000);
    const { tables } = opened;
    assertEquals(tables.pages.words(MIB + 0x5_0000), undefined);
    opened.close();
    const error = await assertRejects(() => Promise.try(() => tables.pages.words(MIB + 0x10_0000)), CliError);
    assertEquals(error.code, "source-failed");
  });
});

Deno.test("any bytes after an ELF core's magic are a core or a reason", () => {
  const whole = coreFile({ loads: [{ phys: 0n, bytes: new Uint8Array(64) }], processors: [registers(0n)] });
  const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), fc.nat(whole.length), (changes, length) => {
      const bytes = whole.slice(0, length);
      for (const { at, byte } of changes) bytes[at] = byte;
      const readAt = (offset: number, buffer: Uint8Array): number => {
        const part = bytes.subarray(offset, offset + buffer.length);
        buffer.set(part);
        return part.length;
      };
      const core = readElfCore(readAt, length);
      if (typeof core === "string") return;
      assertInstanceOf(core.ranges, Array);
      for (const [nth, { phys, size, offset }] of core.ranges.entries()) {
        assert(size > 0 && offset + size <= length && phys + size <= 2 ** 52);
        assert(nth === 0 || core.ranges[nth - 1].phys + core.ranges[nth - 1].size <= phys);
      }
    }),
    { numRuns: 3000 },
  );
});
