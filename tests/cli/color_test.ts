import { assertEquals, assertStringIncludes } from "@std/assert";
import { type ColorEnvironment, usesColor } from "../../cli/output/color.ts";
import { HELLO, kload, ONLY_HELLO } from "./kload.ts";

const NONE: ColorEnvironment = { noColor: false };

// no-color.org: NO_COLOR, "when present and not an empty string, prevents the addition of ANSI color"
const DECISIONS: readonly (readonly [string, Parameters<typeof usesColor>, boolean])[] = [
  ["auto on a terminal", ["auto", NONE, true], true],
  ["auto elsewhere", ["auto", NONE, false], false],
  ["always elsewhere", ["always", NONE, false], true],
  ["never on a terminal", ["never", NONE, true], false],
  ["NO_COLOR", ["auto", { noColor: true }, true], false],
  ["always, with NO_COLOR", ["always", { noColor: true }, false], true],
  ["FORCE_COLOR=1", ["auto", { ...NONE, forceColor: "1" }, false], true],
  ["FORCE_COLOR=0", ["auto", { ...NONE, forceColor: "0" }, true], false],
  ["FORCE_COLOR=", ["auto", { ...NONE, forceColor: "" }, false], false],
  ["never, with FORCE_COLOR=1", ["never", { ...NONE, forceColor: "1" }, true], false],
  ["always, with FORCE_COLOR=0", ["always", { ...NONE, forceColor: "0" }, false], true],
  ["NO_COLOR and FORCE_COLOR=1", ["auto", { noColor: true, forceColor: "1" }, true], false],
];

for (const [name, args, expected] of DECISIONS) {
  Deno.test(`${name}: ${expected ? "colors" : "no colors"}`, () => assertEquals(usesColor(...args), expected));
}

const RUNS: readonly (readonly [readonly string[], Readonly<Record<string, string>>, boolean])[] = [
  [[], { NO_COLOR: "", FORCE_COLOR: "" }, false],
  [[], { NO_COLOR: "", FORCE_COLOR: "1" }, true],
  [[], { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
  [["--color", "always"], { NO_COLOR: "1" }, true],
  [["--no-color"], { NO_COLOR: "", FORCE_COLOR: "1" }, false],
  [["--color=never"], { NO_COLOR: "", FORCE_COLOR: "1" }, false],
];

for (const [flags, env, colored] of RUNS) {
  const name = [...Object.entries(env).map((pair) => pair.join("=")), "kload", ...flags].join(" ");
  Deno.test(`${name} prints ${colored ? "" : "no "}colors in reports and errors`, async () => {
    const report = await kload([HELLO, ...flags], { env });
    assertEquals([report.status, report.stdout.includes("\x1b[")], [0, colored]);
    const error = await kload([HELLO, "--jsno", ...flags], { env });
    assertEquals([error.status, error.stderr.includes("\x1b[")], [2, colored]);
  });
}

Deno.test("FORCE_COLOR is left alone without the permission to read it", async () => {
  const env = { NO_COLOR: "", FORCE_COLOR: "1" };
  const { status, stdout, stderr } = await kload([HELLO], { ...ONLY_HELLO, env });
  assertEquals([status, stderr], [0, ""]);
  assertStringIncludes(stdout, "\n  entry point");
});
