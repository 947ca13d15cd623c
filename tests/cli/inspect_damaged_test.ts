/** inspect says something of every file, however damaged its headers are. */

import { assert, assertEquals, assertLess } from "@std/assert";
import { inspectJson } from "../../cli/report/inspect_json.ts";
import { inspectReport } from "../../cli/report/inspect_report.ts";
import { paintFor } from "../../cli/output/paint.ts";
import { buildElf } from "../elf_builder.ts";
import { inspected } from "./inspected.ts";
import { HELLO, pathOf } from "./kload.ts";

const SEEDS = [HELLO, "tests/fixtures/field/machine-i386mb.elf", "tests/fixtures/field/limine.elf"]
  .map((path) => Deno.readFileSync(path === HELLO ? path : pathOf(path)));

/** Numbers from 0 on, always the same ones (Marsaglia, "Xorshift RNGs"). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

async function describe(bytes: Uint8Array): Promise<{ readonly text: string; readonly json: string }> {
  const file = await inspected(bytes);
  const text = inspectReport(file, { name: "kernel.elf", path: "kernel.elf", verbose: true }, paintFor(false));
  return { text, json: inspectJson(file, "kernel.elf", "kernel.elf") };
}

Deno.test("inspect describes files with damaged headers", async () => {
  const next = random(20_26);
  for (let round = 0; round < 600; round++) {
    const bytes = SEEDS[round % SEEDS.length].slice();
    for (let change = 0; change <= next(4); change++) {
      const offset = 4 + next(0x150);
      const value = [0, 0xff, 0x7f, 0x80, next(256)][next(5)];
      bytes.fill(value, offset, offset + [1, 2, 4, 8][next(4)]);
    }
    const cut = next(3) === 0 ? bytes.subarray(0, next(bytes.length)) : bytes;
    const { text, json } = await describe(cut);
    assert(text.startsWith("kernel.elf:"), text);
    const { format, bytesRead } = JSON.parse(json);
    assertEquals([bytesRead, cut.length < 4 || format === "elf"], [cut.length, true]);
  }
});

Deno.test("inspect looks at 65,534 headers that all claim the whole file in a moment", async () => {
  const segments = Array.from({ length: 65_534 }, (_, index) => ({ p_type: index % 2 === 0 ? 1 : 4, offset: 0 }));
  const bytes = buildElf({ segments });
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < segments.length; index++) {
    view.setBigUint64(0x40 + 56 * index + 32, 2n ** 64n - 1n, true); // p_filesz
    view.setBigUint64(0x40 + 56 * index + 40, 2n ** 64n - 1n, true); // p_memsz
  }
  const { json } = await describe(bytes);
  const { programHeaders } = JSON.parse(json);
  assertEquals([programHeaders.length, programHeaders[0].p_filesz], [65_534, "0xffffffffffffffff"]);
  assertLess(json.length, 40_000_000);
});
