/** The parts of the report of `kload walk`: what is drawn of an address, of entries, and of bytes, and how it is folded. */

import { assert, assertEquals } from "@std/assert";
import { disassembler } from "../../cli/input/disassembler.ts";
import { terminalPage, UNBOUNDED } from "../../cli/output/page.ts";
import { paintFor } from "../../cli/output/paint.ts";
import { addressBits } from "../../cli/report/walk_bits.ts";
import { byteLines, instructionLines } from "../../cli/report/walk_bytes.ts";
import { fieldLines, levelLines, permissionLines } from "../../cli/report/walk_levels.ts";
import { decodeEntry } from "../../explain/tables/decode_entry.ts";
import type { Permission, WalkedLevel } from "../../explain/tables/walk_tables.ts";

const plain = paintFor(false, UNBOUNDED);
const narrow = (width: number) => paintFor(false, terminalPage(width));

/** The bits, and the values under them, that are drawn between two blanks. */
function drawn(lines: readonly string[]): readonly (readonly string[])[] {
  return lines.map((line) => line.trim().split(/ +/));
}

// Intel SDM vol. 3, "Paging", figure 4-8: 47-39, 38-30, 29-21, 20-12 and 11-0.
const ADDRESS = 0xffff_8123_4567_89abn;
const INDICES = [ADDRESS >> 39n, ADDRESS >> 30n, ADDRESS >> 21n, ADDRESS >> 12n].map((bits) => Number(bits % 512n));

Deno.test("an address is cut as 4-level paging cuts it", () => {
  const [numbers, bits, names, values] = drawn(addressBits(ADDRESS, { levels: 4, leaf: 1, canonical: true }, plain));
  assertEquals(numbers.map(Number), [63, 48, 47, 39, 38, 30, 29, 21, 20, 12, 11, 0]);
  assertEquals(bits.join(""), ADDRESS.toString(2));
  assertEquals(names.join(" "), "copies of bit 47 level 4 level 3 level 2 level 1 offset");
  assertEquals(values, [...INDICES.map(String), "0x9ab"]);
});

for (
  const [size, leaf, offset] of [["2 MiB", 2, ADDRESS % 2n ** 21n], ["1 GiB", 3, ADDRESS % 2n ** 30n]] as const
) {
  Deno.test(`in a page of ${size}, the offset has the bits of the levels that are left out`, () => {
    const [, bits, , values] = drawn(addressBits(ADDRESS, { levels: 4, leaf, canonical: true }, plain));
    assertEquals(bits.join(""), ADDRESS.toString(2));
    assertEquals(values, [...INDICES.slice(0, 5 - leaf).map(String), `0x${offset.toString(16)}`]);
  });
}

Deno.test("with five levels, 7 bits are copies of bit 56", () => {
  const lines = addressBits(ADDRESS, { levels: 5, leaf: 1, canonical: true }, plain);
  const [numbers, bits, names, values] = drawn(lines);
  assertEquals(numbers.slice(0, 4), ["63", "57", "56", "48"]);
  assertEquals(bits.map(({ length }) => length), [7, 9, 9, 9, 9, 9, 12]);
  assertEquals(names.slice(0, 4).join(" "), "copies of bit 56");
  assertEquals(values, ["511", ...INDICES.map(String), "0x9ab"]);
});

Deno.test("an address that is not canonical has no copies", () => {
  const lines = addressBits(1n << 63n, { levels: 4, leaf: 1, canonical: false }, plain);
  assert(lines[2].includes("not copies of bit 47"));
});

Deno.test("an address of few bits is drawn with all 64", () => {
  const [, bits] = drawn(addressBits(0n, { levels: 4, leaf: 1, canonical: true }, plain));
  assertEquals(bits.join(""), "0".repeat(64));
});

for (const width of [100, 80, 74, 73, 60, 40]) {
  Deno.test(`an address fits in ${width} columns`, () => {
    for (const levels of [4, 5] as const) {
      for (const leaf of [1, 2, 3]) {
        const lines = addressBits(ADDRESS, { levels, leaf, canonical: true }, narrow(width));
        for (const line of lines) assert(line.length <= width, `${line.length}: ${line}`);
        const found = !lines[0].includes("63-")
          ? drawn(lines)[1].join("")
          : lines.flatMap((line) => / *\d+-\d+ +([01]+)/.exec(line)?.[1] ?? []).join("");
        assertEquals(found, ADDRESS.toString(2));
      }
    }
  });
}

function walked(entry: bigint, level: number, index: number, denies: readonly Permission[] = []): WalkedLevel {
  return { ...decodeEntry(entry, level), table: 0x1000 * level, index, denies };
}

const LEVELS = [
  walked(0x3003n, 4, 1, ["user"]),
  walked(0x2021n, 3, 2, ["write", "user"]),
  walked(0x8000_0000_0020_00e7n, 2, 3, ["execute"]),
];

Deno.test("each entry is a line with its table, index, all 64 bits, and the names of those that are set", () => {
  const [, ...lines] = levelLines(LEVELS, { kind: "absent", level: 2 }, plain).map((line) =>
    line.trim().split(/ {2,}/)
  );
  assertEquals(lines.slice(0, 3), [
    ["4", "0x4000", "1", "0x0000000000003003", "PRESENT WRITABLE"],
    ["3", "0x3000", "2", "0x0000000000002021", "PRESENT ACCESSED"],
    [
      "2",
      "0x2000",
      "3",
      "0x80000000002000e7",
      "PRESENT WRITABLE USER_ACCESSIBLE ACCESSED DIRTY HUGE_PAGE NO_EXECUTE",
    ],
  ]);
});

Deno.test("the end of a walk without a page says at which level, and what is missing there", () => {
  const last = (kind: "absent" | "reserved" | "unknown" | "not-canonical", levels: readonly WalkedLevel[]) => {
    return levelLines(levels, { kind, level: 2 }, plain).at(-1);
  };
  const absent = [LEVELS[0], LEVELS[1], walked(0n, 2, 3)];
  assertEquals(
    last("absent", absent),
    "  The walk ends at level 2: PRESENT (bit 0) is clear, so an access raises a page fault.",
  );
  assertEquals(
    last("reserved", LEVELS),
    "  The walk ends at level 2: reserved bits are set, so an access raises a page fault.",
  );
  assertEquals(
    last("unknown", LEVELS.slice(0, 2)),
    "  The walk ends: the memory of the level-2 table at 0x2000 is not known.",
  );
  assertEquals(last("unknown", []), "  The walk does not start: the memory of the first table is not known.");
  assertEquals(
    last("not-canonical", []),
    "  The walk does not start: the processor raises #GP (or #SS) for an address that is not canonical.",
  );
  assertEquals(
    levelLines(absent, { kind: "absent", level: 2 }, plain).at(-2)?.trim().split(/ {2,}/).at(-1),
    "not PRESENT",
  );
});

Deno.test("each permission names the levels that take it away", () => {
  assertEquals(permissionLines(LEVELS, plain), [
    "  read       yes",
    "  write      no: WRITABLE is clear at level 3",
    "  execute    no: NO_EXECUTE is set at level 2",
    "  user mode  no: USER_ACCESSIBLE is clear at levels 4 and 3",
  ]);
  assertEquals(permissionLines([walked(0x3007n, 4, 1)], plain).map((line) => line.slice(13)), [
    "yes",
    "yes",
    "yes",
    "yes",
  ]);
});

Deno.test("every field of an entry is listed once, and bits that are not used are one line if they are clear", () => {
  const rows = fieldLines([walked(0x8000_0000_0020_0883n, 2, 3)], plain).slice(2).map((line) =>
    line.trim().split(/ {2,}/)
  );
  const covered = rows.flatMap(([bits]) => {
    const [high, low = high] = bits.split("-").map(Number);
    return Array.from({ length: high - low + 1 }, (_, at) => low + at);
  });
  assertEquals(covered, Array.from({ length: 64 }, (_, bit) => bit));
  assertEquals(rows.find(([bits]) => bits === "11")?.slice(1, 3), ["BIT_11", "1"]);
  assertEquals(rows.find(([bits]) => bits === "10-9")?.slice(1, 3), ["-", "0x0"]);
  assertEquals(rows.find(([, name]) => name === "ADDRESS")?.at(-1), "the page is at physical 0x200000");
});

Deno.test("bytes are listed 16 a line, and fewer if the terminal is narrow", () => {
  const bytes = Uint8Array.from({ length: 20 }, (_, at) => at === 0 ? 0x7f : 0x40 + at);
  assertEquals(byteLines(0xffff_ffff_8000_0000n, bytes, plain), [
    "  0xffffffff80000000  7f 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f  .ABCDEFGHIJKLMNO",
    `  0xffffffff80000010  50 51 52 53${" ".repeat(36)}  PQRS`,
  ]);
  for (const width of [80, 60, 40]) {
    const lines = byteLines(0xffff_ffff_8000_0000n, bytes, narrow(width));
    for (const line of lines) assert(line.length <= width, line);
    assertEquals(
      lines.map((line) => line.slice(22).split("  ")[0].trim()).join(" "),
      bytes.toHex().replace(/..\B/g, "$& "),
    );
  }
  assertEquals(byteLines(2n ** 64n - 8n, bytes.subarray(0, 8), narrow(40)).map((line) => line.trim().split(" ")[0]), [
    "0xfffffffffffffff8",
    "0xfffffffffffffffc",
  ]);
});

Deno.test("instructions name what they refer to, and show their bytes only if there is room", async () => {
  const { instructions } = await disassembler();
  // call; mov rax, [rip+…]; movabs; mov rax, gs:[0x28]
  const code = Uint8Array.fromHex("e80b000000488b05000000004".concat("8b8887766554433221165488b042528000000"));
  const all = [...instructions(code, 0x1000n)];
  const around = { instructions: all, current: 1, from: "symbol" } as const;
  const bytesAt = ({ address, length }: { readonly address: bigint; readonly length: number }) => {
    return code.subarray(Number(address) - 0x1000, Number(address) - 0x1000 + length);
  };
  const names = new Map([[0x1010n, "print"], [0x100cn, "message+0x8"], [0x28n, "wrong"]]);
  const lines = instructionLines(around, bytesAt, (address) => names.get(address), plain);
  assertEquals(lines, [
    "  0x1000  e8 0b 00 00 00           call 0x1010 <print>",
    "> 0x1005  48 8b 05 00 00 00 00     mov rax, [0x100c] <message+0x8>",
    "  0x100c  48 b8 88 77 66 55 44 ..  mov rax, 0x1122334455667788",
    "  0x1016  65 48 8b 04 25 28 00 ..  mov rax, gs:[0x28]",
  ]);
  const folded = instructionLines(around, bytesAt, (address) => names.get(address), narrow(50));
  assertEquals(folded[0], "  0x1000  call 0x1010 <print>");
});
