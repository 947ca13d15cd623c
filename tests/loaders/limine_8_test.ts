/** Limine 8: every recorded answer of Limine 8.2.0, and rules that no recorded file breaks. */

import { assertEquals } from "@std/assert";
import { EI_CLASS, ET_DYN, PF_R, PF_W, PF_X } from "../../core/elf/constants.ts";
import { checkKernel } from "../../loaders/check_kernel.ts";
import type { Judgement } from "../../loaders/loader.ts";
import * as limine from "./limine_kernel.ts";
import { ask, BASE, data, DYNAMIC, dynamic, kernel, rela, revision, symbol } from "./limine_kernel.ts";

const FIXTURES = new URL("../fixtures/loaders/", import.meta.url);

interface Answer {
  readonly name: string;
  readonly "limine-8.2": { readonly outcome: string; readonly words?: string };
}

for (const folder of ["", "probes/"]) {
  const lines = Deno.readTextFileSync(new URL(`${folder}answers.jsonl`, FIXTURES)).trim().split("\n");
  const answers = lines.map((line): Answer => JSON.parse(line));

  Deno.test(`limine-8 says what Limine 8.2.0 said of all ${answers.length} kernels in fixtures/loaders/${folder}`, async () => {
    for (const { name, "limine-8.2": { outcome, words } } of answers) {
      const verdict = await ask("limine-8", Deno.readFileSync(new URL(folder + name, FIXTURES)));
      assertEquals([name, verdict.outcome, verdict.words], [name, outcome, words]);
    }
  });
}

Deno.test("limine-8 has asked 284 kernels", () => {
  const count = (folder: string): number =>
    [...Deno.readDirSync(new URL(folder, FIXTURES))]
      .filter(({ name }) => name.endsWith(".elf")).length;
  assertEquals(count(".") + count("probes/"), 284);
});

function brief({ outcome, rule, words }: Judgement): readonly unknown[] {
  return [outcome, rule, words].filter((each) => each !== undefined);
}

/** What Limine 8.2.0 says of kernels as they are built here: asked in QEMU. */
const CASES: readonly (readonly [title: string, file: Uint8Array, expected: readonly string[]])[] = [
  ["a kernel with one segment", kernel(), ["boots"]],
  ["one of class 1", kernel({ header: { EI_CLASS: 1 } }), ["boots"]],
  ["an alignment of 0 in all segments", kernel({ code: { p_align: 0n } }), [
    ...["refuses", "align-zero-only", "elf: Executable has no loadable segments"],
  ]],
  [
    "segments of both halves, the lower one first",
    kernel({
      header: { e_type: ET_DYN },
      code: { p_vaddr: 0x100000n },
      more: [data(), ...dynamic([])],
    }),
    ["refuses", "mixed-halves", "elf: Mix of lower and higher half PHDRs in relocatable kernel"],
  ],
  [
    "segments of both halves, the higher one first",
    kernel({
      header: { e_type: ET_DYN },
      more: dynamic([]).map((segment) => ({ ...segment, p_vaddr: 0x80000n })),
    }),
    ["refuses", "out-of-memory", "High memory allocator: Out of memory"],
  ],
  [
    "the same, 8 GiB apart",
    kernel({
      header: { e_type: ET_DYN },
      more: dynamic([]).map((segment) => ({ ...segment, p_vaddr: BASE - 2n ** 33n })),
    }),
    ["refuses", "image-too-high", "elf: Image wants to load too high"],
  ],
  [
    "the same, as far apart as they can be, with an alignment of 64 MiB",
    kernel({
      header: { e_type: ET_DYN },
      code: { p_vaddr: 2n ** 64n - 0x1000n, p_align: 2n ** 26n },
      more: dynamic([]).map((segment) => ({ ...segment, p_vaddr: 0x80000n })),
    }),
    ["fails", "image-size-wraps"],
  ],
  [
    "a segment that ends above 2^64 after one that does not",
    kernel({
      more: [data({ p_vaddr: 2n ** 64n - 0x1000n, p_memsz: 0x2000n })],
    }),
    ["fails", "address-overflow"],
  ],
  ["relocations of no size", kernel({ more: dynamic([[2n, 24n], [20n, 7n], [23n, DYNAMIC + 0x200n]]) }), [
    ...["fails", "relocations-endless"],
  ]],
  ["a needed library", kernel({ more: dynamic([[1n, 1n]]) }), [
    ...["refuses", "needed-library", "elf: ELF file attempts to load a dynamically linked library"],
  ]],
  ["symbols of 16 bytes", kernel({ more: dynamic([[11n, 16n], [1n, 1n]]) }), [
    ...["refuses", "dynamic-entry-size", "elf: symtab_ent < sizeof(struct elf64_sym)"],
  ]],
  ["RELR entries of 4 bytes", kernel({ more: dynamic([[35n, 8n], [37n, 4n]]) }), [
    ...["refuses", "dynamic-entry-size", "elf: relr_ent != 8"],
  ]],
  ["relocations of 16 bytes", kernel({ more: dynamic([[7n, DYNAMIC + 0x200n], [8n, 48n], [9n, 16n]]) }), [
    ...["refuses", "dynamic-entry-size", "elf: rela_ent < sizeof(struct elf64_rela)"],
  ]],
  ["relocations without addends", kernel({ more: dynamic([[2n, 24n], [20n, 17n], [9n, 24n]]) }), [
    ...["refuses", "implicit-addends", "elf: dt_pltrel != DT_RELA"],
  ]],
  ["a relocation of type 0x25", relocated(rela(BASE + 0x200n, 0x25)), [
    ...["refuses", "relocation-unsupported", "elf: Unknown relocation type: 0x25"],
  ]],
  ["the same for an address in no segment", relocated(rela(BASE + 0x41dn, 0x25)), ["boots"]],
  ["a symbol that is undefined", relocated(rela(BASE + 0x200n, 6, 1)), [
    ...["refuses", "symbol-undefined", "elf: Unresolved symbol"],
  ]],
  ["a symbol that is undefined and weak", relocated(rela(BASE + 0x200n, 6, 2)), ["boots"]],
  ["a symbol that is defined", relocated(rela(BASE + 0x200n, 6, 3)), ["boots"]],
  [
    "a library and more bytes in the file than in memory, in the first segment",
    kernel({
      code: { p_memsz: 0x410n },
      more: dynamic([[1n, 1n]]),
    }),
    ["refuses", "filesz-gt-memsz", "elf: p_filesz > p_memsz"],
  ],
  ["the same in the second segment", kernel({ more: [data({ p_memsz: 0x10n }), ...dynamic([[1n, 1n]])] }), [
    ...["refuses", "needed-library", "elf: ELF file attempts to load a dynamically linked library"],
  ]],
  ["129 requests", withRequests(manyRequests(129)), [
    ...["refuses", "too-many-requests", "limine: Maximum requests exceeded"],
  ]],
  ["a start marker after 128 of them", withRequests([...manyRequests(128), limine.START, ...manyRequests(1)]), [
    "boots",
  ]],
  [
    "one request twice, the second one after the end",
    kernel({
      tags: [limine.request(limine.HHDM), limine.END, limine.request(limine.HHDM)],
    }),
    ["boots"],
  ],
  [
    "a paging mode range that is empty",
    kernel({
      tags: [revision(2n), limine.request(limine.PAGING_MODE, 1n, 0n, 0n, 1n)],
    }),
    ["refuses", "paging-mode-range", "limine: Kernel's paging max_mode lower than min_mode"],
  ],
  [
    "a paging mode of 5 levels and no other",
    kernel({
      tags: [revision(2n), limine.request(limine.PAGING_MODE, 1n, 1n, 1n, 1n)],
    }),
    [
      ...["refuses", "paging-mode-unsupported"],
      "limine: Kernel's minimum supported paging mode higher than maximum allowable paging mode",
    ],
  ],
  ["a stack of 256 MiB", kernel({ tags: [revision(2n), limine.request(limine.STACK_SIZE, 0n, 2n ** 28n)] }), [
    ...["refuses", "stack-too-large", "High memory allocator: Out of memory"],
  ]],
  ["a stack of 4 GiB", kernel({ tags: [revision(2n), limine.request(limine.STACK_SIZE, 0n, 2n ** 32n)] }), [
    ...["fails", "stack-size-wraps"],
  ]],
  [
    "an entry point request",
    kernel({
      header: { e_entry: 0n },
      tags: [revision(2n), limine.request(limine.ENTRY_POINT, 0n, BASE + 0x410n)],
    }),
    ["boots"],
  ],
  [
    "an entry point request for an address in no segment",
    kernel({
      tags: [revision(2n), limine.request(limine.ENTRY_POINT, 0n, BASE + 0x10000n)],
    }),
    ["fails", "entry-not-in-segment"],
  ],
  [
    "a position-independent kernel",
    kernel({
      header: { e_type: ET_DYN, e_entry: 0x400n },
      code: { p_vaddr: 0n },
      more: dynamic([]).map((segment) => ({ ...segment, p_vaddr: 0x80000n })),
    }),
    ["boots"],
  ],
  [
    "one in the last page but one",
    kernel({
      header: { e_type: ET_DYN, e_entry: 2n ** 64n - 0x2000n + 0x400n },
      code: { p_vaddr: 2n ** 64n - 0x2000n },
      more: dynamic([]).slice(1),
    }),
    ["refuses", "image-too-high", "elf: Image wants to load too high"],
  ],
];

function relocated(relocations: Uint8Array): Uint8Array {
  const tables = [[7n, DYNAMIC + 0x200n], [8n, BigInt(relocations.length)], [9n, 24n], [6n, DYNAMIC + 0x500n]] as const;
  const symbols = new Uint8Array([...new Uint8Array(24), ...symbol(1, 1, 0), ...symbol(1, 2, 0), ...symbol(1, 1, 1)]);
  return kernel({ more: dynamic([...tables, [11n, 24n]], { 0x200: relocations, 0x500: symbols }) });
}

/** A kernel with tags in a segment of their own. */
function withRequests(tags: readonly (readonly bigint[])[]): Uint8Array {
  const bytes = limine.bytesOf(...tags);
  return kernel({ more: [data({ data: bytes, filesz: bytes.length })] });
}

function manyRequests(count: number): readonly (readonly bigint[])[] {
  // only the ids, so that they fit
  return Array.from({ length: count }, (_, at) => [0xc7b1dd30df4c8b88n, 0x0a82e883a194f07bn, BigInt(at), 7n]);
}

for (const [title, file, expected] of CASES) {
  Deno.test(`limine-8: ${title}`, async () => assertEquals(brief(await ask("limine-8", file)), expected));
}

/** The largest image that Limine 8.2.0 boots in QEMU, found by bisection, by the size of memory in MiB. */
const LARGEST: readonly (readonly [mebibytes: number, size: number])[] = [
  [128, 0x7e4e000],
  [256, 0xfe4b000],
  [1024, 0x3fcc9000],
];

Deno.test("limine-8: images boot up to a size that is known to within 128 KiB", async () => {
  for (const [mebibytes, size] of LARGEST) {
    const boots = async (imageSize: number): Promise<boolean> => {
      const file = kernel({ more: [data({ p_vaddr: BASE + 0x1000n, p_memsz: BigInt(imageSize - 0x1000) })] });
      return (await ask("limine-8", file, mebibytes * 2 ** 20)).outcome === "boots";
    };
    assertEquals([await boots(size - 2 ** 17), await boots(size + 2 ** 17)], [true, false]);
  }
});

Deno.test("limine-8: memory decides whether an image fits", async () => {
  const file = kernel({ more: [data({ p_memsz: 2n ** 27n })] });
  assertEquals((await ask("limine-8", file, 2 ** 28)).outcome, "boots");
  assertEquals((await ask("limine-8", file, 2 ** 27)).rule, "out-of-memory");
});

Deno.test("limine-8 judges files of every length and kind without a fault", async () => {
  const file = kernel({
    more: [data(), ...dynamic([[7n, 2n ** 64n - 1n], [8n, 2n ** 64n - 1n], [9n, 2n ** 64n - 1n]])],
  });
  for (const length of [0, 3, 4, 18, 63, 64, 100, 120, 0x1000, 0x1400, file.length - 1]) {
    await ask("limine-8", file.slice(0, length));
    await ask("limine-12", file.slice(0, length));
  }
  for (let at = 0; at < 0x160; at++) {
    const changed = file.slice();
    if (at !== EI_CLASS) changed[at] = 0xff;
    await ask("limine-8", changed);
    await ask("limine-12", changed);
  }
});

Deno.test("limine-8 points to the field, and shows two ranges that are in conflict", async () => {
  const file = kernel({ more: [data({ p_vaddr: BASE + 0x800n, p_flags: PF_R | PF_W | PF_X })] });
  const { rule, index, offset, message, ranges } = await ask("limine-8", file);
  assertEquals([rule, index, offset], ["shared-page-permissions", 0, 64 + 4]);
  assertEquals(
    message,
    "Program header 0 (0xffffffff80000000..0xffffffff80000420) is R-X, program header 1 " +
      "(0xffffffff80000800..0xffffffff80000820) is RWX, and they share a page.",
  );
  assertEquals(ranges?.map(({ name, start }) => [name, start]), [
    ["program header 0", BASE],
    ["program header 1", BASE + 0x800n],
  ]);
});

Deno.test("limine-8 looks at the segments of a file whose class is not 2, of a file that is read at offsets", async () => {
  const file = kernel({ header: { EI_CLASS: 1 }, tags: [revision(2n), revision(2n)] });
  const readAt = (offset: number, buffer: Uint8Array): number => {
    const piece = file.subarray(offset, offset + buffer.length);
    buffer.set(piece);
    return piece.length;
  };
  const { verdicts } = await checkKernel({ size: file.length, readAt }, { loaders: ["limine-8", "limine-12"] });
  assertEquals(verdicts.map(({ rule }) => rule), ["duplicate-base-revision", "duplicate-base-revision"]);
});
