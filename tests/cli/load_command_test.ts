/** The commands load and inspect, with switches that need no process. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Arguments } from "../../cli/arguments/parse_arguments.ts";
import { inspect } from "../../cli/commands/inspect.ts";
import { load } from "../../cli/commands/load.ts";
import { plugins } from "../../cli/commands/plugins.ts";
import type { Output } from "../../cli/output/output.ts";
import { paintFor } from "../../cli/output/paint.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { withFile } from "./kload.ts";

const PAINT = paintFor(false);
const TEXT: SegmentSpec = { filesz: 0x100 };
const STACK: SegmentSpec = { p_type: 0x6474e551, filesz: 0, p_flags: 7, p_vaddr: 0n };
const MOVED: SegmentSpec = { filesz: 0x100, p_paddr: 0x1000n };

interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command on a file with the switches that are named, which the output knows too. */
async function run(
  command: typeof load,
  segments: readonly SegmentSpec[],
  switches: readonly string[],
  values: Readonly<Record<string, string>> = {},
): Promise<Run> {
  const texts = { stdout: "", stderr: "" };
  const output: Output = {
    json: switches.includes("json"),
    quiet: switches.includes("quiet"),
    verbose: switches.includes("verbose"),
    paint: PAINT,
    paintError: PAINT,
    print: (text) => Promise.resolve(void (texts.stdout += text)),
    printError: (text) => Promise.resolve(void (texts.stderr += text)),
  };
  let status = -1;
  await withFile("kernel.elf", buildElf({ segments, length: 0x4000 }), async (path) => {
    const values_ = new Map(Object.entries(values));
    const args: Arguments = { source: path, values: values_, lists: new Map(), switches: new Set(switches) };
    status = await command(args, output, new AbortController().signal);
  });
  return { status, ...texts };
}

const STATUS: readonly (readonly [string, typeof load, readonly SegmentSpec[], readonly string[], number])[] = [
  ["a warning", load, [TEXT, STACK], [], 0],
  ["a warning and --strict", load, [TEXT, STACK], ["strict"], 1],
  ["a warning, --strict and --quiet", load, [TEXT, STACK], ["strict", "quiet"], 1],
  ["a warning, --strict and --json", load, [TEXT, STACK], ["strict", "json"], 1],
  ["a remark of severity info and --strict", load, [MOVED], ["strict"], 0],
  ["nothing to say and --strict", load, [TEXT], ["strict"], 0],
  ["a warning", inspect, [{ ...TEXT, p_flags: 6 }], [], 0],
  ["a warning and --strict", inspect, [{ ...TEXT, p_flags: 6 }], ["strict"], 1],
  ["an objection and --strict", inspect, [{ ...TEXT, p_align: 3n }], ["strict"], 1],
  ["nothing to say and --strict", inspect, [TEXT], ["strict"], 0],
];

for (const [what, command, segments, switches, expected] of STATUS) {
  Deno.test(`${command.name} with ${what} exits with ${expected}`, async () => {
    assertEquals((await run(command, segments, switches)).status, expected);
  });
}

for (const command of [load, inspect]) {
  Deno.test(`${command.name} shows remarks of severity info with -v`, async () => {
    const copied = { ...TEXT, offset: 0x1010, p_align: 1n };
    const hidden = await run(command, [copied], []);
    assertStringIncludes(hidden.stdout, "1 remark of severity info hidden; -v shows it\n");
    const shown = await run(command, [copied], ["verbose"]);
    assertMatch(shown.stdout, /info\[segment-copied\]: Program header 0: p_vaddr /);
  });

  Deno.test(`${command.name} mentions only with -v that p_paddr is ignored`, async () => {
    assert(!(await run(command, [MOVED], [])).stdout.includes("remark"));
    const shown = await run(command, [MOVED], ["verbose"]);
    assertMatch(shown.stdout, /info\[physical-address-ignored\]: Program header 0: p_paddr 0x1000 /);
  });
}

Deno.test("a file that is refused late comes with the remarks so far", async () => {
  const segments = [{ ...TEXT, p_paddr: 0x1000n }, { ...TEXT, p_vaddr: 0x50_0000n, offset: 0x3000, p_flags: 7 }, STACK];
  const { status, stderr } = await run(load, segments, ["verbose"], { "max-memory": "0x200000" });
  assertEquals(status, 1);
  assertMatch(stderr, /^.*kernel\.elf: not loaded\nerror\[memory-limit-exceeded\]: /);
  assertStringIncludes(stderr, "raise --max-memory");
  assertStringIncludes(stderr, "  info[physical-address-ignored]: Program header 0: ");
  const { stdout } = await run(load, segments, ["json"], { "max-memory": "0x200000" });
  const { error } = JSON.parse(stdout);
  assertEquals([error.code, error.diagnostics[0].code], ["memory-limit-exceeded", "physical-address-ignored"]);
});

Deno.test("plugins prints its version, rules and plugins", async () => {
  const { stdout } = await run((args, output) => plugins(args, output), [TEXT], ["json"]);
  assertEquals(Object.keys(JSON.parse(stdout)), ["version", "rules", "plugins"]);
});
