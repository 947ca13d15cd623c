import { assert, assertEquals, assertMatch } from "@std/assert";
import { measure, median, verdictOf } from "../../bench/runner/measure.ts";
import { runBench } from "../../bench/runner/run_bench.ts";

const registry = new URL("./fake_groups.ts", import.meta.url);
const effort = { seconds: 0, minRounds: 4, maxRounds: 4 };

async function bench(...args: readonly string[]): Promise<{ readonly status: number; readonly lines: string[] }> {
  const lines: string[] = [];
  const status = await runBench({ args: [...args, "--quick"], registry, print: (line) => lines.push(line) });
  return { status, lines };
}

Deno.test("a run in which every aim is reached has status 0", async () => {
  const { status, lines } = await bench("--filter", "exact");
  assertEquals(status, 0);
  assertEquals(lines.slice(1, 2), ["first"]);
  assertMatch(lines[2], /^exact +10\.0 µs +20\.0 µs +2\.00 +≤ 2\.00 +ok$/);
  assertEquals(lines.slice(3), ["1 ok, 0 missed, 0 without an aim"]);
});

Deno.test("a missed aim has status 1, and the rows after it are still measured", async () => {
  const { status, lines } = await bench("--filter", "first");
  assertEquals(status, 1);
  assertMatch(lines[3], /^above +10\.0 µs +20\.1 µs +2\.01 +≤ 2\.00 +MISSED$/);
  assertMatch(lines[4], /^slow +1\.00 µs +1000 µs +1000 +info$/);
  assertEquals(lines[5], "1 ok, 1 missed, 1 without an aim");
});

Deno.test("a row without an aim cannot fail a run, whatever its ratio", async () => {
  assertEquals((await bench("--filter", "slow")).status, 0);
  assertEquals((await bench("--filter", "broken, told")).status, 0);
});

Deno.test("a row with an aim that cannot be measured has status 1 and says why", async () => {
  const { status, lines } = await bench("--filter", "second");
  assertEquals(status, 1);
  assertMatch(lines[2], /^broken, judged .*≤ 1\.00 +FAILED: Error: no such package$/);
  assertMatch(lines[4], /^after it .* 0\.333 .* ok$/);
});

Deno.test("a group whose process ends early has status 1", async () => {
  const { status, lines } = await bench("--filter", "ended");
  assertEquals(status, 1);
  assertEquals(lines.at(-1), "0 ok, 0 missed, 0 without an aim, these groups ended early: ended");
});

Deno.test("--json prints the same results as data", async () => {
  const { status, lines } = await bench("--filter", "first", "--json");
  const { results, failed } = JSON.parse(lines.join("\n"));
  assertEquals([status, failed], [1, []]);
  const figures = results.map(({ rounds, ...result }: { rounds: number }) => (assert(rounds >= 3), result));
  const row = { group: "first", unit: "µs" };
  assertEquals(figures, [
    { ...row, name: "exact", aim: 2, floor: 10, kload: 20, ratio: 2, verdict: "ok" },
    { ...row, name: "above", aim: 2, floor: 10, kload: 20.1, ratio: 2.0100000000000002, verdict: "missed" },
    { ...row, name: "slow", floor: 1, kload: 1000, ratio: 1000, verdict: "info" },
  ]);
});

Deno.test("--list prints the names and measures nothing", async () => {
  const { status, lines } = await bench("--filter", "EXACT", "--list");
  assertEquals([status, lines], [0, ["first: exact"]]);
});

Deno.test("unknown flags, and filters that match nothing, are wrong usage", async () => {
  const { status, lines } = await bench("--fast");
  assertEquals(status, 2);
  assertMatch(lines.join("\n"), /'--fast'[^]*\n\nUsage: deno task bench /);
  assertEquals((await bench("--filter", "nothing of the kind")).status, 2);
});

Deno.test("--help is the usage, and runs nothing", async () => {
  for (const flag of ["--help", "-h"]) {
    const { status, lines } = await bench(flag);
    assertEquals([status, lines.length], [0, 1]);
    assertMatch(lines[0], /^Usage: deno task bench /);
  }
});

Deno.test("the verdict follows from ratio and aim", () => {
  for (
    const [ratio, aim, verdict] of [
      [1, 1, "ok"],
      [1.001, 1, "missed"],
      [0.5, 1, "ok"],
      [NaN, 1, "missed"],
      [Infinity, 1, "missed"],
      [Infinity, undefined, "info"],
    ] as const
  ) assertEquals(verdictOf(ratio, aim), verdict, `${ratio} of ${aim}`);
});

Deno.test("the ratio is the median of the rounds' ratios, not the ratio of the medians", async () => {
  // Four rounds that count after one that warms up: (1, 1), (10, 40), (100, 100), (1000, 5000).
  const floors = [7, 1, 10, 100, 1000];
  const kloads = [7000, 1, 40, 100, 5000];
  const sides = { floor: () => floors.shift()!, kload: () => kloads.shift()! };
  const result = await measure("group", { name: "name", aim: 2.5, open: () => sides }, effort);
  assertEquals(result, {
    ...{ group: "group", name: "name", unit: "µs", aim: 2.5, rounds: 4 },
    ...{ floor: 55, kload: 70, ratio: 2.5, verdict: "ok" },
  });
});

Deno.test("the sides take turns going first, after what prepares each round", async () => {
  const order: string[] = [];
  const side = (name: string) => () => order.push(name);
  const sides = { prepare: side("|"), floor: side("floor"), kload: side("kload") };
  await measure("group", { name: "name", open: () => sides }, effort);
  const turns = order.join(" ").split("| ").slice(2).map((round) => round.trim()); // the first round only warms up
  assertEquals(turns, ["floor kload", "kload floor", "floor kload", "kload floor"]);
});

Deno.test("what a workload opened is disposed of, even if it fails", async () => {
  let disposed = 0;
  const sides = {
    floor: () => 1,
    kload: () => {
      throw new RangeError("out of frames");
    },
    [Symbol.asyncDispose]: () => Promise.resolve(void disposed++),
  };
  const { verdict, reason } = await measure("group", { name: "name", open: () => sides }, effort);
  assertEquals([verdict, reason, disposed], ["failed", "RangeError: out of frames", 1]);
});

Deno.test("median() is the middle value, or the mean of the middle two", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([10, 4, 1, 2]), 3);
});
