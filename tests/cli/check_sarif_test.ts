/** The SARIF log of `kload check` is one by the schema of SARIF 2.1.0, and has what code scanning asks for. */

import AjvDraft04 from "ajv-draft-04";
import schema from "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json" with { type: "json" };
import { assert, assertEquals } from "@std/assert";
import { checkSarif } from "../../cli/report/check_sarif.ts";
import type { Finding, Verdict } from "../../loaders/check_kernel.ts";

const ajv = new AjvDraft04.default({ allErrors: true, strict: false, unicodeRegExp: false });
ajv.addFormat("uri", (text: string) => URL.canParse(text));
ajv.addFormat("uri-reference", (text: string) => !/[\s"<>\\^`{|}]/.test(text) && URL.canParse(text, "file:///a/b"));
ajv.addFormat("date-time", (text: string) => !Number.isNaN(Date.parse(text)));
const validate = ajv.compile(schema);
const isSarif = (log: unknown): boolean => validate(log);

const REFUSED: Verdict = {
  loader: "kload",
  intended: true,
  outcome: "refuses",
  rule: "segments-overlap",
  words: "Cannot load program header 1",
  index: 1,
  offset: 0x78,
  message: "Two ranges overlap.",
  hint: "Move one of them.",
  ranges: [{ name: "a", start: 0n, end: 2n ** 64n }, { name: "b", start: 1n, end: 2n }],
};
const FINDING: Finding = { rule: "rwx-load", severity: "warning", index: 0, message: "W and X.", url: "https://x.y/z" };

type Report = Parameters<typeof checkSarif>[1];

/** The log, if the schema has it. */
function logOf(name: string, part: Partial<Report>) {
  const whole: Report = { format: "elf", description: "ELF file", protocols: [], verdicts: [], findings: [], ...part };
  const text = checkSarif(name, whole);
  assertEquals(text.indexOf("\n"), text.length - 1);
  const log = JSON.parse(text);
  assert(isSarif(log), ajv.errorsText(validate.errors));
  return log;
}

Deno.test("the schema refuses what is no SARIF log", () => {
  const log = logOf("kernel.elf", { verdicts: [REFUSED] });
  for (
    const spoil of [
      () => log.version = "2.0.0",
      () => log.runs[0].results[0].level = "fatal",
      () => log.runs[0].results[0].locations[0].physicalLocation.region.byteOffset = "0x78",
      () => log.runs[0].surprise = 1,
      () => log.runs[0].artifacts[0].location.uri = "a b",
    ]
  ) {
    const before = structuredClone(log);
    spoil();
    assertEquals(isSarif(log), false, `${spoil}`);
    Object.assign(log, before);
  }
});

Deno.test("a file with which all is well has a log without results", () => {
  const log = logOf("kernel.elf", { verdicts: [{ loader: "kload", intended: true, outcome: "boots" }] });
  assertEquals([log.version, log.runs.length, log.runs[0].results], ["2.1.0", 1, []]);
  assertEquals(log.runs[0].tool.driver.name, "kload");
});

Deno.test("a refusal of a loader that the file is meant for is a result, with its place and the loader's words", () => {
  const others: Verdict = { ...REFUSED, loader: "openvmm", intended: false };
  const [{ results, tool }] = logOf("build/kernel.elf", { verdicts: [REFUSED, others] }).runs;
  assertEquals(results.length, 1);
  const [{ ruleId, ruleIndex, level, message, locations, properties }] = results;
  assertEquals([ruleId, ruleIndex, level], ["segments-overlap", 0, "error"]);
  assertEquals(
    message.text,
    "kload refuses this file (“Cannot load program header 1”). Program header 1: Two ranges overlap. " +
      "Move one of them.",
  );
  assertEquals(locations[0].physicalLocation, {
    artifactLocation: { uri: "build/kernel.elf", index: 0 },
    region: { startLine: 1, byteOffset: 0x78 },
  });
  assertEquals(locations[0].logicalLocations, [{ name: "program header 1", kind: "object" }]);
  assertEquals(properties.loader, "kload");
  assertEquals(properties.ranges[0], { name: "a", start: "0x0", end: "0x10000000000000000" });
  const [rule] = tool.driver.rules;
  assertEquals(rule.shortDescription.text, "The address ranges of two `PT_LOAD` headers overlap.");
  assert(rule.helpUri.endsWith("docs/errors.md") && rule.help.text.includes("linker script"));
});

Deno.test("a message without a full stop gets one where a hint follows, and a hint ends as it is", () => {
  const verdict: Verdict = { ...REFUSED, words: undefined, message: "The page is taken", hint: "Link with -n" };
  const [{ results }] = logOf("kernel.elf", { verdicts: [verdict, { ...verdict, hint: undefined }] }).runs;
  assertEquals(results.map(({ message }: { message: { text: string } }) => message.text), [
    "kload refuses this file. Program header 1: The page is taken. Link with -n",
    "kload refuses this file. Program header 1: The page is taken",
  ]);
});

Deno.test("offsets in what a compressed file holds are not given as those of the file", () => {
  const inside = { format: "elf", description: "ELF file", layers: ["gzip"], protocols: [] } as const;
  const part: Partial<Report> = {
    ...{
      format: "gzip",
      inside,
      verdicts: [{ ...REFUSED, unpacked: ["gzip"] }],
      findings: [{ ...FINDING, offset: 4 }],
    },
  };
  const [{ results }] = logOf("kernel.elf.gz", part).runs;
  // deno-lint-ignore no-explicit-any
  const regions = results.map(({ locations }: any) => locations[0].physicalLocation.region);
  assertEquals(regions, [{ startLine: 1 }, { startLine: 1 }]);
});

Deno.test("findings are results of their severity, and rules stand once in the log", () => {
  const findings: readonly Finding[] = [
    FINDING,
    { ...FINDING, index: 1 },
    { ...FINDING, rule: "stack-executable", severity: "info" },
    { ...FINDING, rule: "entry-not-executable", severity: "error" },
  ];
  const [{ results, tool }] = logOf("kernel.elf", { findings }).runs;
  const rules = tool.driver.rules.map(({ id }: { readonly id: string }) => id);
  assertEquals(rules, ["rwx-load", "stack-executable", "entry-not-executable"]);
  // deno-lint-ignore no-explicit-any
  assertEquals(results.map(({ level, ruleIndex }: any) => [level, ruleIndex]), [
    ["warning", 0],
    ["warning", 0],
    ["note", 1],
    ["error", 2],
  ]);
  // deno-lint-ignore no-explicit-any
  const prints = results.map(({ partialFingerprints }: any) => partialFingerprints["kload/v1"]);
  assertEquals(new Set(prints).size, prints.length);
});

const NAMES: readonly (readonly [string, string])[] = [
  ["kernel.elf", "kernel.elf"],
  ["./target/my kernel#1.elf", "./target/my%20kernel%231.elf"],
  ["/boot/vmlinux-6.1", "file:///boot/vmlinux-6.1"],
  ["C:\\kernels\\a.elf", "file:///C:/kernels/a.elf"],
  ["https://example.com/a b.elf?x=1", "https://example.com/a%20b.elf?x=1"],
  ["standard input", "standard%20input"],
];

for (const [name, uri] of NAMES) {
  Deno.test(`the location of ${name} is ${uri}`, () => {
    const [{ artifacts, results }] = logOf(name, { findings: [FINDING] }).runs;
    assertEquals(artifacts[0].location.uri, uri);
    assertEquals(results[0].locations[0].physicalLocation.artifactLocation.uri, uri);
  });
}

Deno.test("of more findings than code scanning takes, the most severe are in the log, and the rest is counted", () => {
  const many = (severity: Finding["severity"], count: number): Finding[] =>
    Array.from({ length: count }, (_, index) => ({ ...FINDING, severity, index }));
  const fits = logOf("kernel.elf", { verdicts: [REFUSED], findings: many("info", 4999) });
  assertEquals([fits.runs[0].results.length, fits.runs[0].invocations], [5000, undefined]);
  const findings = [...many("info", 10), ...many("warning", 65_535), ...many("error", 2)];
  const { runs: [{ results, invocations }] } = logOf("kernel.elf", { verdicts: [REFUSED], findings });
  const levels = results.map(({ level }: { level: string }) => level);
  assertEquals(["error", "warning", "note"].map((level) => levels.filter((each: string) => each === level).length), [
    3,
    4997,
    0,
  ]);
  assertEquals(invocations[0].toolExecutionNotifications[0].message.text.split(" ", 1), ["60548"]);
});
