/** `kload explain`: every code has its documentation, and the documentation is that of docs/errors.md and of the tables. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { paintFor } from "../../cli/output/paint.ts";
import { terminalPage } from "../../cli/output/page.ts";
import { COMMAND_ERRORS, DIAGNOSTIC_CAUSES, ERROR_CAUSES } from "../../cli/report/code_causes.ts";
import { codeList, explanation } from "../../cli/report/explain_report.ts";
import { allTopics, type Topic } from "../../cli/report/topics.ts";
import { RUN_CAUSES, RUN_ENDS } from "../../cli/report/run_causes.ts";
import { ERROR_CODES } from "../../core/errors.ts";
import { CAUSE_CODES } from "../../explain/fault/cause.ts";
import { LOADERS } from "../../loaders/all_loaders.ts";
import { FINDING_RULES } from "../../loaders/findings.ts";
import { kload, kloadJson, pathOf } from "./kload.ts";

const PLAIN = paintFor(false);

/** The codes in docs/errors.md, with what the given column says about them. */
function documented(heading: string, column: number): Readonly<Record<string, string>> {
  const text = Deno.readTextFileSync(pathOf("docs/errors.md"));
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| `")).map((row) => {
    return row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("\\|", "|"));
  });
  return Object.fromEntries(rows.map((cells) => [cells[0].replaceAll("`", ""), cells[column]]));
}

Deno.test("errors and diagnostics are explained with the sentences of docs/errors.md", () => {
  assertEquals(ERROR_CAUSES, documented("Errors", 1));
  assertEquals(DIAGNOSTIC_CAUSES, documented("Diagnostics", 2));
});

Deno.test("every code has a topic: of errors, diagnostics, findings, rules and the command line", () => {
  const codes = new Set(allTopics().map(({ code }) => code));
  const expected = [
    ...ERROR_CODES,
    ...Object.keys(DIAGNOSTIC_CAUSES),
    ...Object.keys(COMMAND_ERRORS),
    ...FINDING_RULES.map(({ id }) => id),
    ...LOADERS.flatMap(({ rules }) => rules.map(({ id }) => id)),
    ...CAUSE_CODES,
    ...Object.keys(RUN_ENDS),
  ];
  assertEquals([...codes].sort(), [...new Set(expected)].sort());
  for (const { code, about, kind, hint } of allTopics()) {
    assert(about !== undefined && about !== "", code);
    assert(["diagnostic", "end", "cause"].includes(kind) || (hint !== undefined && hint !== ""), `${code}: what to do`);
  }
});

Deno.test("ends and causes of run are explained with the sentences of docs/json.md", () => {
  const [, section] = Deno.readTextFileSync(pathOf("docs/json.md")).split("\n## run\n");
  const rows = [...section.split("\n## ")[0].matchAll(/^\| `([a-z0-9-]+)` +\| (\S.*?) +\|$/gm)];
  const described = rows.map(([, code, about]) => [code, about]);
  const all = Object.entries({ ...RUN_ENDS, ...RUN_CAUSES });
  assertEquals(described, all.map(([code, { about }]) => [code, about]));
  assertEquals(Object.keys(RUN_CAUSES), [...CAUSE_CODES]);
});

Deno.test("a code copied from a report of run is explained", async () => {
  for (const code of ["run[guest-reset]:", "timeout", "halted", "null-pointer", "stack-overflow"]) {
    const { status, stdout, stderr } = await kload(["explain", code], { permissions: [] });
    assertEquals([status, stderr], [0, ""], code);
    assertStringIncludes(stdout, "kload run");
  }
});

Deno.test("loaders share a topic only if their rules are the same, and it has the versions of each", () => {
  for (const { name, versions: all, rules } of LOADERS) {
    for (const { id, outcome, words, about, why, mend, source, versions = all } of rules) {
      const topics = allTopics().filter(({ code, loaders = [] }) => code === id && loaders.includes(name));
      assert(
        topics.some((topic) => {
          return topic.about === about && topic.outcome === outcome && topic.words === words && topic.why === why &&
            topic.hint === mend && topic.source === source && topic.versions?.includes(versions.replace(/\.$/, ""));
        }),
        `${name}: ${id}`,
      );
    }
  }
});

Deno.test("the explanation of an error has its cause and what to do about it", async () => {
  const { status, stdout, stderr } = await kload(["explain", "range-in-use"], { permissions: [] });
  assertEquals([status, stderr], [0, ""]);
  assertEquals(
    stdout.replace(/file:.*/, "URL"),
    `range-in-use: an error of a load
  A physical range that the caller describes holds frames of the load.
  what to do  Place it where the load takes no frames: below the file's bytes, or outside this
              memory.
  more        URL
`,
  );
});

Deno.test("a code of several kinds is explained as each of them", () => {
  const text = explanation(allTopics().filter(({ code }) => code === "alignment-mismatch"), PLAIN);
  assertStringIncludes(text, "alignment-mismatch: an error of a load\n");
  assertStringIncludes(text, "\n\nalignment-mismatch: a diagnostic of the loader (warning)\n");
});

Deno.test("the explanation of a rule names its loaders, their words, why, what to do, and where it is written", () => {
  const topic: Topic = {
    code: "phys-overlap",
    kind: "rule",
    about: "Two `PT_LOAD` segments overlap in physical memory.",
    loaders: ["grub-multiboot", "grub-multiboot2"],
    outcome: "refuses",
    words: "overlap detected",
    why: "Each is loaded on its own.",
    hint: "Give each segment an LMA of its own.",
    source: "lib/relocator.c",
    versions: "2.06",
  };
  assertEquals(
    explanation([topic, { ...topic, loaders: ["qemu-kernel"], outcome: "fails", words: undefined }], PLAIN),
    `phys-overlap: a rule of grub-multiboot and grub-multiboot2, which refuse the file
  Two PT_LOAD segments overlap in physical memory.
  symptom     overlap detected
  why         Each is loaded on its own.
  what to do  Give each segment an LMA of its own.
  source      lib/relocator.c
  versions    2.06

phys-overlap: a rule of qemu-kernel, which fails with the file
  Two PT_LOAD segments overlap in physical memory.
  why         Each is loaded on its own.
  what to do  Give each segment an LMA of its own.
  source      lib/relocator.c
  versions    2.06
`,
  );
});

Deno.test("the list has every code under its group, and folds to the terminal's width", () => {
  const topics = allTopics();
  for (const width of [40, 80, 120]) {
    const lines = codeList(topics, { ...PLAIN, ...terminalPage(width) }).split("\n");
    for (const line of lines) assert(line.length <= width, line);
    for (const { code } of topics) {
      assert(lines.some((line) => line === `  ${code}` || line.startsWith(`  ${code} `)), code);
    }
  }
});

Deno.test("explain without a code prints the list, and finds what is mistyped or copied with its brackets", async () => {
  const list = await kload(["explain"], { permissions: [] });
  assertEquals([list.status, list.stderr], [0, ""]);
  assertStringIncludes(list.stdout, "Errors of a load\n  file-too-short ");
  const copied = await kload(["explain", "error[not-elf]:"], { permissions: [] });
  assert(copied.stdout.startsWith("not-elf: an error of a load\n"), copied.stdout);
  const mistyped = await kload(["explain", "segment-overlap"], { permissions: [] });
  assertEquals([mistyped.status, mistyped.stdout], [2, ""]);
  assertEquals(
    mistyped.stderr,
    "error[usage]: Cannot explain segment-overlap: there is no such code\n" +
      "hint: Did you mean kload explain segments-overlap?\n",
  );
  const unknown = await kload(["explain", "xyz"], { permissions: [] });
  assertStringIncludes(unknown.stderr, "hint: kload explain lists all codes.\n");
  const two = await kload(["explain", "not-elf", "xyz"], { permissions: [] });
  assertEquals([two.status, two.stderr], [2, "error[usage]: Cannot use xyz: the code is already not-elf\n"]);
});

Deno.test("explain --json prints the topics of a code, or all; -q prints nothing", async () => {
  const { json } = await kloadJson(["explain", "range-in-use"], { permissions: [] });
  assertEquals([json.version, json.code, json.topics.length], [1, "range-in-use", 1]);
  assertEquals([json.topics[0].kind, json.topics[0].about], ["error", ERROR_CAUSES["range-in-use"]]);
  const all = await kloadJson(["explain"], { permissions: [] });
  assertEquals(all.json.topics.length, allTopics().length);
  assertEquals(await kload(["explain", "not-elf", "-q"], { permissions: [] }), { status: 0, stdout: "", stderr: "" });
});
