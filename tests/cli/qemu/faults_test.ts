/** Kernels that die, each of a cause that run names: tests/fixtures/faults, captured by capture_faults.ts. */

import { assertEquals, assertMatch } from "@std/assert";
import { CAUSE_CODES } from "../../../explain/fault/cause.ts";
import { runTool, testWithTools } from "../../tools.ts";
import { kload, pathOf } from "../kload.ts";
import { bootableFault, capturedFault, endOfLog, explained, faultFile, FAULTS, runFault } from "./faults.ts";

const QEMU = "qemu-system-x86_64";

/** What is said of each kernel, from what was captured. */
const replayed = new Map<string, ReturnType<typeof explained>>();

function replay(name: string): ReturnType<typeof explained> {
  const known = replayed.get(name);
  if (known) return known;
  const found = bootableFault(name).then(async (bootable) => {
    return await explained(name, bootable, await capturedFault(name, bootable));
  });
  replayed.set(name, found);
  return found;
}

for (const name of FAULTS) {
  Deno.test(`the report on a kernel that dies is held word for word: ${name}`, async () => {
    assertEquals((await replay(name)).report, await Deno.readTextFile(faultFile(name, "report.txt")));
  });
}

Deno.test("there is a kernel for every cause", async () => {
  const found = new Set<string>();
  for (const name of FAULTS) {
    const { causes, handler, expectations } = (await replay(name)).explanation;
    for (const { code } of [...causes, ...expectations, ...handler ? [handler] : []]) found.add(code);
  }
  assertEquals(CAUSE_CODES.filter((code) => !found.has(code)), []);
});

Deno.test("docs/json.md describes every cause, in their order", async () => {
  const [, run] = (await Deno.readTextFile(pathOf("docs/json.md"))).split("\n## run\n");
  const [, causes] = run.split("\n## ")[0].split("The codes of `causes`");
  const described = [...causes.matchAll(/^\| `([a-z0-9-]+)` +\| \S/gm)].map(([, code]) => code);
  assertEquals(described, [...CAUSE_CODES]);
});

for (const name of FAULTS) {
  testWithTools([QEMU], `QEMU says of a kernel that dies what was captured: ${name}`, async () => {
    const bootable = await bootableFault(name);
    const { report } = await runFault(name, bootable, (captured) => {
      return explained(name, bootable, { ...captured, log: endOfLog(captured.log) });
    });
    assertEquals(report, await Deno.readTextFile(faultFile(name, "report.txt")));
  });
}

/** What follows from doing as a hint says: a kernel, the flags, the status, and what is reported. */
const FOLLOWED: readonly (readonly [name: string, flags: readonly string[], status: number, report: RegExp])[] = [
  ["vga-text", ["--identity"], 1, /halted for good[\s\S]* in _start\+0x14\n/],
  ["local-apic", ["--identity"], 1, /halted for good[\s\S]* in _start\+0xa\n/],
  ["write-relro", ["--no-plugin", "relro"], 1, /halted for good[\s\S]* in _start\+0xf\n/],
  ["large-array", ["--stack-size", "256K"], 0, /^$/],
];

for (const [name, flags, expected, pattern] of FOLLOWED) {
  testWithTools([QEMU], `a hint helps: ${name} with ${flags.join(" ")}`, async () => {
    const path = pathOf(`tests/fixtures/faults/${name}/kernel.elf`);
    const { status, stderr } = await kload(["run", ...flags, "--timeout", "2", path]);
    assertEquals(status, expected, stderr);
    assertMatch(stderr, pattern);
  });
}

testWithTools(["nm"], "functions and offsets are those that nm lists", async () => {
  for (const name of FAULTS) {
    const lines = (await runTool("nm", ["-n", pathOf(`tests/fixtures/faults/${name}/kernel.elf`)])).trim().split("\n");
    const addresses = new Map(lines.map((line) => {
      const [address, , symbol] = line.split(" ");
      return [symbol, BigInt(`0x${address}`)];
    }));
    const report = await Deno.readTextFile(faultFile(name, "report.txt"));
    const { kernel: { virtualAddressOffset } } = await bootableFault(name);
    for (
      const [, symbol, offset, address] of report.matchAll(/^ {2}(?!at )(\w+)(?:\+(0x[0-9a-f]+))? +(0x[0-9a-f]{6,})/gm)
    ) {
      const linked = (addresses.get(symbol) ?? 0n) + BigInt(offset ?? 0);
      assertEquals(linked + virtualAddressOffset, BigInt(address), `${name}: ${symbol}`);
    }
  }
});
