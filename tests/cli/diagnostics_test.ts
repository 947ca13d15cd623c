import { assertEquals } from "@std/assert";
import { terminalPage } from "../../cli/output/page.ts";
import { paintFor } from "../../cli/output/paint.ts";
import { diagnosticLines, diagnosticsSection, warningCount } from "../../cli/report/diagnostics.ts";
import type { Diagnostic } from "../../mod.ts";

const PAINT = paintFor(false);

function diagnostic(index: number | undefined, message: string, more: Partial<Diagnostic> = {}): Diagnostic {
  const place = index === undefined ? {} : { index };
  return { code: "text-writable", severity: "warning", addresses: [], message, ...place, ...more };
}

const MERGED: readonly (readonly [readonly (number | undefined)[], string])[] = [
  [[undefined], ""],
  [[3], "Program header 3: "],
  [[3, 4], "Program headers 3 and 4: "],
  [[7, 3, 5], "Program headers 3, 5 and 7: "],
  [[0, 1, 2, 3, 9], "Program headers 0-3 and 9: "],
  [[3, 3], "Program header 3: "],
];

for (const [indices, prefix] of MERGED) {
  Deno.test(`a remark on headers ${indices.join(", ")} is one remark`, () => {
    const diagnostics = indices.map((index) => diagnostic(index, "It is writable."));
    assertEquals(diagnosticLines(diagnostics, PAINT), [`  warning[text-writable]: ${prefix}It is writable.`]);
    assertEquals(warningCount(diagnostics), ["1 warning"]);
  });
}

Deno.test("remarks that differ in more than their header stay apart", () => {
  const diagnostics = [
    diagnostic(0, "It is writable."),
    diagnostic(1, "It is executable."),
    diagnostic(2, "It is writable.", { hint: "Change it." }),
    diagnostic(3, "It is writable.", { code: "data-writable" }),
  ];
  assertEquals(diagnosticLines(diagnostics, PAINT), [
    "  warning[text-writable]: Program header 0: It is writable.",
    "  warning[text-writable]: Program header 1: It is executable.",
    "  warning[text-writable]: Program header 2: It is writable.",
    "    hint: Change it.",
    "  warning[data-writable]: Program header 3: It is writable.",
  ]);
  assertEquals(warningCount(diagnostics), ["4 warnings"]);
});

Deno.test("control characters in a code, a severity or a hint are escaped, and a long code stays whole", () => {
  const severity = "fatal\x1b[1m" as "warning";
  assertEquals(diagnosticLines([diagnostic(0, "a", { code: "Weird Code\x1b[31m", severity })], PAINT), [
    "  fatal\\u001b[1m[Weird Code\\u001b[31m]: Program header 0: a",
  ]);
  const code = "word ".repeat(40);
  assertEquals(diagnosticLines([diagnostic(0, "a", { code, hint: "" })], paintFor(false, terminalPage(60))), [
    `  warning[${code}]:`,
    "    Program header 0: a",
  ]);
});

Deno.test("remarks of severity info are counted where they are not shown", () => {
  const info = { severity: "info" } as const;
  const diagnostics = [
    diagnostic(0, "a", info),
    diagnostic(1, "a", info),
    diagnostic(1, "b", info),
    diagnostic(2, "c"),
  ];
  assertEquals(diagnosticsSection(diagnostics, PAINT, false), [
    "Diagnostics",
    "  warning[text-writable]: Program header 2: c",
    "  2 remarks of severity info hidden; -v shows them",
  ]);
  assertEquals(diagnosticsSection(diagnostics.slice(0, 2), PAINT, false), [
    "  1 remark of severity info hidden; -v shows it",
  ]);
  assertEquals(diagnosticsSection(diagnostics.slice(0, 2), PAINT, true), [
    "Diagnostics",
    "  info[text-writable]: Program headers 0 and 1: a",
  ]);
  assertEquals(diagnosticsSection([], PAINT, true), []);
  assertEquals(warningCount(diagnostics.slice(0, 3)), []);
});

Deno.test("no more remarks are shown than a person reads", () => {
  const diagnostics = Array.from({ length: 5000 }, (_, at) => diagnostic(at, `${at}`));
  const lines = diagnosticLines(diagnostics, PAINT);
  assertEquals([lines.length, lines.at(-1)], [21, "  ... and 4,980 more (--json lists all)"]);
});
