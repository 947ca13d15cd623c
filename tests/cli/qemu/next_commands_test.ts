/** The commands that a report of run ends in: they are taken, and lead to the same place. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { RUN } from "../../../cli/arguments/command_table.ts";
import { parseArguments } from "../../../cli/arguments/parse_arguments.ts";
import { WALK } from "../../../cli/arguments/walk_command.ts";
import { walkCommand } from "../../../cli/qemu/next_commands.ts";
import type { FaultEvent } from "../../../explain/fault/fault_explanation.ts";
import { runTool, testWithTools } from "../../tools.ts";
import { kload, pathOf, withFolder } from "../kload.ts";

const QEMU = "qemu-system-x86_64";

const EVENT: FaultEvent = {
  access: { address: 0x1000n, description: "in no segment", kind: "write", user: false },
  page: { problem: "not-writable", message: "the page is mapped, but not writable", tables: "initial" },
  causes: [],
  diagnostics: [],
  registers: {},
};

const FLAGS: readonly (readonly [given: string, walk: string | undefined])[] = [
  ["k.elf", "kload walk k.elf 0x1000 --as-run"],
  ["-k.elf --identity --timeout 3 -q", "kload walk ./-k.elf 0x1000 --as-run --identity"],
  ["k.elf --physical-memory --stack-size 32K", "kload walk k.elf 0x1000 --as-run --stack-size 32K --physical-memory"],
  ["k.elf --no-plugin relro --no-plugin tls", "kload walk k.elf 0x1000 --as-run --no-plugin relro --no-plugin tls"],
  ["k.elf --memory 64M", undefined],
  ["-", undefined],
];

for (const [given, expected] of FLAGS) {
  Deno.test(`after run ${given}, walk has the same kernel`, () => {
    const dashed = given.startsWith("-k") ? ["--", given.split(" ")[0]] : [];
    const rest = dashed.length > 0 ? given.split(" ").slice(1) : given.split(" ");
    const args = dashed.length > 0
      ? { ...parseArguments(RUN, ["k.elf", ...rest]), source: dashed[1] }
      : parseArguments(RUN, rest);
    const command = walkCommand(EVENT, args, WALK)?.command;
    const words = (text: string | undefined) => text?.split(" ").sort();
    assertEquals(words(command), words(expected));
    if (command === undefined) return;
    const walked = parseArguments(WALK, command.split(" ").slice(2));
    assertEquals(walked.operands, ["0x1000"]);
    assert(walked.switches.has("as-run"));
  });
}

Deno.test("walk is not offered where it would see other page tables, or shows nothing more", () => {
  const args = parseArguments(RUN, ["k.elf"]);
  assertEquals(walkCommand({ ...EVENT, page: { ...EVENT.page!, tables: "own" } }, args, WALK), undefined);
  const causes = [{ code: "tables-changed", message: "" }] as const;
  assertEquals(walkCommand({ ...EVENT, causes }, args, WALK), undefined);
});

Deno.test("walk has every flag of run about the kernel", () => {
  const others = new Set(["timeout", "memory", "qemu-arg", "gdb", "strict"]);
  const names = new Set<string>(WALK.flags.map(({ name }) => name));
  assertEquals(RUN.flags.map(({ name }) => name).filter((name) => !names.has(name) && !others.has(name)), []);
});

testWithTools([QEMU, "gcc", "addr2line"], "the command finds the lines of the fault and its callers", async () => {
  await withFolder(async (folder) => {
    const source = [
      "void stop(void) { *(volatile char *)0xffffffffc0000000 = 1; }", // line 1
      "void _start(void) {",
      '  __asm__ volatile("" ::: "memory");',
      "  stop();", // line 4
      "  for (;;);",
      "}",
    ];
    const path = `${folder}/a kernel.elf`;
    await Deno.writeTextFile(`${folder}/kernel.c`, source.join("\n"));
    const flags = ["-g", "-O1", "-fno-inline", "-ffreestanding", "-nostdlib", "-static", "-fno-pic", "-no-pie"];
    await runTool("gcc", [
      ...flags,
      "-fno-optimize-sibling-calls",
      "-mcmodel=kernel",
      "-Wl,-Ttext=0xffffffff80000000,--build-id=none",
      "-o",
      path,
      `${folder}/kernel.c`,
    ]);
    const { status, stderr } = await kload(["run", path, "--timeout", "20"]);
    assertEquals(status, 3, stderr);
    const [, file, addresses] = /^ {4}addr2line -f -i -e '(.*)' (0x.*)$/m.exec(stderr) ?? [];
    assertEquals(file, path, stderr);
    const lines = await runTool("addr2line", ["-f", "-i", "-e", file, ...addresses.split(" ")]);
    assertMatch(lines, /^stop\n\S+kernel\.c:1\b[\s\S]*^_start\n\S+kernel\.c:4\b/m);
    assertStringIncludes(stderr, `    kload walk '${path}' 0xffffffffc0000000 --as-run\n`);
  });
});

testWithTools([QEMU], "what the user logs of QEMU is printed, and the report still has the exception", async () => {
  const path = pathOf("tests/fixtures/faults/sse-off/kernel.elf");
  const { status, stderr } = await kload(["run", path, "--timeout", "20", "--", "-d", "in_asm"]);
  assertEquals(status, 3);
  assertMatch(stderr, /^IN: /m);
  assertStringIncludes(stderr, "The guest triple-faulted after an invalid opcode (#UD).");
  assertStringIncludes(stderr, "addps is an SSE instruction, and CR4.OSFXSR is not set");
});

testWithTools([QEMU], "a guest that is to wait (-S) waits", async () => {
  const path = pathOf("tests/fixtures/faults/sse-off/kernel.elf");
  const { status, stderr } = await kload(["run", path, "--timeout", "1", "--", "-S"]);
  assertEquals(status, 124, stderr);
  assertStringIncludes(stderr, "note: the guest waits (-S) until a debugger or monitor lets it go on\n");
  assertStringIncludes(stderr, "run[timeout]: The guest did not finish within 1 s.\n");
});
