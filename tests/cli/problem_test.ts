import { assert, assertEquals, assertRejects } from "@std/assert";
import { CliError } from "../../cli/output/cli_error.ts";
import type { Output } from "../../cli/output/output.ts";
import { type Page, terminalPage, UNBOUNDED } from "../../cli/output/page.ts";
import { paintFor } from "../../cli/output/paint.ts";
import { printError } from "../../cli/report/print_error.ts";
import { problemOf } from "../../cli/report/problem.ts";
import { type Diagnostic, errorHint, LoadError, loadKernel, type LoadOptions } from "../../mod.ts";

const WARNING: Diagnostic = {
  code: "stack-executable",
  severity: "warning",
  index: 4,
  addresses: [],
  message: "It asks for an executable stack.",
  hint: "Link with -z noexecstack.",
};
const INFO: Diagnostic = { code: "quiet", severity: "info", addresses: [], message: "Not of interest." };
const PLACE = { index: 0, field: "p_align", value: 3n };

/** Prints an error, and returns what went where. */
async function printed(
  error: unknown,
  { json = false, verbose = false, page = UNBOUNDED }: { json?: boolean; verbose?: boolean; page?: Page } = {},
) {
  const texts = { stdout: "", stderr: "" };
  const paint = paintFor(false, page);
  const output: Output = {
    json,
    verbose,
    quiet: false,
    paint,
    paintError: paint,
    print: (text) => Promise.resolve(void (texts.stdout += text)),
    printError: (text) => Promise.resolve(void (texts.stderr += text)),
  };
  const problem = problemOf(error, { name: "a kernel.elf", flags: ["kernel-base", "max-memory"] });
  return { status: await printError(problem, output), ...texts };
}

Deno.test("a refused file is named, with the error, its hint, and the remarks so far", async () => {
  const error = new LoadError("alignment-invalid", PLACE, { diagnostics: [WARNING, INFO] });
  const { status, stdout, stderr } = await printed(error);
  assertEquals([status, stdout], [1, ""]);
  assertEquals(stderr.split("\n"), [
    "a kernel.elf: not loaded",
    "error[alignment-invalid]: Cannot load program header 0: p_align is 0x3, neither 0 nor a power of",
    "  two",
    `hint: ${errorHint("alignment-invalid")}`,
    "  warning[stack-executable]: Program header 4: It asks for an executable stack.",
    "    hint: Link with -z noexecstack.",
    "  1 remark of severity info hidden; -v shows it",
    "",
  ]);
  assert((await printed(error, { verbose: true })).stderr.includes("info[quiet]: Not of interest.\n"));
});

Deno.test("a refused file's JSON has its name and the remarks so far", async () => {
  const error = new LoadError("alignment-invalid", PLACE, { diagnostics: [WARNING, INFO] });
  const { stdout, stderr } = await printed(error, { json: true });
  const { version, name, error: { code, detail, diagnostics } } = JSON.parse(stdout);
  assertEquals([stderr, version, name, code], ["", 1, "a kernel.elf", "alignment-invalid"]);
  assertEquals([detail, diagnostics], [{ index: 0, field: "p_align", value: "0x3" }, [WARNING, INFO]]);
});

Deno.test("an error fits the terminal, and names and commands stay whole", async () => {
  const path = `/home/a user/${"deep folder/".repeat(6)}memory.bin`;
  const command = `--allow-write='${path}'`;
  const message = `Cannot write the dump ${path}: Deno lacks the permission`;
  const error = new CliError("dump-failed", message, { hint: "Give Deno the permission:", command, detail: { path } });
  assertEquals((await printed(error, { page: terminalPage(60) })).stderr.split("\n"), [
    "error[dump-failed]: Cannot write the dump",
    `  ${path}:`,
    "  Deno lacks the permission",
    "hint: Give Deno the permission:",
    `  ${command}`,
    "",
  ]);
  assertEquals((await printed(error)).stderr.split("\n")[0], `error[dump-failed]: ${message}`);
  assertEquals(
    JSON.parse((await printed(error, { json: true })).stdout).error.hint,
    `Give Deno the permission: ${command}`,
  );
  const refusal = new LoadError("alignment-invalid", PLACE, { diagnostics: [WARNING] });
  for (const line of (await printed(refusal, { page: terminalPage(60) })).stderr.split("\n")) assert(line.length <= 60);
});

const HINTS: readonly (readonly [LoadError, string])[] = [
  [
    new LoadError("kernel-base-misaligned", { field: "kernelBase", value: 0x20_3000n, limit: 0x20_0000 }),
    "--kernel-base 0x200000 keeps every segment aligned.",
  ],
  [
    new LoadError("kernel-base-refused", { field: "e_type", value: 2 }),
    "Leave out --kernel-base, or link the kernel as a static PIE (-static-pie).",
  ],
  [
    new LoadError("memory-limit-exceeded", { field: "p_memsz", value: 2n ** 40n, limit: 2 ** 32 }),
    "If the kernel is meant to need that much, raise --max-memory.",
  ],
];

for (const [error, hint] of HINTS) {
  Deno.test(`the hint for ${error.code} speaks of the flag, if the command has it`, () => {
    assertEquals(problemOf(error, { name: "a", flags: ["kernel-base", "max-memory"] }).hint, hint);
    assertEquals(problemOf(error, { name: "a", flags: [] }).hint, errorHint(error.code));
  });
}

Deno.test("an error with a cause has that in place of the general hint", () => {
  const cause = new Error("no carrier");
  const failed = problemOf(new LoadError("source-failed", { field: "byte", value: 3 }, { cause }));
  assertEquals([failed.cause, failed.hint], ["no carrier", undefined]);
  assertEquals(failed.message, "Cannot read the source: it failed after 3 bytes");
});

/** Options that the loader refuses, and what the command line says of the flags that gave them. */
const OPTIONS: readonly (readonly [LoadOptions, string, string])[] = [
  [
    { memory: { base: 0x20_0000 }, kernelOffset: 0x10_0000 },
    "Cannot use --kernel-offset 0x100000: it must not be below memory, which starts at 0x200000",
    "kernel-offset",
  ],
  [
    { level4Frame: 0xf_000_0001 },
    "Cannot use --level4-frame 0xf0000001: it must be a multiple of 4096",
    "level4-frame",
  ],
  [{ maxMemory: 0 }, "Cannot use --max-memory 0x0: it must be a number of bytes from 1 ", "max-memory"],
  [{ kernelBase: 1n << 70n }, "Cannot use --kernel-base 0x400000000000000000: it must be from 0 to ", "kernel-base"],
  [
    { memory: { size: 2 ** 33 } },
    "Cannot use --memory-size 0x200000000: it must be a multiple of 4096, and at most --max-memory (4 GiB by default)",
    "memory-size",
  ],
  [{ memory: { base: 2 ** 52 } }, "Cannot use --memory-base 0x10000000000000: ", "memory-base"],
];

for (const [options, message, flag] of OPTIONS) {
  Deno.test(`an option that the loader refuses is named by its flag: --${flag}`, async () => {
    const problem = problemOf(await assertRejects(() => loadKernel(new Uint8Array(), options)));
    assert(problem.message.startsWith(message), problem.message);
    assertEquals([problem.code, problem.status, problem.detail], ["usage", 2, {
      flag,
      value: /^Cannot use --\S+ (\S+):/.exec(problem.message)?.[1],
    }]);
  });
}

/** Errors of another copy or version of the module, which may lack fields or have codes of its own. */
const FOREIGN: readonly (readonly [object, readonly string[]])[] = [
  [{ code: "moon-phase\x1b", message: "Not today", detail: { value: 1n } }, ["error[moon-phase\\u001b]: Not today"]],
  [{ code: "moon-phase", message: "Not today", detail: null, diagnostics: null }, ["error[moon-phase]: Not today"]],
  [{ code: "moon-phase", detail: {} }, ["error[moon-phase]: no message"]],
  [{ code: "constructor", message: "Not today", detail: {} }, ["error[constructor]: Not today"]],
  [
    { code: "kernel-base-misaligned", message: "Not today", detail: null },
    ["error[kernel-base-misaligned]: Not today", `hint: ${errorHint("kernel-base-misaligned")}`],
  ],
  [
    { code: "kernel-base-misaligned", message: "Not today", detail: { value: 3n, limit: 0.5 } },
    ["error[kernel-base-misaligned]: Not today", `hint: ${errorHint("kernel-base-misaligned")}`],
  ],
  [
    { code: "plugin-failed", message: "Not today", detail: null },
    ["error[plugin-failed]: Not today", `hint: ${errorHint("plugin-failed")}`],
  ],
];

for (const [error, lines] of FOREIGN) {
  Deno.test(`an error of another copy is printed as far as it goes: ${lines[0]}`, async () => {
    const foreign = { name: "LoadError", ...error };
    assertEquals(
      (await printed(foreign, { page: terminalPage(200) })).stderr,
      ["a kernel.elf: not loaded", ...lines, ""].join("\n"),
    );
    const { error: { code, hint } } = JSON.parse((await printed(foreign, { json: true })).stdout);
    assertEquals([code, hint], [(error as LoadError).code, lines[1]?.slice("hint: ".length)]);
  });
}

Deno.test("an unexpected error is reported as a bug, without its stack, whatever it says", () => {
  for (const error of [new TypeError("x is not a function"), new RangeError("Cannot use 0x1: it is odd")]) {
    const problem = problemOf(error);
    assertEquals([problem.code, problem.message, problem.status], ["internal", error.message, 1]);
  }
});
